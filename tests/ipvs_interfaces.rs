//! IPVS's two control interfaces beside each other: the same table over both, what one of them can
//! do and the other cannot, and the choice between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ipvset::ipvs::plan::{Keeper, Object, Planner, Policy, Record, Scope, WantedTable};
use ipvset::ipvs::proc::{Proc, SnapshotKey};
use ipvset::ipvs::{
    ControlInterface, Info, Ipvs, Operation, Operations, RealServer, Scheduler, SchedulerFlags,
    ServiceKey, SyncDaemon, SyncRole, TableEntry, Timeouts, Tunnel, VirtualService,
};
use ipvset::{ErrorKind, Namespace, OnFailure};
use lab::Needs;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

lab::tests![
    Needs::ipvs().and_devices(&["dummy"]);
    the_choice,
    in_another_namespace,
    the_same_table,
    the_same_of_the_rest,
    what_is_not_reported,
    what_is_not_reported_is_not_overwritten,
    what_needs_netlink_is_not_sent,
    lists_that_grow_while_they_are_read,
    services_that_vanish_while_the_table_is_read,
    tunnels_are_kept_and_drain,
    a_service_that_only_netlink_can_change_stops_no_other,
    changes_are_found_beside_ipv6,
];

fn netlink() -> ipvset::Result<Ipvs> {
    Ipvs::connect_over(ControlInterface::Netlink)
}

fn socket_options() -> ipvset::Result<Ipvs> {
    Ipvs::connect_over(ControlInterface::SocketOptions)
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap_or_else(|_| panic!("{address}"))
}

fn operation(line: &str) -> Operation {
    line.parse()
        .unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn saved() -> Result<Vec<String>> {
    let text = lab::tool("ipvsadm", ["-S", "-n"])?;
    let mut lines: Vec<_> = text.lines().map(|it| it.trim_end().to_owned()).collect();
    lines.sort();
    Ok(lines)
}

fn the_choice() -> Result {
    assert_eq!(
        Ipvs::connect()?.control_interface(),
        ControlInterface::Netlink
    );
    assert_eq!(netlink()?.control_interface(), ControlInterface::Netlink);
    let options = ControlInterface::SocketOptions;
    assert_eq!(socket_options()?.control_interface(), options);
    Ok(())
}

fn in_another_namespace() -> Result {
    let there = lab::Namespace::new()?;
    let namespace = Namespace::open(there.path())?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    let mut options = Ipvs::connect_in_over(&namespace, ControlInterface::SocketOptions)?;
    options.add_service(&web)?;
    let mut netlink = Ipvs::connect_in_over(&namespace, ControlInterface::Netlink)?;
    assert_eq!(netlink.service(&web)?.config, web);
    assert_eq!(socket_options()?.services()?, []);
    Ok(())
}

/// 2,000 services with servers, of every kind that both interfaces have.
fn table() -> Vec<(VirtualService, Vec<RealServer>)> {
    let entry = |number: u32| {
        let address = SocketAddr::from(([10, 100, (number / 250) as u8, (number % 250) as u8], 80));
        let key = match number % 4 {
            0 => ServiceKey::tcp(address),
            1 => ServiceKey::udp(address),
            2 => ServiceKey::sctp(address),
            _ => format!("-f {}", number * 0x10_0001)
                .parse()
                .expect("a mark"),
        };
        let mut service = VirtualService::new(key).scheduler(Scheduler::WeightedRoundRobin);
        if number % 5 == 0 {
            service = service.persistent(Duration::from_secs(number.into()));
        }
        if number % 10 == 0 {
            service = service.persistence_granularity((number % 33) as u8);
        }
        if number % 7 == 0 {
            let flags = SchedulerFlags::MH_PORT;
            service = service
                .scheduler(Scheduler::MaglevHashing)
                .scheduler_flags(flags);
        }
        service.one_packet = number % 8 == 1;
        let servers = (0..number % 4).map(|it| {
            let address = SocketAddr::from(([10, 1, it as u8, 1 + (number % 250) as u8], 80));
            let server = RealServer::new(address)
                .weight(number)
                .upper_threshold(it * 10);
            match it {
                0 => server,
                1 => server.direct_routing(),
                _ => server.local_node(),
            }
        });
        (service, servers.collect())
    };
    (1..=2000).map(entry).collect()
}

fn add(ipvs: &mut Ipvs, table: &[(VirtualService, Vec<RealServer>)]) -> Result {
    let mut operations = Operations::new();
    for (service, servers) in table {
        operations.add_service(service);
        for server in servers {
            operations.add_server(service, server);
        }
    }
    let count = operations.as_slice().len();
    let outcome = ipvs.execute_all(operations, OnFailure::Stop);
    assert_eq!(outcome.into_result()?, count);
    Ok(())
}

/// The configuration, by key.
fn configured(table: Vec<TableEntry>) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |it: TableEntry| {
        let servers = it.servers.into_iter().map(|it| it.config).collect();
        (it.service.key(), (it.service.config, servers))
    };
    table.into_iter().map(entry).collect()
}

fn the_same_table() -> Result {
    let table = table();
    let expected: BTreeMap<_, _> = table
        .iter()
        .map(|(service, servers)| {
            // The one added last comes first.
            let servers = servers.iter().rev().cloned().collect();
            (service.key, (service.clone(), servers))
        })
        .collect();
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    let mut texts = Vec::new();
    for writer in [ControlInterface::Netlink, ControlInterface::SocketOptions] {
        add(&mut Ipvs::connect_over(writer)?, &table)?;
        for ipvs in [&mut netlink, &mut options] {
            assert!(
                configured(ipvs.table()?) == expected,
                "written over {writer}"
            );
            assert!(configured(ipvs.verified_table()?) == expected);
            let entries: ipvset::Result<Vec<_>> = ipvs.entries()?.collect();
            assert!(configured(entries?) == expected);
        }
        texts.push(saved()?);
        options.flush()?;
        assert_eq!(netlink.services()?, []);
    }
    assert_eq!(texts[0], texts[1]);
    let servers: usize = table.iter().map(|(_, servers)| servers.len()).sum();
    assert_eq!(texts[0].len(), table.len() + servers);
    Ok(())
}

fn the_same_of_the_rest() -> Result {
    lab::link::dummy("eth0")?;
    lab::link::up("eth0")?;
    lab::address::add("192.0.2.1/24", "eth0")?;
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    let (one, other): (Info, Info) = (netlink.info()?, options.info()?);
    assert_eq!(one, other);
    assert_eq!(netlink.timeouts()?, options.timeouts()?);
    let timeouts = Timeouts::new()
        .tcp(Duration::from_secs(77))
        .udp(Duration::from_secs(5));
    options.set_timeouts(&timeouts)?;
    let read = netlink.timeouts()?;
    assert_eq!((read.tcp, read.udp), (timeouts.tcp, timeouts.udp));
    assert_eq!(read, options.timeouts()?);
    let daemon = SyncDaemon::backup("eth0").sync_id(9);
    options.start_daemon(&daemon)?;
    let shown = netlink.daemons()?;
    assert_eq!((shown.len(), shown[0].sync_id), (1, 9));
    assert_eq!(options.daemons()?, [daemon]);
    options.stop_daemon(SyncRole::Backup)?;
    assert_eq!(netlink.daemons()?, []);
    // The totals come from /proc, whichever interface a program uses.
    assert_eq!(Proc::new().totals()?.connections, 0);
    Ok(())
}

const UNREPORTED: [&str; 8] = [
    "-A -t 10.0.0.1:80 -s rr",
    "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1",
    "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -i -w 2 --tun-type gue --tun-port 6080",
    "-a -t 10.0.0.1:80 -r [fd00::9]:80 -i -w 3",
    "-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip",
    "-A -t [fd00::1]:80 -s rr",
    "-A -f 7 -6 -s rr",
    "-A --protocol 50 10.0.0.2:80 -s rr",
];

fn what_is_not_reported() -> Result {
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    for line in UNREPORTED {
        netlink.execute(&operation(line))?;
    }
    let mut services: Vec<_> = options
        .services()?
        .iter()
        .map(ToString::to_string)
        .collect();
    services.sort();
    assert_eq!(
        services,
        [
            "--protocol 50 10.0.0.2:80 -s rr",
            "-t 10.0.0.1:80 -s rr",
            "-u 10.0.0.1:5060 -s rr -p 60",
        ]
    );
    let servers = options.servers(ServiceKey::tcp(at("10.0.0.1:80")))?;
    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
    assert_eq!(
        servers,
        [
            "-r 10.1.0.2:80 -i -w 2 --tun-type unreported",
            "-r 10.1.0.1:80 -m -w 1",
        ]
    );
    // What is missing is to be seen in /proc.
    let snapshot = Proc::new().snapshot()?;
    assert_eq!(snapshot.len(), 5);
    let six = |key: &SnapshotKey| matches!(key, SnapshotKey::Address { address, .. } if address.is_ipv6());
    assert_eq!(snapshot.iter().filter(|(it, _)| six(&it.key)).count(), 1);
    let servers = snapshot.iter().flat_map(|(_, servers)| servers);
    assert_eq!(servers.filter(|it| it.address.is_ipv6()).count(), 1);
    // And removing everything does not leave it.
    options.flush()?;
    assert_eq!(netlink.services()?, []);
    Ok(())
}

/// A weight alone would make another tunnel of the server's, as it would over netlink if it were
/// sent alone.
fn what_is_not_reported_is_not_overwritten() -> Result {
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    for line in UNREPORTED {
        netlink.execute(&operation(line))?;
    }
    let before = configured(netlink.table()?);
    let key = ServiceKey::tcp(at("10.0.0.1:80"));
    let server = at("10.1.0.2:80");
    let error = options.set_weight(key, server, 9).expect_err("weight");
    assert!(error.is_netlink_required(), "{error}");
    assert!(error.to_string().contains("kind of a tunnel"), "{error}");
    let read = options.server(key, server)?.config;
    assert_eq!(
        read,
        RealServer::new(server).weight(2).tunnel(Tunnel::Unreported)
    );
    // Nor over netlink, by a program that has both.
    let error = netlink.update_server(key, &read).expect_err("update");
    assert!(error.is_invalid_input(), "{error}");
    assert_eq!(configured(netlink.table()?), before);
    // Who says which tunnel it is to be may change it.
    options.update_server(key, &read.clone().tunnel(Tunnel::Ipip))?;
    let changed = netlink.server(key, server)?.config;
    assert_eq!(changed, read.tunnel(Tunnel::Ipip));
    Ok(())
}

fn what_needs_netlink_is_not_sent() -> Result {
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    for line in UNREPORTED {
        netlink.execute(&operation(line))?;
    }
    let before = configured(netlink.table()?);
    let lines = [
        "-A -t [fd00::2]:80 -s rr",
        "-E -t [fd00::1]:80 -s wrr",
        "-D -t [fd00::1]:80",
        "-D -t [fd00::1]:80 --if-present",
        "-D -f 7 -6",
        "-D --protocol 50 10.0.0.2:80",
        "-A -u 10.0.0.3:5060 -s rr -p 60 --pe sip",
        "-a -t 10.0.0.1:80 -r [fd00::8]:80 -i",
        "-d -t 10.0.0.1:80 -r [fd00::9]:80",
        "-a -t 10.0.0.1:80 -r 10.1.0.8:80 -i --tun-type gre",
        "-Z -t 0.0.0.0:0",
        "--start-daemon master --mcast-interface lo --mcast-ttl 2",
    ];
    let operations: Vec<_> = lines.iter().map(|it| operation(it)).collect();
    for operation in &operations {
        let error = options.execute(operation).expect_err(operation.name());
        assert_eq!(error.kind(), ErrorKind::NetlinkRequired, "{error}");
        assert!(error.is_netlink_required() && !error.is_unavailable());
        assert_eq!((error.operation(), error.errno()), (operation.name(), None));
        let text = error.to_string();
        assert!(text.contains("IPVS's socket options"), "{text}");
        assert!(
            text.contains("CAP_NET_ADMIN in the initial user namespace"),
            "{text}"
        );
    }
    let count = operations.len();
    let outcome = options.execute_all(operations.clone(), OnFailure::Continue);
    assert_eq!(outcome.failures().len(), count);
    assert_eq!((outcome.applied(), outcome.in_doubt().count()), (0, 0));
    let outcome = options.execute_all(operations, OnFailure::Stop);
    assert_eq!(
        (outcome.failures().len(), outcome.untried_from()),
        (1, Some(1))
    );
    let six = ServiceKey::tcp(at("[fd00::1]:80"));
    for error in [
        options.service(six).map(drop).expect_err("service"),
        options.servers(six).map(drop).expect_err("servers"),
        options
            .set_scheduler(six, Scheduler::RoundRobin)
            .expect_err("scheduler"),
    ] {
        assert!(error.is_netlink_required(), "{error}");
        assert_eq!(error.object_name(), Some("-t [fd00::1]:80"));
    }
    assert_eq!(configured(netlink.table()?), before);
    assert_eq!(netlink.daemons()?, []);
    Ok(())
}

/// Ends a loop in another thread, after a panic too.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// 10,000 lists of services and of servers, while another program adds and removes some of them.
/// What is there the whole time is in every list, and nothing is in it twice.
fn lists_that_grow_while_they_are_read() -> Result {
    const ROUNDS: u32 = 10_000;
    let key = |number: u32| ServiceKey::tcp(SocketAddr::from(([10, 0, 0, number as u8], 80)));
    let server = |number: u32| SocketAddr::from(([10, 1, 0, 1 + number as u8], 80));
    let there: BTreeSet<_> = (0..60).map(key).collect();
    let servers: BTreeSet<_> = (0..60).map(server).collect();
    let mut ipvs = socket_options()?;
    for key in &there {
        ipvs.add_service(&VirtualService::new(*key))?;
    }
    for server in &servers {
        ipvs.add_server(key(0), &RealServer::new(*server))?;
    }
    let here = Namespace::current()?;
    let done = AtomicBool::new(false);
    let (mut grown, mut inconsistent) = (0, 0);
    thread::scope(|scope| -> Result {
        let changer = scope.spawn(|| -> ipvset::Result<u32> {
            let mut ipvs = Ipvs::connect_in_over(&here, ControlInterface::Netlink)?;
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) {
                let (mut additions, mut removals) = (Operations::new(), Operations::new());
                for number in 60..60 + rounds % 140 {
                    additions.add_service(&VirtualService::new(key(number)));
                    additions.add_server(key(0), &RealServer::new(server(number)));
                    removals.remove_service(key(number));
                    removals.remove_server(key(0), server(number));
                }
                // Each of them is one system call.
                for operations in [additions, removals] {
                    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
                    outcome.into_result()?;
                    thread::yield_now();
                }
                rounds += 1;
            }
            Ok(rounds)
        });
        let mut read = || -> Result {
            let _done = SetWhenDropped(&done);
            for round in 0..ROUNDS {
                if round % 10 == 0 {
                    // A new handle's lists have little room.
                    ipvs = socket_options()?;
                }
                match ipvs.services() {
                    Ok(services) => {
                        let keys: BTreeSet<_> = services.iter().map(|it| it.key()).collect();
                        assert_eq!(keys.len(), services.len());
                        assert!(keys.is_superset(&there), "{keys:?}");
                        grown += u32::from(keys.len() > there.len());
                    }
                    Err(error) if error.is_inconsistent() => inconsistent += 1,
                    Err(error) => return Err(error.into()),
                }
                match ipvs.servers(key(0)) {
                    Ok(read) => {
                        let read: Vec<_> = read.iter().map(|it| it.config.address).collect();
                        let distinct: BTreeSet<_> = read.iter().copied().collect();
                        assert_eq!(distinct.len(), read.len());
                        assert!(distinct.is_superset(&servers), "{distinct:?}");
                    }
                    Err(error) if error.is_inconsistent() => inconsistent += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        };
        let outcome = read();
        match changer.join() {
            Ok(rounds) => assert!(rounds? > 0),
            Err(_) => return Err("the changing thread panicked".into()),
        }
        outcome
    })?;
    eprintln!("{grown} lists of {ROUNDS} were longer, {inconsistent} were given up");
    assert!(grown > 0);
    Ok(())
}

/// The servers of each service are read after the list of services. Those of a service that is
/// gone by then are none, over both interfaces.
fn services_that_vanish_while_the_table_is_read() -> Result {
    for interface in [ControlInterface::Netlink, ControlInterface::SocketOptions] {
        let (mut ipvs, mut other) = (Ipvs::connect_over(interface)?, netlink()?);
        let web = VirtualService::tcp(at("10.0.0.1:80"));
        ipvs.add_service(&web)?;
        ipvs.add_server(&web, &RealServer::new(at("10.1.0.1:80")))?;
        let mut entries = ipvs.entries()?;
        other.flush()?;
        let entry = entries.next().ok_or("an entry")??;
        assert_eq!((entry.service.key(), entry.servers.len()), (web.key, 0));
        // Asked for alone, it is missed.
        let error = ipvs.servers(&web).expect_err("there is no such service");
        assert!(error.is_not_found(), "{error}");
    }
    Ok(())
}

/// The socket options do not report tunnels. Those that are wanted are taken for what is there.
fn tunnels_are_kept_and_drain() -> Result {
    let mut options = socket_options()?;
    let one = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 127.0.0.11:80 -i\n";
    let both = format!("{one}-a -t 10.0.0.1:80 -r 127.0.0.12:80 -i\n");
    let (one, both): (WantedTable, WantedTable) = (one.parse()?, both.parse()?);
    let policy = Policy::new().drain_time(Duration::from_secs(1));
    let planner = Planner::new().scope(Scope::everything()).policy(policy);
    let mut keeper = Keeper::new(planner.clone());
    assert!(options.keep(&mut keeper, &both)?.report.is_success());
    assert!(options.verify(&planner, &both, keeper.record())?.is_empty());
    keeper.read_next();
    let kept = options.keep(&mut keeper, &both)?;
    assert_eq!(
        (&kept.report.objects[..], &kept.report.drift[..]),
        (&[][..], &[][..])
    );

    assert!(options.keep(&mut keeper, &one)?.report.is_success());
    assert_eq!(keeper.record().drains().iter().count(), 1);
    let drained = "-a -t 10.0.0.1:80 -r 127.0.0.12:80 -i -w 0 --tun-type ipip";
    assert!(saved()?.iter().any(|it| it == drained), "{:?}", saved()?);
    assert!(
        options
            .keep(&mut keeper, &WantedTable::new())?
            .report
            .is_success()
    );
    lab::test::eventually(|| {
        options.keep(&mut keeper, &WantedTable::new())?;
        let left = saved()?;
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("{left:?}").into()),
        }
    })
}

fn a_service_that_only_netlink_can_change_stops_no_other() -> Result {
    let mut options = socket_options()?;
    let table = |weight: u32| -> Result<WantedTable> {
        let mut text = String::from("-A -t [fd00::1]:80 -s rr\n");
        for number in 1..=9 {
            let weight = if number == 1 { weight } else { 1 };
            let service = format!("-t 10.0.0.{number}:80");
            text += &format!("-A {service} -s rr\n-a {service} -r 127.0.0.11:80 -m -w {weight}\n");
        }
        Ok(text.parse()?)
    };
    let mut keeper = Keeper::new(Planner::new().scope(Scope::everything()));
    let ipv6 = Object::service("-t [fd00::1]:80".parse::<ServiceKey>()?);
    for weight in [1, 2, 3] {
        let report = options.keep(&mut keeper, &table(weight)?)?.report;
        let failed: Vec<_> = report.failures().map(|it| it.object).collect();
        assert_eq!(failed, [ipv6]);
        let line = format!("-a -t 10.0.0.1:80 -r 127.0.0.11:80 -m -w {weight}");
        assert!(saved()?.contains(&line), "{:?}", saved()?);
    }
    let mut record = Record::new();
    let planner = Planner::new().scope(Scope::everything());
    let report = options.apply(&planner, &table(4)?, &mut record)?;
    assert_eq!(report.failures().count(), 1);
    Ok(())
}

/// `/proc` shows IPv6 services, which the lists of the socket options lack.
fn changes_are_found_beside_ipv6() -> Result {
    let (mut netlink, mut options) = (netlink()?, socket_options()?);
    netlink.execute(&operation("-A -t [fd00::1]:80 -s rr"))?;
    let wanted: WantedTable =
        "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 127.0.0.11:80 -m\n".parse()?;
    let mut keeper = Keeper::new(Planner::new().scope(Scope::named()));
    options.keep(&mut keeper, &wanted)?;
    assert!(!options.keep(&mut keeper, &wanted)?.read_table);
    netlink.execute(&operation("-e -t 10.0.0.1:80 -r 127.0.0.11:80 -m -w 7"))?;
    let kept = options.keep(&mut keeper, &wanted)?;
    let server = Object::server("-t 10.0.0.1:80".parse::<ServiceKey>()?, at("127.0.0.11:80"));
    assert_eq!(kept.report.drift, [server]);
    Ok(())
}
