//! The tests of both binaries, each with its requirements for the kernel.

mod apply;
mod apply_all;
mod apply_beside;
mod apply_counted;
mod apply_failures;
mod cases;
mod common;
mod described;
mod elements;
mod errors;
mod many_entries;
mod masks;
mod nomatch;
mod nulls;
mod options;
mod peers;
mod random;
mod ranges;
mod readd;
mod replace;
#[path = "../../../src/ipset/plan/small.rs"]
mod small;
mod stored;

use common::{Outcome, has_family};
use ipvset::{Family, ipset};

/// Does what a test started this process for, if one did.
pub(crate) fn die_if_asked() {
    replace::die_if_asked();
    apply_beside::change_if_asked();
    apply_counted::apply_if_asked();
}

/// All set types.
pub(crate) const ALL: &[&str] = &[
    "bitmap:ip",
    "bitmap:ip,mac",
    "bitmap:port",
    "hash:ip",
    "hash:ip,mac",
    "hash:ip,mark",
    "hash:ip,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:mac",
    "hash:net",
    "hash:net,iface",
    "hash:net,net",
    "hash:net,port",
    "hash:net,port,net",
    "list:set",
];

/// Returns how often something is repeated: `full` if the environment variable IPVSET_FULL is set,
/// and otherwise a fifth of it.
pub(crate) fn rounds(full: u32) -> u32 {
    match std::env::var_os("IPVSET_FULL") {
        Some(_) => full,
        None => full / 5,
    }
}

/// A test with the set types that it needs, and whether it needs firewall rules.
pub(crate) struct Test {
    types: &'static [&'static str],
    rules: bool,
    test: lab::test::Test,
}

/// Creates a test that needs these set types.
pub(crate) fn needs(
    types: &'static [&'static str],
    name: &str,
    run: impl FnOnce() -> Outcome + Send + 'static,
) -> Test {
    Test {
        types,
        rules: false,
        test: lab::test::Test::new(name, run),
    }
}

impl Test {
    /// Requires `iptables-legacy` with `-m set`.
    pub(crate) fn with_rules(mut self) -> Test {
        self.rules = true;
        self
    }
}

/// Creates a test for each family of every set type.
pub(crate) fn of_every_type(module: &str, run: fn(&'static str, Family) -> Outcome) -> Vec<Test> {
    let mut tests = Vec::new();
    for name in ALL {
        let families: &[Family] = match has_family(name) {
            true => &[Family::Ipv4, Family::Ipv6],
            false => &[Family::Ipv4],
        };
        for family in families {
            tests.push(needs(
                std::slice::from_ref(name),
                &format!("{module}::{name} {family}"),
                move || run(name, *family),
            ));
        }
    }
    tests
}

/// Returns the tests for a kernel with these types, with or without firewall rules.
pub(crate) fn tests(types: &[&str], rules: bool) -> Vec<lab::test::Test> {
    let all = [
        cases::tests(),
        elements::tests(),
        options::tests(),
        nulls::tests(),
        ranges::tests(),
        nomatch::tests(),
        readd::tests(),
        peers::tests(),
        replace::tests(),
        many_entries::tests(),
        errors::tests(),
        described::tests(),
        masks::tests(),
        stored::tests(),
        apply::tests(),
        apply_all::tests(),
        apply_beside::tests(),
        apply_counted::tests(),
        apply_failures::tests(),
        random::tests(),
    ];
    all.into_iter()
        .flatten()
        .filter(|entry| rules || !entry.rules)
        .filter(|entry| entry.types.iter().all(|name| types.contains(name)))
        .map(|entry| entry.test)
        .collect()
}
