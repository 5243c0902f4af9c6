//! Whole tables: written by the crate, they are what `ipvsadm -S -n` prints and what the crate
//! reads; restored by `ipvsadm -R`, they are what the crate reads. And read while they change.

use ipvset::OnFailure;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipvset::Family;
use ipvset::Namespace;
use ipvset::ipvs::proc::{Proc, sysctl};
use ipvset::ipvs::{
    ForwardingMethod, Ipvs, Operation, Operations, PersistenceEngine, RealServer, Scheduler,
    SchedulerFlags, ServiceKey, TableEntry, Tunnel, VirtualService, text,
};

use crate::support::{Result, equal, ipvsadm, mark, schedulers, sorted_lines, tests};

tests![
    written_by_the_crate,
    restored_by_the_tool,
    restored_by_the_crate,
    what_the_kernel_holds_can_be_put_back,
    an_empty_table,
    read_while_it_changes,
    whole_right_after_many_additions,
    whole_while_the_kernel_resizes_it,
];

const SERVICES: u32 = 2200;

/// A service and its servers in the order in which they are added.
type Entry = (VirtualService, Vec<RealServer>);

/// Numbers that look like chance, and are the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as u32 % sides
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.throw(all.len() as u32) as usize].clone()
    }

    fn in_three(&mut self) -> bool {
        self.throw(3) == 0
    }
}

/// What a table may have in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// All that the kernel keeps.
    Kernels,
    /// What `ipvsadm -R` has words for.
    Tools,
}

/// A table in which every protocol, family, scheduler, flag, forwarding method, tunnel and
/// threshold comes again and again, together with all others.
fn generate(schedulers: &[Scheduler], words: Words) -> Vec<Entry> {
    let mut dice = Dice(1);
    (0..SERVICES)
        .map(|number| {
            let service = generate_service(&mut dice, number, schedulers);
            let servers = (0..dice.throw(4))
                .map(|other| generate_server(&mut dice, &service.key, number * 4 + other, words))
                .collect();
            (service, servers)
        })
        .collect()
}

fn host(family: Family, network: u16, number: u32) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::from_bits(u32::from(network) << 24 | number).into(),
        Family::Ipv6 => {
            let network = u128::from(0xfd00 | network) << 112;
            Ipv6Addr::from_bits(network | u128::from(number) << 40 | 1).into()
        }
    }
}

fn generate_service(dice: &mut Dice, number: u32, schedulers: &[Scheduler]) -> VirtualService {
    let family = dice.one_of(&[Family::Ipv4, Family::Ipv6]);
    let every_port = dice.throw(10) == 0;
    let port = match every_port {
        true => 0,
        false => 1 + dice.throw(65535) as u16,
    };
    let address = SocketAddr::new(host(family, 100, number), port);
    let key = match number % 4 {
        0 => ServiceKey::tcp(address),
        1 => ServiceKey::udp(address),
        2 => ServiceKey::sctp(address),
        // The upper ones are those that the tool prints as negative numbers.
        _ => mark(dice.one_of(&[1, 1 << 30, 3 << 30]) + number, family),
    };
    let scheduler = schedulers[(number as usize / 4) % schedulers.len()];
    let mut service = VirtualService::new(key).scheduler(scheduler);
    let (one, other) = (SchedulerFlags::FLAG_1, SchedulerFlags::FLAG_2);
    if [Scheduler::SourceHashing, Scheduler::MaglevHashing].contains(&scheduler) {
        let all = [SchedulerFlags::empty(), one, other, one | other];
        service = service.scheduler_flags(dice.one_of(&all));
    }
    if key.socket_address().is_some_and(|it| it.port() == 0) || dice.in_three() {
        // The tool's most are 31 days.
        let seconds = 1 + dice.throw(31 * 86400);
        service = service.persistent(Duration::from_secs(seconds.into()));
        if dice.in_three() {
            let prefix = match family {
                Family::Ipv4 => 1 + dice.throw(32),
                Family::Ipv6 => 1 + dice.throw(128),
            };
            service = service.persistence_granularity(prefix as u8);
        }
    }
    if number % 4 == 1 || number % 4 == 3 {
        if dice.in_three() {
            service = service.one_packet();
        }
        if service.persistence.is_some() && dice.in_three() {
            service = service.persistence_engine(PersistenceEngine::Sip);
        }
    }
    service
}

fn generate_server(dice: &mut Dice, key: &ServiceKey, number: u32, words: Words) -> RealServer {
    let any_port = 1 + dice.throw(65535) as u16;
    let own_port = key.socket_address().map_or(any_port, |it| it.port());
    let tunnels = [
        Tunnel::Ipip,
        Tunnel::gue(any_port),
        Tunnel::gue(any_port).checksum(),
        Tunnel::gue(any_port).remote_checksum(),
        Tunnel::gre(),
        Tunnel::gre().checksum(),
    ];
    let own = key.family();
    let other = match own {
        Family::Ipv4 => Family::Ipv6,
        Family::Ipv6 => Family::Ipv4,
    };
    let mut methods = vec![
        (ForwardingMethod::Masquerade, own, any_port),
        (ForwardingMethod::DirectRouting, own, own_port),
        (
            ForwardingMethod::Tunnel(dice.one_of(&tunnels)),
            own,
            own_port,
        ),
        (
            ForwardingMethod::Tunnel(dice.one_of(&tunnels)),
            other,
            own_port,
        ),
    ];
    if words == Words::Kernels {
        methods.push((ForwardingMethod::LocalNode, own, own_port));
    }
    let (method, family, port) = dice.one_of(&methods);
    let server = RealServer::new(SocketAddr::new(host(family, 11, number + 1), port))
        .forwarding(method)
        .weight(dice.one_of(&[0, 1, 2, 100, 65535]));
    let (upper, lower) = dice.one_of(&[(0, 0), (0, 0), (9, 0), (100, 50), (70000, 70000)]);
    server.upper_threshold(upper).lower_threshold(lower)
}

fn operations(table: &[Entry]) -> Operations {
    let mut operations = Operations::new();
    for (service, servers) in table {
        operations.add_service(service);
        for server in servers {
            operations.add_server(service, server);
        }
    }
    operations
}

fn write(ipvs: &mut Ipvs, table: &[Entry]) -> Result {
    let mut batch = Operations::new();
    batch.extend(operations(table));
    let outcome = ipvs.execute_all(batch, OnFailure::Continue);
    match outcome.failures().first() {
        None => Ok(()),
        Some(failure) => Err(format!("{}: {}", failure.input, failure.error).into()),
    }
}

/// The table by its keys, the server added last at first: as the kernel has it.
fn expected(table: &[Entry]) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |(service, servers): &Entry| {
        let servers = servers.iter().rev().cloned().collect();
        (service.key, (service.clone(), servers))
    };
    table.iter().map(entry).collect()
}

fn read(table: Vec<TableEntry>) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |it: TableEntry| {
        let servers = it.servers.into_iter().map(|it| it.config).collect();
        (it.service.key(), (it.service.config, servers))
    };
    table.into_iter().map(entry).collect()
}

/// Says which entry differs, instead of printing thousands.
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    is: &BTreeMap<K, V>,
    should_be: &BTreeMap<K, V>,
) {
    for (key, value) in should_be {
        assert_eq!(is.get(key), Some(value), "{key:?}");
    }
    assert_eq!(is.len(), should_be.len());
}

/// What the tool's text cannot say: thresholds, and that a server is a local node.
fn as_the_tool_saves(table: &[Entry]) -> Vec<Entry> {
    let server = |server: &RealServer| {
        let server = server.clone().upper_threshold(0).lower_threshold(0);
        match server.forwarding {
            ForwardingMethod::LocalNode => server.direct_routing(),
            _ => server,
        }
    };
    let entry =
        |(service, servers): &Entry| (service.clone(), servers.iter().map(server).collect());
    table.iter().map(entry).collect()
}

fn print(table: &[Entry]) -> String {
    let line = |it: &Operation| format!("{it}\n");
    operations(table).as_slice().iter().map(line).collect()
}

/// Each thing that the table is to have is in it.
fn expect_everything(table: &[Entry], schedulers: &[Scheduler], words: Words) {
    let text = print(table);
    let lines: Vec<_> = text.lines().collect();
    let mut marks = vec![
        "-A -t 100.",
        "-A -t [fd64:",
        "-A -u 100.",
        "-A -u [fd64:",
        "-A --sctp-service 100.",
        "-A --sctp-service [fd64:",
        "-A -f ",
        " -6 ",
        ":0 ",
        " -p ",
        " -M 255.",
        " -M 1",
        " -o",
        " --pe sip",
        " -b sh-fallback",
        " -b sh-port",
        " -b sh-fallback,sh-port",
        " -b mh-fallback",
        " -b mh-port",
        " -b mh-fallback,mh-port",
        " -m ",
        " -g ",
        " --tun-type ipip",
        "gue --tun-port",
        " --tun-type gre",
        "--tun-nocsum",
        "--tun-csum",
        "--tun-remcsum",
        " -w 0",
        " -w 65535",
        " -x 9",
        " -x 100 -y 50",
        "-r 11.",
        "-r [fd0b:",
    ];
    if words == Words::Kernels {
        marks.push("--forward local");
    }
    for mark in marks {
        assert!(lines.iter().any(|it| it.contains(mark)), "{mark}");
    }
    for scheduler in schedulers {
        let word = format!(" -s {scheduler}");
        assert!(lines.iter().any(|it| it.contains(&word)), "{scheduler}");
    }
    assert!(table.len() >= 2000);
}

fn written_by_the_crate() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Kernels);
    expect_everything(&table, &schedulers, Words::Kernels);
    write(&mut ipvs, &table)?;
    same(&read(ipvs.verified_table()?), &expected(&table));
    for (service, servers) in table.iter().step_by(100) {
        assert_eq!(ipvs.service(service)?.config, *service);
        assert_eq!(ipvs.servers(service)?.len(), servers.len());
    }

    // What the tool saves means the same to the crate, but for what its text cannot say.
    let saved = ipvsadm("-S -n")?;
    let lossy = as_the_tool_saves(&table);
    let mut expected = BTreeMap::new();
    for operation in operations(&lossy) {
        expected.insert(operation.to_string(), operation);
    }
    let mut read = BTreeMap::new();
    for line in text::parse(&saved) {
        let operation = line?.operation;
        read.insert(operation.to_string(), operation);
    }
    same(&read, &expected);

    // And is the same text, but for the marks that the tool prints as negative numbers.
    let readable = |lines: Vec<String>| {
        let negative = |it: &String| {
            let mark = it
                .split_once(" -f ")
                .and_then(|(_, rest)| rest.split(' ').next());
            mark.is_some_and(|it| it.parse::<i32>().map_or(true, |it| it < 0))
        };
        lines
            .into_iter()
            .filter(|it| !negative(it))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (sorted_lines(&print(&lossy)), sorted_lines(&saved));
    assert_eq!(ours.len(), theirs.len());
    let (ours, theirs) = (readable(ours), readable(theirs));
    let differs = ours
        .iter()
        .zip(&theirs)
        .find(|(ours, theirs)| ours != theirs);
    assert_eq!(differs, None);
    assert_eq!(ours.len(), theirs.len());
    Ok(())
}

fn restored_by_the_tool() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Tools);
    expect_everything(&table, &schedulers, Words::Tools);
    lab::tool_with_input("ipvsadm", ["-R"], &print(&table))?;
    same(&read(ipvs.verified_table()?), &expected(&table));
    Ok(())
}

/// What the crate prints of what it reads restores all of it, also what the tool has no words
/// for.
fn restored_by_the_crate() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Kernels);
    write(&mut ipvs, &table)?;
    let before = ipvs.table()?;
    // Servers are added at the front: the last of a list has to be added first.
    let mut saved = String::new();
    for entry in &before {
        saved += &format!("-A {}\n", entry.service);
        for server in entry.servers.iter().rev() {
            saved += &format!("-a {} {server}\n", entry.service.key());
        }
    }
    ipvs.flush()?;
    let lines = text::parse(&saved).map(|line| line.map(|it| it.operation));
    let restored: Vec<_> = lines.collect::<ipvset::Result<_>>()?;
    let mut batch = Operations::new();
    batch.extend(restored);
    assert!(ipvs.execute_all(batch, OnFailure::Continue).is_complete());
    same(&read(ipvs.verified_table()?), &read(before));
    Ok(())
}

/// What the kernel takes, though much of it makes no sense: another program may have set it.
const ODD: &str = "\
-A -t 10.0.0.1:80 -s rr -b flag-1
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -i -w 1 --tun-type gue --tun-port 1 --tun-flags 0x7
-a -t 10.0.0.1:80 -r [fd00::1]:0 -i -w 1 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.3:80 --forward bypass -w 1
-a -t 10.0.0.1:80 -r 10.1.0.4:80 --forward 7 -w 1
-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 1 --tun-type 9 --tun-port 7 --tun-flags 0x8
-A -t 10.0.0.2:80 -s sh -b sh-port,flag-3,0x40
-A -t 10.0.0.3:80 -s rr -p 0
-A -t 10.0.0.4:80 -s rr -p 3456000 -M 0.255.0.1
-A -t 10.0.0.5:0 -s rr
-A -t 10.0.0.6:80 -s rr -o
-A -t 10.0.0.7:80 -s rr --pe sip
-A --protocol 50 10.0.0.8:80 -s rr
";

fn what_the_kernel_holds_can_be_put_back() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let all: Vec<_> = text::parse(ODD).collect::<ipvset::Result<_>>()?;
    for line in &all {
        ipvs.execute(&line.operation)?;
    }
    let before = read(ipvs.table()?);
    let count =
        |adds: fn(&Operation) -> bool| all.iter().filter(|line| adds(&line.operation)).count();
    assert_eq!(
        before.len(),
        count(|it| matches!(it, Operation::AddService(_)))
    );
    let servers = before.values().map(|(_, servers)| servers.len());
    assert_eq!(
        servers.sum::<usize>(),
        count(|it| matches!(it, Operation::AddServer(..)))
    );

    // As they were asked for, and so they are written back, each by itself and together.
    for (service, servers) in before.values() {
        ipvs.update_service(service)?;
        ipvs.put_service(service)?;
        ipvs.change_service(service.key, |it| {
            it.scheduler = Scheduler::WeightedRoundRobin
        })?;
        ipvs.set_scheduler(service.key, service.scheduler)?;
        for server in servers {
            ipvs.put_server(service.key, server)?;
            ipvs.set_weight(service.key, server.address, 2)?;
            ipvs.update_server(service.key, server)?;
        }
    }
    same(&read(ipvs.table()?), &before);
    let mut saved = String::new();
    for (service, servers) in before.values() {
        saved += &format!("-A {service}\n");
        for server in servers.iter().rev() {
            saved += &format!("-a {} {server}\n", service.key);
        }
    }
    ipvs.flush()?;
    let restored: Vec<_> = text::parse(&saved)
        .map(|line| line.map(|it| it.operation))
        .collect::<ipvset::Result<_>>()?;
    let mut batch = Operations::new();
    batch.extend(restored);
    ipvs.execute_all(batch, OnFailure::Continue).into_result()?;
    same(&read(ipvs.table()?), &before);
    Ok(())
}

fn an_empty_table() -> Result {
    let mut ipvs = Ipvs::connect()?;
    assert_eq!(ipvs.table()?, []);
    assert_eq!(ipvs.verified_table()?, []);
    ipvs.add_service(&VirtualService::tcp("10.0.0.1:80".parse()?))?;
    assert_eq!(ipvs.table()?.len(), 1);
    assert_eq!(ipvs.table()?[0].servers, []);
    Ok(())
}

/// `None` if it says that it is not whole, as it may from Linux 7.1 on: there the number of
/// services has to be the one that the kernel counts.
fn if_whole<T>(read: ipvset::Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.is_inconsistent() => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// Nothing comes twice, and a verified table is a table or says that there was none to be had.
fn read_while_it_changes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let table: Vec<_> = generate(&[Scheduler::RoundRobin], Words::Kernels);
    write(&mut ipvs, &table[..600])?;
    let here = Namespace::current()?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result {
        let changer = scope.spawn(|| -> ipvset::Result<u32> {
            let mut ipvs = Ipvs::connect_in(&here)?;
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) {
                for part in table[600..].chunks(200) {
                    let mut batch = Operations::new();
                    batch.extend(operations(part));
                    ipvs.execute_all(batch, OnFailure::Continue).into_result()?;
                    for (service, _) in part {
                        ipvs.remove_service(service)?;
                    }
                }
                rounds += 1;
            }
            Ok(rounds)
        });
        let mut read_often = || -> Result {
            for _ in 0..20 {
                if let Some(services) = if_whole(ipvs.services())? {
                    let keys: BTreeSet<_> = services.iter().map(|it| it.key()).collect();
                    assert_eq!(keys.len(), services.len());
                }
                for entry in if_whole(ipvs.table())?.unwrap_or_default() {
                    let servers = entry.servers.iter().map(|it| it.config.address);
                    assert_eq!(servers.collect::<BTreeSet<_>>().len(), entry.servers.len());
                }
            }
            match ipvs.verified_table() {
                Ok(table) => assert!(table.len() >= 600),
                Err(error) => assert!(error.is_inconsistent(), "{error}"),
            }
            Ok(())
        };
        let outcome = read_often();
        done.store(true, Ordering::Relaxed);
        match changer.join() {
            Ok(rounds) => assert!(rounds? > 0),
            Err(_) => return Err("the changing thread panicked".into()),
        }
        outcome
    })?;
    same(&read(ipvs.verified_table()?), &expected(&table[..600]));
    Ok(())
}

fn numbered(count: u32) -> impl Iterator<Item = ServiceKey> {
    let address = |number| SocketAddr::new(host(Family::Ipv4, 100, number), 80);
    (0..count).map(move |number| ServiceKey::tcp(address(number)))
}

fn add_numbered(ipvs: &mut Ipvs, count: u32) -> Result {
    let mut batch = Operations::new();
    for key in numbered(count) {
        batch.add_service(&VirtualService::new(key).scheduler(Scheduler::RoundRobin));
    }
    ipvs.execute_all(batch, OnFailure::Continue).into_result()?;
    Ok(())
}

fn keys(table: Vec<TableEntry>) -> Vec<ServiceKey> {
    table.iter().map(|it| it.service.key()).collect()
}

/// From Linux 7.1 on the kernel enlarges the table of services in the background once there are
/// many, and a dump that this cuts in two skips some of them.
fn whole_right_after_many_additions() -> Result {
    const COUNT: u32 = 10_000;
    let all: BTreeSet<_> = numbered(COUNT).collect();
    let mut ipvs = Ipvs::connect()?;
    type Reading = fn(&mut Ipvs) -> ipvset::Result<Vec<ServiceKey>>;
    let readings: [Reading; 3] = [
        |ipvs| Ok(ipvs.services()?.iter().map(|it| it.key()).collect()),
        |ipvs| ipvs.table().map(keys),
        |ipvs| ipvs.verified_table().map(keys),
    ];
    for reading in readings {
        add_numbered(&mut ipvs, COUNT)?;
        let read = reading(&mut ipvs)?;
        assert_eq!(read.len(), all.len());
        assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), all);
        ipvs.flush()?;
    }
    Ok(())
}

/// Readings while the kernel moves the services from one table into another, again and again,
/// are whole or say that they are not.
fn whole_while_the_kernel_resizes_it() -> Result {
    const COUNT: u32 = 1000;
    let all: BTreeSet<_> = numbered(COUNT).collect();
    let mut ipvs = Ipvs::connect()?;
    add_numbered(&mut ipvs, COUNT)?;
    let proc = Proc::in_namespace(Namespace::current()?);
    lab::test::need("tables that grow", proc.get(sysctl::SVC_LFACTOR));
    let done = AtomicBool::new(false);
    let mut whole = 0;
    std::thread::scope(|scope| -> Result {
        let resizer = scope.spawn(|| -> ipvset::Result<()> {
            while !done.load(Ordering::Relaxed) {
                for factor in [-8, 8] {
                    proc.set(sysctl::SVC_LFACTOR, &factor)?;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Ok(())
        });
        let mut read_often = || -> Result {
            for _ in 0..50 {
                match ipvs.services() {
                    Ok(services) => {
                        let keys: BTreeSet<_> = services.iter().map(|it| it.key()).collect();
                        equal(
                            (services.len(), keys == all),
                            (all.len(), true),
                            &"services",
                        )?;
                        whole += 1;
                    }
                    Err(error) => equal(error.is_inconsistent(), true, &error)?,
                }
            }
            Ok(())
        };
        let outcome = read_often();
        done.store(true, Ordering::Relaxed);
        match resizer.join() {
            Ok(resized) => resized?,
            Err(_) => return Err("the thread that resizes panicked".into()),
        }
        outcome
    })?;
    eprintln!("{whole} of 50 readings were whole");
    assert_eq!(ipvs.services()?.len(), all.len());
    Ok(())
}
