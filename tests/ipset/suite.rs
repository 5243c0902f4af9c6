//! The tests of both binaries, each with what it needs from the kernel.

use lab::test::Test;

use crate::common::Outcome;

/// The types of set, all of them.
pub const ALL: &[&str] = &[
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

/// Those that most kernels have.
pub const COMMON: &[&str] = &[
    "bitmap:ip",
    "bitmap:ip,mac",
    "bitmap:port",
    "hash:ip",
    "hash:ip,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:net",
    "hash:net,port",
    "list:set",
];

/// A test with the types of set that it needs, and whether it needs firewall rules.
pub struct Entry {
    types: &'static [&'static str],
    rules: bool,
    test: Test,
}

/// A test that needs these types of set.
pub fn needs(
    types: &'static [&'static str],
    name: &str,
    run: impl FnOnce() -> Outcome + Send + 'static,
) -> Entry {
    Entry {
        types,
        rules: false,
        test: Test::new(name, run),
    }
}

impl Entry {
    /// It needs `iptables-legacy` with `-m set` too.
    pub fn with_rules(mut self) -> Entry {
        self.rules = true;
        self
    }
}

/// The tests that a kernel with these types, and with or without rules, can run.
pub fn tests(types: &[&str], rules: bool) -> Vec<Test> {
    let all = [
        crate::cases::tests(),
        crate::elements::tests(),
        crate::options::tests(),
    ];
    all.into_iter()
        .flatten()
        .filter(|entry| rules || !entry.rules)
        .filter(|entry| entry.types.iter().all(|name| types.contains(name)))
        .map(|entry| entry.test)
        .collect()
}
