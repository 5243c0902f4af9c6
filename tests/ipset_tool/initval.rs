//! The option `initval`, which makes the kernel list the same entries in the same order in each set.
//!
//! On a kernel without it, commands are run without the option, and what depends on the order is not compared.

use std::borrow::Cow;

/// Whether the kernel has the option.
#[derive(Clone, Copy)]
pub(crate) struct Initval {
    pub(crate) known: bool,
}

impl Initval {
    /// Finds it out by creating a set.
    pub(crate) fn probe() -> Self {
        let created = lab::tool("ipset", ["create", "probe", "hash:ip", "initval", "1"])
            .and_then(|_| lab::tool("ipset", ["destroy", "probe"]));
        Self {
            known: lab::test::has("the option initval", created).is_some(),
        }
    }

    /// Removes the option from commands, and from what is expected of `save`. `bucketsize` came with it.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.known {
            return text.into();
        }
        text.replace(" initval 1", "")
            .replace(" bucketsize 12 initval 0x00000001", "")
            .into()
    }

    /// Returns what can be compared of the listings of two sets with the same entries.
    pub(crate) fn listing<'a>(&self, listing: &'a str) -> Cow<'a, str> {
        if self.known {
            return listing.into();
        }
        // How much memory a set takes depends on which entries share a bucket.
        let size = ["Size in memory:", "<memsize>"];
        let comparable = |line: &&str| !size.iter().any(|it| line.starts_with(it));
        let mut lines: Vec<_> = listing.lines().filter(comparable).collect();
        lines.sort_unstable();
        lines.join("\n").into()
    }
}
