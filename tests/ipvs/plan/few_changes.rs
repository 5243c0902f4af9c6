//! The keeper with a large table of which little changes: it reads only that.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipvset::ErrorKind;
use ipvset::ipvs::plan::{
    Keeper, Kept, Object, ObjectState, Planner, Policy, Record, Scope, WantedService, WantedTable,
};
use ipvset::ipvs::{Ipvs, Scheduler, ServiceKey};

use super::keeper::{everything, keep as begin};
use super::{backend, service, state, table_of};
use crate::support::{Result, equal, eventually, tests};

tests![
    only_what_is_wanted_otherwise_is_read,
    what_others_do_elsewhere_is_found_at_the_next_look,
    a_look_expects_what_was_changed,
    failures_are_tried_again_with_the_next_change,
    drains_elsewhere_go_on,
    a_reading_can_be_asked_for,
    the_record_is_saved_service_by_service,
];

fn keeper() -> Keeper {
    Keeper::new(everything())
}

fn many() -> Result<WantedTable> {
    table_of(&(1..=50).collect::<Vec<_>>(), &[1, 2, 3])
}

/// Changes the servers of a service in the wanted table.
fn change(wanted: &mut WantedTable, number: u8, servers: &[u8]) -> Result {
    let servers = servers.iter().map(|it| backend(*it));
    wanted.replace(WantedService::new(service(number), servers)?);
    Ok(())
}

/// Returns the servers of a service.
fn servers(ipvs: &mut Ipvs, number: u8) -> Result<BTreeSet<u8>> {
    let servers = ipvs.servers(service(number))?.into_iter();
    let last = |it: std::net::SocketAddr| it.to_string().rsplit(['.', ':']).nth(1)?.parse().ok();
    Ok(servers.filter_map(|it| last(it.config.address)).collect())
}

fn keep(ipvs: &mut Ipvs, keeper: &mut Keeper, wanted: &WantedTable) -> Result<Kept> {
    let kept = ipvs.keep(keeper, wanted)?;
    assert!(kept.report.is_success(), "{}", kept.report);
    Ok(kept)
}

fn only_what_is_wanted_otherwise_is_read() -> Result {
    let (mut ipvs, mut keeper, mut wanted) = (Ipvs::connect()?, keeper(), many()?);
    begin(&mut ipvs, &mut keeper, &wanted)?;
    change(&mut wanted, 7, &[2, 3, 4])?;
    wanted.remove(service(8));
    wanted.insert(
        service(60).scheduler(Scheduler::SourceHashing),
        [backend(1)],
    )?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    assert!(!kept.read_table);
    assert_eq!(kept.report.drift, []);
    let is_gone = ObjectState::Removed;
    let gone = Object::server(service(7), backend(1).address);
    assert_eq!(*state(&kept.report, gone), is_gone);
    assert_eq!(*state(&kept.report, Object::service(service(8))), is_gone);
    assert_eq!(kept.report.objects.len(), 5, "{}", kept.report);
    let planner = keeper.planner().clone();
    let rest = ipvs.verify(&planner, &wanted, keeper.record())?;
    assert!(rest.is_empty(), "{rest}");
    assert_eq!(ipvs.table()?.len(), 50);
    // What another program did to such a service in the meantime is drift.
    ipvs.remove_server(service(7), backend(3).address)?;
    change(&mut wanted, 7, &[2, 3, 4, 5])?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    let drift = Object::server(service(7), backend(3).address);
    assert_eq!((kept.read_table, kept.report.drift), (false, vec![drift]));
    assert_eq!(servers(&mut ipvs, 7)?, BTreeSet::from([2, 3, 4, 5]));
    Ok(())
}

fn what_others_do_elsewhere_is_found_at_the_next_look() -> Result {
    let (mut ipvs, mut keeper, mut wanted) = (Ipvs::connect()?, keeper(), many()?);
    begin(&mut ipvs, &mut keeper, &wanted)?;
    ipvs.remove_server(service(9), backend(1).address)?;
    change(&mut wanted, 7, &[1, 2])?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    assert!(!kept.read_table && kept.report.drift.is_empty());
    assert!(kept.next <= Duration::from_secs(10));
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    let drift = Object::server(service(9), backend(1).address);
    assert_eq!((kept.read_table, kept.report.drift), (true, vec![drift]));

    // A keeper that is to look at all services each time does.
    let mut keeper = keeper.check_every(Duration::ZERO);
    ipvs.remove_server(service(9), backend(1).address)?;
    change(&mut wanted, 7, &[1, 2, 3])?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    assert_eq!((kept.read_table, kept.report.drift), (true, vec![drift]));
    Ok(())
}

/// `/proc` shows what the calls before did, and the next call knows it.
fn a_look_expects_what_was_changed() -> Result {
    let (mut ipvs, mut keeper, mut wanted) = (Ipvs::connect()?, keeper(), many()?);
    begin(&mut ipvs, &mut keeper, &wanted)?;
    for round in 10..15 {
        change(&mut wanted, round, &[4, round])?;
        wanted.insert(service(60 + round), [backend(round)])?;
        wanted.remove(service(60 + round - 1));
        assert!(!keep(&mut ipvs, &mut keeper, &wanted)?.read_table);
    }
    eventually(|| {
        let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
        assert_eq!(kept.report.objects, []);
        equal(kept.read_table, false, &"/proc shows something else")
    })?;
    change(&mut wanted, 20, &[4])?;
    keep(&mut ipvs, &mut keeper, &wanted)?;
    ipvs.set_weight(service(20), backend(4).address, 9)?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    let drift = Object::server(service(20), backend(4).address);
    assert_eq!((kept.read_table, kept.report.drift), (true, vec![drift]));
    Ok(())
}

fn failures_are_tried_again_with_the_next_change() -> Result {
    let (mut ipvs, mut keeper, mut wanted) = (Ipvs::connect()?, keeper(), many()?);
    begin(&mut ipvs, &mut keeper, &wanted)?;
    let unknown = service(51).scheduler(Scheduler::new("unheard-of")?);
    wanted.insert(unknown, [backend(1)])?;
    let failed = Object::service(service(51));
    for number in 1..4 {
        change(&mut wanted, number, &[number])?;
        let kept = ipvs.keep(&mut keeper, &wanted)?;
        assert!(!kept.read_table);
        let ObjectState::Failed { kind, .. } = state(&kept.report, failed) else {
            panic!("{}", kept.report);
        };
        assert_ne!(*kind, ErrorKind::Io);
        assert_eq!(servers(&mut ipvs, number)?, BTreeSet::from([number]));
    }
    wanted.replace(WantedService::new(service(51), [backend(1)])?);
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    assert_eq!(*state(&kept.report, failed), ObjectState::Added);
    Ok(())
}

/// The drain of one service ends in time while others change all the time.
fn drains_elsewhere_go_on() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::everything());
    let mut policy = Policy::new();
    policy.look_every = Duration::from_millis(200);
    let mut keeper = Keeper::new(planner.policy(policy));
    let mut wanted = many()?;
    begin(&mut ipvs, &mut keeper, &wanted)?;
    change(&mut wanted, 7, &[1, 2])?;
    let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
    let leaves = Object::server(service(7), backend(3).address);
    let is_draining = |kept: &Kept| {
        let mut objects = kept.report.objects.iter();
        objects.any(|it| it.object == leaves && matches!(it.state, ObjectState::DrainingUntil(_)))
    };
    assert!(is_draining(&kept) && !kept.read_table);
    assert!(kept.next <= Duration::from_millis(200), "{:?}", kept.next);
    let mut weight = 1;
    eventually(|| {
        weight += 1;
        let servers = [backend(1).weight(weight)];
        wanted.replace(WantedService::new(service(20), servers)?);
        let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
        assert!(!kept.read_table);
        equal(is_draining(&kept), false, &kept.report)
    })?;
    assert!(weight > 2);
    assert_eq!(servers(&mut ipvs, 7)?, BTreeSet::from([1, 2]));
    // Those of service 20 drain still, or are gone.
    eventually(|| {
        keep(&mut ipvs, &mut keeper, &wanted)?;
        equal(servers(&mut ipvs, 20)?, BTreeSet::from([1]), &"drains")
    })?;
    assert!(keeper.record().drains().is_empty());
    Ok(())
}

fn a_reading_can_be_asked_for() -> Result {
    let (mut ipvs, mut keeper, mut wanted) = (Ipvs::connect()?, keeper(), many()?);
    begin(&mut ipvs, &mut keeper, &wanted)?;
    for changes in [false, true] {
        ipvs.remove_server(service(9), backend(1).address)?;
        if changes {
            change(&mut wanted, 7, &[1, 2])?;
        }
        keeper.read_next();
        let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
        assert!(kept.read_table);
        assert_eq!(kept.report.drift.len(), 1);
    }
    eventually(|| {
        let kept = keep(&mut ipvs, &mut keeper, &wanted)?;
        equal(kept.read_table, false, &"the table is read again and again")
    })
}

fn the_record_is_saved_service_by_service() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let file = Arc::new(Mutex::new((
        Record::new(),
        Vec::<BTreeSet<ServiceKey>>::new(),
    )));
    let saved = Arc::clone(&file);
    let planner = Planner::new().scope(Scope::recorded());
    let mut keeper = Keeper::new(planner).save_with(move |record, services| {
        let mut saved = saved.lock().expect("nobody panics");
        for key in services {
            saved.0.enter(record.service(key));
        }
        saved.1.push(services.clone());
        Ok(())
    });
    let mut wanted = many()?;
    begin(&mut ipvs, &mut keeper, &wanted)?;
    let saves = |file: &Mutex<(Record, Vec<_>)>| {
        let mut file = file.lock().expect("nobody panics");
        (file.0.clone(), std::mem::take(&mut file.1))
    };
    let (record, all) = saves(&file);
    assert_eq!(record, *keeper.record());
    assert_eq!(all[0].len(), 50);
    // Nothing is saved where nothing changed.
    keep(&mut ipvs, &mut keeper, &wanted)?;
    assert_eq!(saves(&file).1, []);
    for (number, servers) in [(7, &[1, 2][..]), (8, &[1, 2, 3, 4]), (7, &[1, 2, 3])] {
        change(&mut wanted, number, servers)?;
        keep(&mut ipvs, &mut keeper, &wanted)?;
        let (record, changed) = saves(&file);
        assert_eq!(record, *keeper.record());
        assert!(changed.iter().all(|it| it.len() <= 2), "{changed:?}");
    }
    Ok(())
}
