//! Drains of servers with real connections, to their end.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipvset::ipvs::plan::{
    Keeper, Object, ObjectState, Planner, Policy, Record, Scope, WaitFor, WantedTable,
};
use ipvset::ipvs::{Ipvs, RealServer, VirtualService};

use super::state;
use crate::support::{Result, at, equal, eventually, tests};

tests![
    a_drain_without_connections,
    a_drain_waits_for_its_connection,
    a_drain_ends_when_its_time_is_up,
    a_server_that_returns_keeps_its_connection,
    a_weight_that_another_program_sets_is_drift,
    a_restarted_keeper_goes_on,
    a_service_that_is_no_longer_named_drains_to_the_end,
    persistent_clients_are_waited_for,
];

const VIRTUAL: &str = "10.9.0.1:80";
const SERVERS: [&str; 2] = ["10.8.0.1:80", "10.8.0.2:80"];

/// A service and two servers in the namespace of the test.
struct Site {
    listeners: Vec<TcpListener>,
}

impl Site {
    fn new() -> Result<Self> {
        lab::link::up("lo")?;
        for address in ["10.9.0.1/32", "10.8.0.1/32", "10.8.0.2/32"] {
            lab::address::add(address, "lo")?;
        }
        let listeners = SERVERS.map(TcpListener::bind).into_iter();
        Ok(Self {
            listeners: listeners.collect::<std::io::Result<_>>()?,
        })
    }

    /// Returns a connection through the service, and its other end at a server.
    fn connect(&self, server: usize) -> Result<(TcpStream, TcpStream)> {
        let client = TcpStream::connect(VIRTUAL)?;
        let (server, _) = self.listeners[server].accept()?;
        Ok((client, server))
    }
}

fn web() -> VirtualService {
    VirtualService::tcp(at(VIRTUAL)).scheduler(ipvset::ipvs::Scheduler::RoundRobin)
}

fn server(number: usize) -> RealServer {
    RealServer::new(at(SERVERS[number])).masquerade()
}

fn address(number: usize) -> SocketAddr {
    server(number).address
}

fn with(servers: &[usize]) -> Result<WantedTable> {
    let mut table = WantedTable::new();
    table.insert(web(), servers.iter().map(|it| server(*it)))?;
    Ok(table)
}

fn keeper(policy: Policy) -> Keeper {
    Keeper::new(Planner::new().scope(Scope::everything()).policy(policy))
}

fn answers((client, server): &mut (TcpStream, TcpStream)) -> Result {
    let mut text = [0; 4];
    client.write_all(b"ping")?;
    server.read_exact(&mut text)?;
    server.write_all(&text)?;
    client.read_exact(&mut text)?;
    assert_eq!(text, *b"ping");
    Ok(())
}

fn first() -> Object {
    Object::server(web(), address(0))
}

fn a_drain_without_connections() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = keeper(Policy::new());
    ipvs.keep(&mut keeper, &with(&[0, 1])?)?;
    let begun = ipvs.keep(&mut keeper, &with(&[1])?)?;
    assert!(matches!(
        state(&begun.report, first()),
        ObjectState::DrainingUntil(_)
    ));
    assert_eq!(ipvs.server(web(), address(0))?.config.weight, 0);
    assert!(begun.next <= Duration::from_secs(1));
    let ended = ipvs.keep(&mut keeper, &with(&[1])?)?;
    assert!(!ended.read_table);
    assert_eq!(*state(&ended.report, first()), ObjectState::Removed);
    assert_eq!(ipvs.servers(web())?.len(), 1);
    let after = ipvs.keep(&mut keeper, &with(&[1])?)?;
    assert!(!after.read_table);
    assert_eq!((after.report.objects.len(), after.cut.len()), (0, 0));
    assert!(after.next > Duration::from_secs(1));

    // The service itself, too: its servers drain, and then it is removed.
    let none = WantedTable::new();
    ipvs.keep(&mut keeper, &none)?;
    assert_eq!(ipvs.services()?.len(), 1);
    let ended = ipvs.keep(&mut keeper, &none)?;
    assert_eq!(
        *state(&ended.report, Object::service(web())),
        ObjectState::Removed
    );
    assert_eq!(ipvs.services()?, []);
    assert!(!ipvs.keep(&mut keeper, &none)?.read_table);
    Ok(())
}

/// One of two servers has a connection, and is no longer wanted.
fn begin(site: &Site, ipvs: &mut Ipvs, keeper: &mut Keeper) -> Result<(TcpStream, TcpStream)> {
    ipvs.keep(keeper, &with(&[0])?)?;
    let mut connection = site.connect(0)?;
    answers(&mut connection)?;
    ipvs.keep(keeper, &with(&[1])?)?;
    Ok(connection)
}

fn a_drain_waits_for_its_connection() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let mut keeper = keeper(Policy::new().wait_for(WaitFor::Active));
    let mut old = begin(&site, &mut ipvs, &mut keeper)?;
    for _ in 0..3 {
        let kept = ipvs.keep(&mut keeper, &with(&[1])?)?;
        assert!(!kept.read_table);
        assert!(matches!(
            state(&kept.report, first()),
            ObjectState::DrainingUntil(_)
        ));
        let mut new = site.connect(1)?;
        answers(&mut new)?;
        answers(&mut old)?;
    }
    drop(old);
    eventually(|| {
        let kept = ipvs.keep(&mut keeper, &with(&[1])?)?;
        assert_eq!(kept.cut, []);
        equal(ipvs.servers(web())?.len(), 1, &kept)
    })
}

fn a_drain_ends_when_its_time_is_up() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let mut keeper = keeper(Policy::new().drain_time(Duration::from_secs(1)));
    let _old = begin(&site, &mut ipvs, &mut keeper)?;
    let mut cut = Vec::new();
    eventually(|| {
        let kept = ipvs.keep(&mut keeper, &with(&[1])?)?;
        cut.extend(kept.cut.iter().map(|it| (it.server, it.connections)));
        equal(ipvs.servers(web())?.len(), 1, &kept)
    })?;
    assert_eq!(cut, [(first(), 1)]);
    Ok(())
}

fn a_server_that_returns_keeps_its_connection() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let mut keeper = keeper(Policy::new());
    let mut old = begin(&site, &mut ipvs, &mut keeper)?;
    ipvs.keep(&mut keeper, &with(&[1])?)?;
    let kept = ipvs.keep(&mut keeper, &with(&[0, 1])?)?;
    assert_eq!(*state(&kept.report, first()), ObjectState::Updated);
    assert_eq!(kept.report.drift, []);
    assert!(keeper.record().drains().is_empty());
    let server = ipvs.server(web(), address(0))?;
    assert_eq!((server.config.weight, server.active_connections), (1, 1));
    answers(&mut old)?;
    assert!(!ipvs.keep(&mut keeper, &with(&[0, 1])?)?.read_table);
    Ok(())
}

fn a_weight_that_another_program_sets_is_drift() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let mut keeper = keeper(Policy::new());
    let _old = begin(&site, &mut ipvs, &mut keeper)?;
    let until = keeper.record().drains().iter().collect::<Vec<_>>();
    ipvs.set_weight(web(), address(0), 5)?;
    let kept = ipvs.keep(&mut keeper, &with(&[1])?)?;
    assert_eq!(kept.report.drift, [first()]);
    assert_eq!(ipvs.server(web(), address(0))?.config.weight, 0);
    assert_eq!(keeper.record().drains().iter().collect::<Vec<_>>(), until);
    Ok(())
}

/// Returns the record as a file has it and gives it back.
fn stored(record: &Record) -> Result<Record> {
    #[cfg(feature = "serde")]
    let record = &serde_json::from_str(&serde_json::to_string(record)?)?;
    Ok(Record::clone(record))
}

/// The program is killed while servers drain, and has saved its record.
fn a_restarted_keeper_goes_on() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let file = Arc::new(Mutex::new(Record::new()));
    let saved = Arc::clone(&file);
    let policy = Policy::new().wait_for(WaitFor::Active);
    let mut first_run = keeper(policy.clone()).save_with(move |record, _| {
        *saved.lock().expect("nobody panics") = stored(record).map_err(io::Error::other)?;
        Ok(())
    });
    let mut old = begin(&site, &mut ipvs, &mut first_run)?;
    let before: Vec<_> = first_run.record().drains().iter().collect();
    assert_eq!(before.len(), 1);
    drop((first_run, ipvs));

    let mut ipvs = Ipvs::connect()?;
    let record = file.lock().expect("nobody panics").clone();
    assert_eq!(record.drains().iter().collect::<Vec<_>>(), before);
    let mut second_run = keeper(policy).with_record(record);
    let kept = ipvs.keep(&mut second_run, &with(&[1])?)?;
    let until = ObjectState::DrainingUntil(before[0].1);
    assert_eq!(*state(&kept.report, first()), until);
    assert_eq!(kept.report.drift, []);
    answers(&mut old)?;
    drop(old);
    eventually(|| {
        let kept = ipvs.keep(&mut second_run, &with(&[1])?)?;
        equal(ipvs.servers(web())?.len(), 1, &kept)
    })
}

fn a_service_that_is_no_longer_named_drains_to_the_end() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(Planner::new());
    ipvs.keep(&mut keeper, &with(&[0, 1])?)?;
    ipvs.keep(&mut keeper, &with(&[1])?)?;
    assert_eq!(ipvs.server(web(), address(0))?.config.weight, 0);
    // It is not removed with the default scope. But the drain that has begun ends.
    for _ in 0..3 {
        ipvs.keep(&mut keeper, &WantedTable::new())?;
    }
    let servers: Vec<_> = ipvs.servers(web())?;
    let servers: Vec<_> = servers.into_iter().map(|it| it.config).collect();
    assert_eq!(servers, [server(1)]);
    Ok(())
}

/// Templates are not in `/proc`: the services with draining servers are read, and no others.
fn persistent_clients_are_waited_for() -> Result {
    let (site, mut ipvs) = (Site::new()?, Ipvs::connect()?);
    let mut keeper = keeper(Policy::new().wait_for(WaitFor::All).warn_above_percent(100));
    let persistent = |servers: &[usize]| -> Result<WantedTable> {
        let mut table = WantedTable::new();
        let web = web().persistent(Duration::from_secs(3));
        table.insert(web, servers.iter().map(|it| server(*it)))?;
        Ok(table)
    };
    ipvs.keep(&mut keeper, &persistent(&[0])?)?;
    drop(site.connect(0)?);
    let begun = ipvs.keep(&mut keeper, &persistent(&[1])?)?;
    assert_eq!(
        begun.report.warnings.len(),
        1,
        "{:?}",
        begun.report.warnings
    );
    let kept = ipvs.keep(&mut keeper, &persistent(&[1])?)?;
    assert!(!kept.read_table);
    assert!(matches!(
        state(&kept.report, first()),
        ObjectState::DrainingUntil(_)
    ));
    assert_eq!(ipvs.servers(web())?.len(), 2);
    Ok(())
}
