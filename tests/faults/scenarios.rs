//! Work that is done under faults. Each scenario begins with the same state, works, and compares
//! what is reported with what a new handle sees.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::Ipv4Addr;

use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use ipvset::ipvs::plan::{Planner, Record, Scope, WantedTable};
use ipvset::ipvs::{ControlInterface, Ipvs, Operation, RealServer, VirtualService};
use ipvset::{Error, ErrorKind, OnFailure, Outcome};

use crate::Result;
use crate::child::{Fault, watched};

/// The name of a scenario, and what it does.
type Scenario = (&'static str, fn(Fault) -> Result);

const SCENARIOS: [Scenario; 12] = [
    ("batch", |fault| batch(ControlInterface::Netlink, fault)),
    ("batch_over_socket_options", |fault| {
        batch(ControlInterface::SocketOptions, fault)
    }),
    ("table", |fault| table(ControlInterface::Netlink, fault)),
    ("table_over_socket_options", |fault| {
        table(ControlInterface::SocketOptions, fault)
    }),
    ("apply_table", apply_table),
    ("add_all", |fault| change_all(fault, false, IpSets::add_all)),
    ("put_all", |fault| change_all(fault, true, IpSets::put_all)),
    ("test_all", test_all),
    ("list", list),
    ("replace", replace),
    ("apply_in_place", |fault| apply(fault, Policy::new())),
    ("apply_at_once", |fault| {
        apply(fault, Policy::new().at_once())
    }),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.into_iter().map(|(name, _)| name)
}

pub(crate) fn play(part: &str, fault: Fault) -> Option<Result> {
    let (_, play) = SCENARIOS.into_iter().find(|(name, _)| *name == part)?;
    Some(play(fault))
}

/// Fails unless the error is one that a fault causes.
fn expect_named(fault: Fault, error: &Error) -> Result {
    let kinds = [
        ErrorKind::RepliesLost,
        ErrorKind::Io,
        ErrorKind::Inconsistent,
    ];
    // A socket option that fails is a refusal with the system's number.
    let refused = error.kind() == ErrorKind::Other && error.errno().is_some();
    match fault == Fault::Harmful && (kinds.contains(&error.kind()) || refused) {
        true => Ok(()),
        false => Err(format!("{:?}: {error}", error.kind()).into()),
    }
}

/// The changes that are refused because what they add is there already.
const THERE: usize = 5;

/// Fails unless exactly those changes are there that the outcome reports.
fn expect_outcome<T: Debug>(
    fault: Fault,
    outcome: &Outcome<T>,
    count: usize,
    refused: usize,
    there: impl Fn(usize) -> bool,
) -> Result {
    if fault == Fault::Harmless {
        let found = (outcome.applied(), outcome.untried_from());
        assert_eq!(found, (count - refused, None), "{:?}", outcome.stopped());
    }
    if let Some(error) = outcome.stopped() {
        expect_named(fault, error)?;
    }
    let tried = outcome.untried_from().unwrap_or(count);
    let mut failures = outcome.failures().iter().peekable();
    for index in 0..count {
        let failed = failures.next_if(|it| it.index == index);
        let was_there = index < THERE;
        if let Some(failed) = failed.filter(|it| !it.error.is_already_exists()) {
            expect_named(fault, &failed.error)?;
        }
        let expected = match failed {
            Some(failed) if failed.in_doubt => continue,
            Some(_) => was_there,
            None => was_there || index < tried,
        };
        if there(index) != expected {
            let (applied, untried) = (outcome.applied(), outcome.untried_from());
            let failed: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
            let wrong = !expected;
            let what = format!(
                "{index} is there: {wrong}. {applied} applied, {failed:?} failed, {untried:?} untried"
            );
            return Err(what.into());
        }
    }
    Ok(())
}

fn web(number: usize) -> VirtualService {
    let address = Ipv4Addr::from_bits(0x0a00_0001 + number as u32);
    VirtualService::tcp((address, 80).into())
}

fn services(ipvs: &mut Ipvs) -> Result<BTreeSet<ipvset::ipvs::ServiceKey>> {
    Ok(ipvs.services()?.iter().map(|it| it.key()).collect())
}

fn batch(interface: ControlInterface, fault: Fault) -> Result {
    const COUNT: usize = 12;
    let mut ipvs = Ipvs::connect_over(interface)?;
    let added = (0..THERE).map(|it| Operation::AddService(web(it)));
    ipvs.execute_all(added, OnFailure::Stop).into_result()?;
    let all = (0..COUNT).map(|it| match it {
        // Over netlink, it takes a second datagram.
        1 => Operation::PutService(web(it)),
        _ => Operation::AddService(web(it)),
    });
    let outcome = watched(|| ipvs.execute_all(all, OnFailure::Continue))?;
    let there = services(&mut Ipvs::connect()?)?;
    let checked = expect_outcome(fault, &outcome, COUNT, THERE - 1, |it| {
        there.contains(&web(it).key)
    });
    // The handle takes no reply of an earlier request for that of a later one.
    if outcome.stopped().is_none() {
        let found = services(&mut ipvs)?;
        assert_eq!(found, there);
    }
    Ipvs::connect()?.flush()?;
    checked
}

/// Over socket options, the first list of services and of servers has room for 64.
fn table(interface: ControlInterface, fault: Fault) -> Result {
    const SERVICES: usize = 300;
    const SERVERS: usize = 100;
    let mut ipvs = Ipvs::connect()?;
    let servers = (1..=SERVERS as u8).map(|it| RealServer::new(([10, 1, 0, it], 80).into()));
    let added = (0..SERVICES).map(|it| Operation::AddService(web(it)));
    let added = added.chain(servers.map(|it| Operation::AddServer(web(7).key, it)));
    ipvs.execute_all(added, OnFailure::Stop).into_result()?;
    let mut reader = Ipvs::connect_over(interface)?;
    let read = watched(|| {
        let services = reader.services()?;
        let servers = reader.servers(web(7))?;
        Ok((services.len(), servers.len()))
    })?;
    ipvs.flush()?;
    match read {
        Ok(counts) if counts == (SERVICES, SERVERS) => Ok(()),
        Ok(counts) => Err(format!("{counts:?}").into()),
        Err(error) => expect_named(fault, &error),
    }
}

fn apply_table(fault: Fault) -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web(0))?;
    ipvs.add_service(&web(1))?;
    let planner = Planner::new().scope(Scope::everything());
    let mut wanted = WantedTable::new();
    for number in 1..9 {
        wanted.insert(web(number), [RealServer::new("10.1.0.1:80".parse()?)])?;
    }
    let mut record = Record::new();
    let applied = watched(|| ipvs.apply(&planner, &wanted, &mut record))?;
    let mut other = Ipvs::connect()?;
    if let Err(error) = &applied {
        expect_named(fault, error)?;
    }
    let is_there = other.plan(&planner, &wanted, &Record::new())?.is_empty();
    let checked = match &applied {
        Ok(report) if report.is_success() && !is_there => Err(format!("{report}").into()),
        Ok(report) if fault == Fault::Harmless && !report.is_success() => {
            Err(format!("{report}").into())
        }
        _ => Ok(()),
    };
    // Running again converges.
    other.apply(&planner, &wanted, &mut record)?;
    let plan = other.plan(&planner, &wanted, &record)?;
    assert!(plan.is_empty(), "{plan}");
    other.flush()?;
    checked
}

pub(crate) fn addresses(from: u32, to: u32) -> impl ExactSizeIterator<Item = Ipv4Addr> + Clone {
    (from..to).map(|it| Ipv4Addr::from_bits(0x0a00_0001 + it))
}

pub(crate) fn content(set: &IpSet<HashIp>) -> Result<BTreeSet<Ipv4Addr>> {
    let mut sets = IpSets::connect()?;
    let mut found = BTreeSet::new();
    for entry in sets.list(set)? {
        if let Some(std::net::IpAddr::V4(address)) = entry?.value().address() {
            found.insert(address);
        }
    }
    Ok(found)
}

/// Returns the names of the temporary sets.
pub(crate) fn temporary(sets: &mut IpSets) -> Result<Vec<String>> {
    let names = sets.names()?.into_iter().map(|name| name.to_string());
    Ok(names.filter(|name| name.starts_with("ipvset-")).collect())
}

fn created(counters: bool) -> Result<(IpSets, IpSet<HashIp>)> {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("s")?;
    let set = match counters {
        true => set.counters(),
        false => set,
    };
    sets.create(&set)?;
    sets.add_all(&set, addresses(0, THERE as u32), OnFailure::Stop)
        .into_result()?;
    Ok((sets, set))
}

/// Fails unless nothing is left but the sets with these names, or what the error names. The next
/// replacement removes that too.
pub(crate) fn expect_clean(sets: IpSets, error: Option<&Error>) -> Result {
    let mut others = IpSets::connect()?;
    let text = error.map(Error::to_string).unwrap_or_default();
    for name in temporary(&mut others)? {
        if !text.contains(&name) {
            return Err(format!("{name} is left after: {text}").into());
        }
    }
    drop(sets);
    let last = IpSet::<HashIp>::new("last")?;
    others.create(&last)?;
    others.replace(&last, addresses(0, 2))?;
    let left = temporary(&mut others)?;
    others.destroy_all()?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(format!("{left:?} are left of a closed handle").into()),
    }
}

type ChangeAll = fn(
    &mut IpSets,
    &IpSet<HashIp>,
    Vec<Ipv4Addr>,
    OnFailure,
) -> Outcome<ipvset::ipset::Entry<HashIp>>;

fn change_all(fault: Fault, counters: bool, change: ChangeAll) -> Result {
    const COUNT: u32 = 3000;
    let (mut sets, set) = created(counters)?;
    let all = addresses(0, COUNT).collect();
    let outcome = watched(|| change(&mut sets, &set, all, OnFailure::Continue))?;
    let there = content(&set)?;
    let refused = if counters { 0 } else { THERE };
    let address: Vec<_> = addresses(0, COUNT).collect();
    expect_outcome(fault, &outcome, COUNT as usize, refused, |it| {
        there.contains(&address[it])
    })?;
    expect_clean(sets, None)
}

fn test_all(fault: Fault) -> Result {
    let (mut sets, set) = created(false)?;
    let tested = watched(|| sets.test_all(&set, addresses(0, 20)))?;
    let checked = match tested {
        Ok(found) => {
            let expected: Vec<_> = (0..20).map(|it| it < THERE).collect();
            assert_eq!(found, expected);
            Ok(())
        }
        Err(error) => expect_named(fault, &error),
    };
    checked.and(expect_clean(sets, None))
}

fn list(fault: Fault) -> Result {
    const COUNT: u32 = 5000;
    let (mut sets, set) = created(false)?;
    let all = addresses(THERE as u32, COUNT);
    sets.add_all(&set, all, OnFailure::Stop).into_result()?;
    let listed = watched(|| sets.list(&set)?.collect::<ipvset::Result<Vec<_>>>())?;
    let checked = match listed {
        Ok(entries) if entries.len() == COUNT as usize => Ok(()),
        Ok(entries) => Err(format!("{} entries", entries.len()).into()),
        Err(error) => expect_named(fault, &error),
    };
    checked.and(expect_clean(sets, None))
}

fn replace(fault: Fault) -> Result {
    let (mut sets, set) = created(false)?;
    let (old, new) = (content(&set)?, addresses(100, 2000));
    let replaced = watched(|| sets.replace(&set, new.clone()))?;
    let (found, new) = (content(&set)?, new.collect());
    let error = replaced.err();
    if let Some(error) = &error {
        expect_named(fault, error)?;
    }
    // If the reply to the exchange of the two sets is missing, it may be either.
    let in_doubt = error.as_ref().is_some_and(|it| {
        let text = it.to_string();
        text.starts_with("swap sets") || text.contains("has its new content")
    });
    let is_right = match error.is_some() {
        true => found == old || in_doubt && found == new,
        false => found == new,
    };
    if !is_right {
        return Err(format!("{} entries after {error:?}", found.len()).into());
    }
    expect_clean(sets, error.as_ref())
}

fn apply(fault: Fault, policy: Policy) -> Result {
    let (mut sets, set) = created(false)?;
    let wanted = addresses(3, 2000);
    let applied = watched(|| sets.apply(&set, wanted.clone(), &policy))?;
    let expected: BTreeSet<_> = wanted.clone().collect();
    let error = match &applied {
        Ok(report) => report.stopped(),
        Err(error) => Some(error),
    };
    if let Some(error) = error {
        expect_named(fault, error)?;
    }
    let is_complete = applied.as_ref().is_ok_and(|report| report.is_complete());
    if is_complete && content(&set)? != expected {
        return Err("it is not what the report says".into());
    }
    assert!(is_complete || fault == Fault::Harmful);
    // Running again converges.
    let report = IpSets::connect()?.apply(&set, wanted, &policy)?;
    assert!(report.is_complete(), "{report}");
    assert!(content(&set)? == expected);
    expect_clean(sets, error)
}
