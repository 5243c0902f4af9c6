//! What the control interface of this binary's handles can do. The same tests run over netlink and
//! over socket options (`tests/ipvs_sockopt.rs`, `tests/ipvs_rootless.rs`), which can do less.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ipvset::Family;
use ipvset::ipvs::{
    ForwardingMethod, PersistenceEngine, RealServer, ServiceKey, Statistics, Tunnel, VirtualService,
};
use lab::test::{Outcome, Test};

use crate::support::Result;

/// Whether the handles use socket options.
pub(crate) const OVER_SOCKET_OPTIONS: bool = matches!(
    env!("CARGO_CRATE_NAME").as_bytes(),
    b"ipvs_sockopt" | b"ipvs_rootless"
);

/// Whether the handles are those of tokio.
pub(crate) const OVER_TOKIO: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"ipvs_tokio");

/// Whether the tests run as an ordinary user in a user namespace.
pub(crate) const ROOTLESS: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"ipvs_rootless");

/// Whether the tests with traffic run. What the kernel does with packets does not depend on who
/// configured it as root, or on tokio, so these tests run over the blocking handle and rootless.
pub(crate) const WITH_TRAFFIC: bool = matches!(
    env!("CARGO_CRATE_NAME").as_bytes(),
    b"ipvs" | b"ipvs_rootless"
);

/// Whether the tests of replacements under traffic run.
pub(crate) const WITH_REPLACEMENTS: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"ipvs");

/// The tests of what the socket options lack, and a word of the error with which each ends there.
const LACKS: [(&str, &str); 14] = [
    ("plan::keeper::a_mark_of_both_families", "IPv6"),
    ("errors::an_unknown_persistence_engine", "engines"),
    ("errors::another_family_and_a_sync_daemon", "IPv6"),
    ("services::persistence_engines", "engines"),
    ("daemons::every_attribute", "sync daemon"),
    ("daemons::an_ipv6_group", "sync daemon"),
    ("servers::every_tunnel", "IP in IP"),
    ("servers::servers_of_the_other_family", "IPv6"),
    ("servers::servers_of_marks", "IPv6"),
    (
        "tables::every_accepted_configuration_can_be_written_back",
        "IP in IP",
    ),
    ("traffic::forwarding::gue_tunnel", "IP in IP"),
    ("traffic::forwarding::gre_tunnel", "IP in IP"),
    ("traffic::forwarding::gre_tunnel_with_checksums", "IP in IP"),
    ("traffic::forwarding::tunnel_to_the_other_family", "IPv6"),
];

/// The tests of netlink itself.
const ABOUT_NETLINK: [&str; 1] = ["many_operations::lost_replies_are_in_doubt"];

/// The tests that need the machine's root for something else than IPVS: a second user, a sysctl
/// that is read-only in a user namespace, the far end of a GUE tunnel.
const NEED_ROOT: [&str; 3] = [
    "namespaces::where_no_thread_can_start",
    "tables::complete_while_the_kernel_resizes_it",
    "traffic::forwarding::gue_tunnel",
];

/// Returns a test that runs over either interface, or one that ends with the error that names what
/// the socket options lack. Returns `None` if the test is about the other interface.
pub(crate) fn test<T: Outcome + 'static>(name: &'static str, run: fn() -> T) -> Option<Test> {
    if !OVER_SOCKET_OPTIONS {
        return Some(Test::new(name, run));
    }
    if ABOUT_NETLINK.contains(&name) || (ROOTLESS && NEED_ROOT.contains(&name)) {
        return None;
    }
    let lack = LACKS.iter().find(|(test, _)| *test == name);
    Some(match lack {
        None => Test::new(name, run),
        Some((_, word)) => Test::new(name, move || expect_lack(run, word)),
    })
}

fn expect_lack<T: Outcome>(run: fn() -> T, word: &str) -> Result {
    let ended = match catch_unwind(AssertUnwindSafe(|| run().outcome())) {
        Ok(outcome) => outcome.err().unwrap_or_default(),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
    };
    match ended.contains("IPVS's socket options") && ended.contains(word) {
        true => Ok(()),
        false => Err(format!("`{word}` is what they lack, not: {ended}").into()),
    }
}

/// The families that the interface has.
pub(crate) fn families() -> &'static [Family] {
    match OVER_SOCKET_OPTIONS {
        true => &[Family::Ipv4],
        false => &[Family::Ipv4, Family::Ipv6],
    }
}

/// Whether the interface has services of this family.
pub(crate) fn has(key: &ServiceKey) -> bool {
    families().contains(&key.family())
}

/// Adds the persistence engine `sip`, if the interface has engines.
pub(crate) fn with_engine(service: VirtualService) -> VirtualService {
    match OVER_SOCKET_OPTIONS {
        true => service,
        false => service.persistence_engine(PersistenceEngine::Sip),
    }
}

/// The given tunnel, if the interface has it, or a method that it has.
pub(crate) fn tunnel_or_direct(tunnel: Tunnel) -> ForwardingMethod {
    match OVER_SOCKET_OPTIONS {
        true => ForwardingMethod::DirectRouting,
        false => ForwardingMethod::Tunnel(tunnel),
    }
}

/// The counters of an object without traffic.
pub(crate) fn no_traffic() -> Statistics {
    let mut none = Statistics::default();
    none.has_32_bit_counters = OVER_SOCKET_OPTIONS;
    none
}

/// Ends the test unless the sysctls of IPVS can be set.
pub(crate) fn need_sysctls() {
    if ROOTLESS {
        let file = std::fs::metadata("/proc/sys/net/ipv4/vs/conntrack");
        lab::test::need("sysctls of IPVS in a user namespace", file);
    }
}

/// Loads what firewall rules need, which a user namespace cannot.
pub(crate) fn load_rules() {
    if ROOTLESS {
        for name in ["iptable_filter", "iptable_nat", "iptable_mangle", "xt_mark"] {
            // A kernel without it has no rules, or other modules for them.
            let _ = lab::module::load(name);
        }
    }
}

/// The server as the interface reports it.
pub(crate) fn reported(server: &RealServer) -> RealServer {
    match server.forwarding {
        ForwardingMethod::Tunnel(_) if OVER_SOCKET_OPTIONS => {
            server.clone().tunnel(Tunnel::Unreported)
        }
        _ => server.clone(),
    }
}
