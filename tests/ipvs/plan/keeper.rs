//! The keeper: it reads as little as possible, and sees what other programs do.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipvset::ipvs::plan::{
    Keeper, Kept, LeftAloneReason, Object, ObjectState, Planner, Policy, Scope, WantedTable,
};
use ipvset::ipvs::proc::{Proc, sysctl};
use ipvset::ipvs::{Ipvs, Scheduler, VirtualService};
use ipvset::{ErrorKind, Family, Namespace};
use nix::sys::signal::{Signal, raise};

use super::tables::changed;
use super::{backend, service, state, table_of, wanted};
use crate::child::Role;
use crate::generated::{Dice, Words, generate_entry};
use crate::support::{Result, equal, eventually, schedulers, tests};

tests![
    nothing_changed_for_every_option,
    nothing_but_proc_is_read,
    services_of_another_namespace,
    what_proc_shows_of_other_writers,
    what_proc_does_not_show,
    other_services_do_not_matter,
    another_wanted_table,
    nothing_wanted_is_only_watched,
    without_proc,
    the_proc_of_another_namespace,
    a_keeper_for_another_namespace,
    a_mark_of_both_families,
    failures_are_tried_again,
    what_is_left_alone_is_told_each_time,
    the_record_is_saved_before_the_steps,
];

pub(super) fn everything() -> Planner {
    let planner = Planner::new().scope(Scope::everything());
    planner.policy(Policy::without_drain())
}

/// Calls the keeper, and again until it reads nothing but `/proc`. Returns what the first call did.
/// The others have nothing to do.
///
/// Usually it is the second call. But up to Linux 7.0, `/proc` does not show all of a large table
/// while another namespace has services, such as that of the test before, which is being removed.
#[track_caller]
pub(super) fn keep(ipvs: &mut Ipvs, keeper: &mut Keeper, wanted: &WantedTable) -> Result<Kept> {
    let first = ipvs.keep(keeper, wanted)?;
    assert!(first.report.is_success(), "{}", first.report);
    eventually(|| {
        let next = ipvs.keep(keeper, wanted)?;
        assert_eq!(next.report.objects, []);
        assert_eq!(next.report.drift, []);
        equal(next.read_table, false, &"/proc shows something else")
    })?;
    Ok(first)
}

/// After any change, `/proc` shows what is expected then, so that the next call need not read
/// more.
fn nothing_changed_for_every_option() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let mut keeper = Keeper::new(everything());
    let mut dice = Dice(3);
    let entry = |it| generate_entry(&mut dice, it, &schedulers, Words::Kernels);
    let mut table: Vec<_> = (0..300).map(entry).collect();
    for round in 1..5 {
        let kept = keep(&mut ipvs, &mut keeper, &wanted(&table)?)?;
        assert!(kept.read_table);
        assert_eq!(ipvs.table()?.len(), table.len());
        let new = round * 1000..round * 1000 + 50;
        table = changed(&table, &mut dice, &schedulers, new);
    }
    Ok(())
}

const SERVICES: u8 = 200;

fn many() -> Result<WantedTable> {
    let services: Vec<_> = (1..=SERVICES).collect();
    table_of(&services, &[1, 2, 3, 4, 5])
}

/// What the child does.
pub(crate) fn counted_look() -> Result<String> {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    keep(&mut ipvs, &mut keeper, &many()?)?;
    let many = many()?;
    raise(Signal::SIGSTOP)?;
    let kept = ipvs.keep(&mut keeper, &many)?;
    raise(Signal::SIGSTOP)?;
    Ok(kept.read_table.to_string())
}

/// What the child does.
pub(crate) fn counted_snapshot() -> Result<String> {
    let proc = Proc::new();
    let mut snapshot = proc.snapshot()?;
    raise(Signal::SIGSTOP)?;
    proc.snapshot_into(&mut snapshot)?;
    raise(Signal::SIGSTOP)?;
    Ok(snapshot.len().to_string())
}

fn nothing_but_proc_is_read() -> Result {
    // Since Linux 7.1, the kernel enlarges the table some time after services were added. A look
    // reads `/proc` up to ten times while it does so, and then the table.
    let look = |count: fn(Role) -> Result<(usize, String)>| {
        eventually(|| {
            let (calls, said) = count(Role::Look)?;
            equal(said.trim_end(), "false", &"it read the table")?;
            Ok(calls)
        })
    };
    assert_eq!(look(Role::counted_of_sockets)?, 0);
    let calls = look(Role::counted)?;
    let (of_a_snapshot, said) = Role::Snapshot.counted()?;
    assert_eq!(said.trim_end(), SERVICES.to_string());
    eprintln!("{calls} system calls, of which {of_a_snapshot} read a snapshot");
    let grows = lab::test::has("tables that grow", Proc::new().get(sysctl::SVC_LFACTOR));
    let readings = if grows.is_some() { 10 } else { 1 };
    // The other calls tell the time, and get and free memory.
    assert!(calls <= readings * (of_a_snapshot + 10));
    Ok(())
}

/// Up to Linux 7.0, a table that takes several system calls to read is shown in part if another
/// namespace has services. Then the keeper reads the table each time, and finds no drift.
fn services_of_another_namespace() -> Result {
    let there = lab::Namespace::new()?;
    let mut other = Ipvs::connect_in(&Namespace::open(there.path())?)?;
    let mut theirs = Keeper::new(everything()).proc(None);
    other.keep(&mut theirs, &many()?)?;

    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    let many = many()?;
    ipvs.keep(&mut keeper, &many)?;
    let shown = Proc::new().snapshot()?.len();
    eprintln!("{shown} of {SERVICES} are shown");
    for _ in 0..3 {
        let kept = ipvs.keep(&mut keeper, &many)?;
        assert_eq!(kept.report.drift, []);
        assert_eq!(kept.report.objects, []);
        if shown < SERVICES.into() {
            assert!(kept.read_table);
        }
    }
    assert_eq!(ipvs.table()?.len(), usize::from(SERVICES));
    Ok(())
}

fn what_proc_shows_of_other_writers() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    let table = table_of(&[1, 2, 3], &[1, 2])?;
    let first = keep(&mut ipvs, &mut keeper, &table)?;
    assert_eq!(first.report.drift, []);
    let mut other = Ipvs::connect()?;
    let of = |number, server| Object::server(service(number), backend(server).address);
    type Meddle = fn(&mut Ipvs) -> ipvset::Result<()>;
    let cases: [(Meddle, Vec<Object>); 6] = [
        (
            |it| it.remove_service(service(1)),
            vec![Object::service(service(1)), of(1, 1), of(1, 2)],
        ),
        (
            |it| it.remove_server(service(2), backend(2).address),
            vec![of(2, 2)],
        ),
        (
            |it| it.set_weight(service(3), backend(1).address, 9),
            vec![of(3, 1)],
        ),
        (|it| it.add_server(service(3), &backend(7)), vec![of(3, 7)]),
        (
            |it| it.add_service(&service(9)),
            vec![Object::service(service(9))],
        ),
        (
            |it| it.set_scheduler(service(2), Scheduler::NeverQueue),
            vec![Object::service(service(2))],
        ),
    ];
    for (meddle, drift) in cases {
        meddle(&mut other)?;
        let kept = keep(&mut ipvs, &mut keeper, &table)?;
        assert!(kept.read_table);
        assert_eq!(kept.report.drift, drift);
        let objects: Vec<_> = kept.report.objects.iter().map(|it| it.object).collect();
        assert_eq!(objects, drift);
        assert_eq!(ipvs.table()?.len(), 3);
    }
    Ok(())
}

/// Thresholds and flags are seen when the table is read.
fn what_proc_does_not_show() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let hour = Duration::from_secs(3600);
    let mut keeper = Keeper::new(everything()).read_every(hour);
    let table = table_of(&[1, 2], &[1, 2])?;
    keep(&mut ipvs, &mut keeper, &table)?;
    ipvs.set_thresholds(service(1), backend(1).address, 9, 3)?;
    let kept = ipvs.keep(&mut keeper, &table)?;
    assert!(!kept.read_table);
    assert_eq!(kept.report.drift, []);

    let mut keeper = keeper.read_every(Duration::ZERO);
    let kept = ipvs.keep(&mut keeper, &table)?;
    let server = Object::server(service(1), backend(1).address);
    assert!(kept.read_table);
    assert_eq!(kept.report.drift, [server]);
    assert_eq!(*state(&kept.report, server), ObjectState::Updated);
    assert_eq!(kept.next, Duration::ZERO);
    Ok(())
}

fn other_services_do_not_matter() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for scope in [Scope::named(), Scope::recorded()] {
        let mut keeper = Keeper::new(Planner::new().scope(scope));
        let table = table_of(&[1, 2], &[1, 2])?;
        keep(&mut ipvs, &mut keeper, &table)?;
        ipvs.add_service(&service(3))?;
        ipvs.add_server(service(3), &backend(1))?;
        keep_is_cheap(&mut ipvs, &mut keeper, &table)?;
        ipvs.remove_service(service(3))?;
        keep_is_cheap(&mut ipvs, &mut keeper, &table)?;
        ipvs.set_weight(service(2), backend(1).address, 5)?;
        assert_eq!(ipvs.keep(&mut keeper, &table)?.report.drift.len(), 1);
    }
    Ok(())
}

#[track_caller]
fn keep_is_cheap(ipvs: &mut Ipvs, keeper: &mut Keeper, table: &WantedTable) -> Result {
    let kept = ipvs.keep(keeper, table)?;
    assert!(!kept.read_table);
    assert_eq!(kept.report.drift, []);
    Ok(())
}

/// What the program wants otherwise is no drift.
fn another_wanted_table() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    keep(&mut ipvs, &mut keeper, &table_of(&[1, 2], &[1, 2])?)?;
    let mut other = table_of(&[2, 3], &[2, 3])?;
    other.insert(
        service(4).scheduler(Scheduler::SourceHashing),
        [backend(1).weight(3)],
    )?;
    let kept = keep(&mut ipvs, &mut keeper, &other)?;
    assert!(kept.read_table);
    assert_eq!(kept.report.drift, []);
    assert_eq!(kept.report.objects.len(), 8, "{}", kept.report);

    // Except for what another program changed, too.
    ipvs.remove_server(service(2), backend(2).address)?;
    ipvs.set_weight(service(3), backend(2).address, 9)?;
    let kept = keep(&mut ipvs, &mut keeper, &table_of(&[2, 3], &[2, 3, 4])?)?;
    let drift = [
        Object::server(service(2), backend(2).address),
        Object::server(service(3), backend(2).address),
    ];
    assert_eq!(kept.report.drift, drift);
    assert_eq!(kept.report.objects.len(), 5, "{}", kept.report);
    Ok(())
}

fn nothing_wanted_is_only_watched() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    ipvs.add_service(&service(9))?;
    assert!(ipvs.keep(&mut keeper, None)?.report.objects.is_empty());
    let table = table_of(&[1, 2], &[1, 2])?;
    keep(&mut ipvs, &mut keeper, &table)?;
    assert!(!ipvs.keep(&mut keeper, None)?.read_table);
    ipvs.remove_service(service(1))?;
    for _ in 0..2 {
        let kept = ipvs.keep(&mut keeper, None)?;
        assert_eq!(kept.report.drift.len(), 3);
        assert!(kept.read_table && kept.report.objects.is_empty());
        assert_eq!(ipvs.table()?.len(), 1);
    }
    assert_eq!(keep(&mut ipvs, &mut keeper, &table)?.report.drift.len(), 3);
    assert!(!ipvs.keep(&mut keeper, None)?.read_table);
    keeper.read_next();
    let kept = ipvs.keep(&mut keeper, None)?;
    assert!(kept.read_table && kept.report.drift.is_empty());
    assert!(!ipvs.keep(&mut keeper, None)?.read_table);
    Ok(())
}

fn without_proc() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything()).proc(None);
    let table = table_of(&[1, 2], &[1, 2])?;
    for _ in 0..3 {
        let kept = ipvs.keep(&mut keeper, &table)?;
        assert!(kept.read_table);
        assert_eq!(kept.report.drift, []);
    }
    ipvs.set_weight(service(1), backend(1).address, 7)?;
    assert_eq!(ipvs.keep(&mut keeper, &table)?.report.drift.len(), 1);
    Ok(())
}

/// If it is the wrong one, it does not show what is expected, and is not believed.
fn the_proc_of_another_namespace() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let there = lab::Namespace::new()?;
    let proc = Proc::in_namespace(Namespace::open(there.path())?);
    let mut keeper = Keeper::new(everything()).proc(proc);
    let table = table_of(&[1, 2], &[1, 2])?;
    for _ in 0..3 {
        assert!(ipvs.keep(&mut keeper, &table)?.read_table);
    }
    ipvs.flush()?;
    assert_eq!(ipvs.keep(&mut keeper, &table)?.report.drift.len(), 6);
    Ok(())
}

fn a_keeper_for_another_namespace() -> Result {
    let there = lab::Namespace::new()?;
    let mut ipvs = Ipvs::connect_in(&Namespace::open(there.path())?)?;
    let proc = Proc::in_namespace(Namespace::open(there.path())?);
    let mut keeper = Keeper::new(everything()).proc(proc);
    let table = table_of(&[1, 2], &[1, 2])?;
    keep(&mut ipvs, &mut keeper, &table)?;
    assert_eq!(Ipvs::connect()?.services()?, []);
    there.tool("ipvsadm", ["-C"])?;
    assert_eq!(keep(&mut ipvs, &mut keeper, &table)?.report.drift.len(), 6);
    Ok(())
}

/// `/proc` shows both services of the mark in the same way.
fn a_mark_of_both_families() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    let mut table = WantedTable::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let mark = VirtualService::firewall_mark(7.try_into()?, family);
        table.insert(mark, [] as [ipvset::ipvs::RealServer; 0])?;
    }
    // What was expected cannot be told from `/proc`, so the table is read once more.
    assert!(ipvs.keep(&mut keeper, &table)?.read_table);
    assert!(keep(&mut ipvs, &mut keeper, &table)?.read_table);
    let v6 = VirtualService::firewall_mark(7.try_into()?, Family::Ipv6);
    ipvs.remove_service(&v6)?;
    let kept = ipvs.keep(&mut keeper, &table)?;
    assert_eq!(kept.report.drift, [Object::service(&v6)]);
    Ok(())
}

fn failures_are_tried_again() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(everything());
    let mut table = table_of(&[1], &[1])?;
    table.insert(service(2).scheduler("nonesuch".parse()?), [backend(1)])?;
    for _ in 0..3 {
        let kept = ipvs.keep(&mut keeper, &table)?;
        assert_eq!(kept.report.failures().count(), 2);
        assert_eq!(kept.report.drift, []);
        assert!(kept.read_table);
    }
    Ok(())
}

fn what_is_left_alone_is_told_each_time() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&service(1))?;
    ipvs.add_server(service(1), &backend(9))?;
    let planner = Planner::new().scope(Scope::recorded());
    let mut keeper = Keeper::new(planner.policy(Policy::without_drain()));
    let table = table_of(&[1], &[1])?;
    for round in 0..3 {
        let kept = ipvs.keep(&mut keeper, &table)?;
        assert_eq!(kept.read_table, round == 0);
        let foreign = Object::server(service(1), backend(9).address);
        let left_alone = ObjectState::LeftAlone(LeftAloneReason::NotRecorded);
        assert_eq!(*state(&kept.report, foreign), left_alone);
    }
    Ok(())
}

fn the_record_is_saved_before_the_steps() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let saved = Arc::new(Mutex::new((Vec::new(), false)));
    let save = Arc::clone(&saved);
    let planner = Planner::new().scope(Scope::everything());
    let mut keeper = Keeper::new(planner).save_with(move |record, _| {
        let mut saved = save.lock().expect("nobody panics");
        saved.0.push(record.clone());
        match saved.1 {
            true => Err(io::Error::other("the disk is full")),
            false => Ok(()),
        }
    });
    let table = table_of(&[1], &[1, 2])?;
    ipvs.keep(&mut keeper, &table)?;
    saved.lock().expect("nobody panics").0.clear();
    ipvs.keep(&mut keeper, &table)?;
    assert!(saved.lock().expect("nobody panics").0.is_empty());

    // It is not carried out if it cannot be saved.
    saved.lock().expect("nobody panics").1 = true;
    let fewer = table_of(&[1], &[1])?;
    let error = ipvs
        .keep(&mut keeper, &fewer)
        .expect_err("the disk is full");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(
        error.to_string().contains("save record: the disk is full"),
        "{error}"
    );
    let server = backend(2);
    assert_eq!(ipvs.server(service(1), server.address)?.config.weight, 1);
    let before = saved.lock().expect("nobody panics").0.clone();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].drains().iter().count(), 1);

    saved.lock().expect("nobody panics").1 = false;
    let kept = ipvs.keep(&mut keeper, &fewer)?;
    assert!(kept.report.is_success());
    let all = saved.lock().expect("nobody panics").0.clone();
    assert_eq!(all.last(), Some(keeper.record()));
    Ok(())
}
