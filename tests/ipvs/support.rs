//! Helpers of the tests of this binary.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use crate::interface::has;
use ipvset::Error;
use ipvset::Family;
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, ServerInfo, ServiceKey, SyncRole, VirtualService};
use lab::test::Test;

pub(crate) type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> =
    std::result::Result<T, E>;

/// Lists the tests of a module: functions that return nothing or a `Result`.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub(crate) fn tests() -> Vec<lab::test::Test> {
            let all = [$(crate::interface::test(
                crate::support::inside(concat!(module_path!(), "::", stringify!($test))),
                $test,
            )),+];
            all.into_iter().flatten().collect()
        }
    };
}
pub(crate) use tests;

/// Returns a path without the name of the crate.
pub(crate) fn inside(path: &'static str) -> &'static str {
    path.split_once("::").map_or(path, |(_, rest)| rest)
}

/// Returns the tests of several modules.
pub(crate) fn all(modules: impl IntoIterator<Item = Vec<Test>>) -> Vec<Test> {
    modules.into_iter().flatten().collect()
}

/// Returns true if the tests are to take longer and do more.
pub(crate) fn is_long() -> bool {
    std::env::var_os("IPVSET_LONG").is_some()
}

/// Every scheduler in the kernel's sources. [`schedulers`] returns those that a kernel has.
pub(crate) const SCHEDULERS: [Scheduler; 15] = [
    Scheduler::RoundRobin,
    Scheduler::WeightedRoundRobin,
    Scheduler::LeastConnection,
    Scheduler::WeightedLeastConnection,
    Scheduler::LocalityBasedLeastConnection,
    Scheduler::LocalityBasedLeastConnectionWithReplication,
    Scheduler::DestinationHashing,
    Scheduler::SourceHashing,
    Scheduler::MaglevHashing,
    Scheduler::ShortestExpectedDelay,
    Scheduler::NeverQueue,
    Scheduler::WeightedFailover,
    Scheduler::WeightedOverflow,
    Scheduler::PowerOfTwoChoices,
    Scheduler::None,
];

/// The feature that kernels before 5.12 lack, and kernels that are built without CONFIG_IP_VS_TWOS.
pub(crate) const TWOS: &str = "scheduler twos";

/// Returns the schedulers of this kernel: all of them, except `twos` if `lab/kernels.txt` lists it.
pub(crate) fn schedulers(ipvs: &mut Ipvs) -> Result<Vec<Scheduler>> {
    let probe = VirtualService::tcp(at("192.0.2.255:1"));
    let mut there = Vec::new();
    for scheduler in SCHEDULERS {
        let added = ipvs.add_service(&probe.clone().scheduler(scheduler));
        let there_is = match scheduler {
            Scheduler::PowerOfTwoChoices => lab::test::has(TWOS, added).is_some(),
            _ => added.map(|()| true)?,
        };
        if there_is {
            ipvs.remove_service(&probe)?;
            there.push(scheduler);
        }
    }
    Ok(there)
}

pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap_or_else(|_| panic!("{address}"))
}

pub(crate) fn mark(number: u32, family: Family) -> ServiceKey {
    ServiceKey::firewall_mark(NonZeroU32::new(number).expect("a mark"), family)
}

/// Returns a key of each kind and family that the interface has.
pub(crate) fn kinds() -> Vec<ServiceKey> {
    let (v4, v6) = (at("10.0.0.1:5000"), at("[fd00::1]:5000"));
    let mut kinds = vec![
        ServiceKey::tcp(v4),
        ServiceKey::tcp(v6),
        ServiceKey::udp(v4),
        ServiceKey::udp(v6),
        ServiceKey::sctp(v4),
        ServiceKey::sctp(v6),
        mark(4321, Family::Ipv4),
        mark(4321, Family::Ipv6),
    ];
    kinds.retain(has);
    kinds
}

pub(crate) fn server(address: &str) -> RealServer {
    RealServer::new(at(address))
}

/// Runs `ipvsadm` with these arguments in the calling thread's namespace.
pub(crate) fn ipvsadm(arguments: &str) -> lab::Result<String> {
    lab::tool("ipvsadm", arguments.split_whitespace())
}

/// Returns the lines of `ipvsadm -S -n`, sorted, because the kernel lists services in the order of
/// a hash.
pub(crate) fn saved() -> Result<Vec<String>> {
    Ok(sorted_lines(&ipvsadm("-S -n")?))
}

pub(crate) fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(|it| it.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

/// Returns the configuration of servers.
pub(crate) fn configured(servers: Vec<ServerInfo>) -> Vec<RealServer> {
    servers.into_iter().map(|it| it.config).collect()
}

/// Returns the names of the predicates that hold for an error.
pub(crate) fn predicates(error: &Error) -> Vec<&'static str> {
    [
        ("is_not_found", error.is_not_found()),
        ("already_exists", error.is_already_exists()),
        ("permission_denied", error.is_permission_denied()),
        ("is_unavailable", error.is_unavailable()),
        ("is_netlink_required", error.is_netlink_required()),
        ("is_invalid_input", error.is_invalid_input()),
        ("is_busy", error.is_busy()),
        ("is_full", error.is_full()),
        ("replies_lost", error.is_replies_lost()),
        ("is_inconsistent", error.is_inconsistent()),
    ]
    .into_iter()
    .filter_map(|(name, holds)| holds.then_some(name))
    .collect()
}

/// Fails unless the outcome is an error for which only this predicate holds, and whose text begins
/// with the operation and the object and contains each of `words`.
#[track_caller]
pub(crate) fn expect_error<T: Debug>(
    outcome: std::result::Result<T, Error>,
    predicate: &str,
    operation: &str,
    object: &str,
    words: &[&str],
) {
    let error = outcome.expect_err("it should have failed");
    let text = error.to_string();
    assert_eq!(predicates(&error), [predicate], "{text}");
    assert_eq!(error.operation(), operation, "{text}");
    assert_eq!(error.object_name().unwrap_or_default(), object, "{text}");
    let start = match object {
        "" => format!("{operation}: "),
        object => format!("{operation} {object}: "),
    };
    assert!(text.starts_with(&start), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// Stops the sync daemons when dropped, because their namespace would otherwise exist forever.
pub(crate) struct StopDaemons;

impl Drop for StopDaemons {
    fn drop(&mut self) {
        let Ok(mut ipvs) = Ipvs::connect() else {
            return;
        };
        for role in [SyncRole::Master, SyncRole::Backup] {
            let _ = ipvs.stop_daemon(role);
        }
    }
}

/// Creates a device that a sync daemon can use. It needs an address of the group's family. (The
/// automatic link-local address is not usable at once.)
pub(crate) fn multicast_device(name: &str) -> Result {
    lab::link::dummy(name)?;
    lab::link::up(name)?;
    lab::address::add("192.0.2.1/24", name)?;
    lab::address::add("fd00:99::1/64", name)?;
    Ok(())
}

/// Repeats an attempt until it succeeds, like [`lab::test::eventually`], for changes that the
/// kernel makes later, such as counters, which it gathers every two seconds.
pub(crate) fn eventually<T>(attempt: impl FnMut() -> Result<T>) -> Result<T> {
    lab::test::eventually(attempt)
}

/// Returns an error if the values differ, so that [`eventually`] tries again.
pub(crate) fn equal<T: PartialEq + Debug>(is: T, should_be: T, of: &dyn Debug) -> Result {
    match is == should_be {
        true => Ok(()),
        false => Err(format!("{is:?} instead of {should_be:?}: {of:?}").into()),
    }
}
