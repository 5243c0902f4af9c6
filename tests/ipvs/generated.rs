//! Generated tables that use every option, and comparisons with the kernel's table.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipvset::ipvs::{
    ForwardingMethod, Ipvs, Operation, Operations, RealServer, Scheduler, SchedulerFlags,
    ServiceKey, TableEntry, Tunnel, VirtualService, text,
};
use ipvset::{Family, OnFailure};

use crate::interface::{OVER_SOCKET_OPTIONS, families, with_engine};
use crate::support::{Result, ipvsadm, mark, sorted_lines};

/// The number of services of [`generate`].
const SERVICES: u32 = 2200;

/// A service and its servers in the order in which they are added.
pub(crate) type Entry = (VirtualService, Vec<RealServer>);

/// Pseudo-random numbers that are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as u32 % sides
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.throw(all.len() as u32) as usize].clone()
    }

    pub(crate) fn in_three(&mut self) -> bool {
        self.throw(3) == 0
    }
}

/// The options that a table may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// Everything that the kernel stores.
    Kernels,
    /// Everything that `ipvsadm -R` has options for.
    Tools,
}

/// Returns a table in which every protocol, family, scheduler, flag, forwarding method, tunnel and
/// threshold occurs many times in different combinations.
pub(crate) fn generate(schedulers: &[Scheduler], words: Words) -> Vec<Entry> {
    let mut dice = Dice(1);
    let entry = |number| generate_entry(&mut dice, number, schedulers, words);
    (0..SERVICES).map(entry).collect()
}

pub(crate) fn generate_entry(
    dice: &mut Dice,
    number: u32,
    schedulers: &[Scheduler],
    words: Words,
) -> Entry {
    let service = generate_service(dice, number, schedulers);
    let servers = (0..dice.throw(4))
        .map(|other| generate_server(dice, &service.key, number * 4 + other, words))
        .collect();
    (service, servers)
}

pub(crate) fn host(family: Family, network: u16, number: u32) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::from_bits(u32::from(network) << 24 | number).into(),
        Family::Ipv6 => {
            let network = u128::from(0xfd00 | network) << 112;
            Ipv6Addr::from_bits(network | u128::from(number) << 40 | 1).into()
        }
    }
}

pub(crate) fn generate_service(
    dice: &mut Dice,
    number: u32,
    schedulers: &[Scheduler],
) -> VirtualService {
    let family = dice.one_of(families());
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
        // The tool prints the larger marks as negative numbers.
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
        // The tool accepts up to 31 days.
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
            service = with_engine(service);
        }
    }
    service
}

pub(crate) fn generate_server(
    dice: &mut Dice,
    key: &ServiceKey,
    number: u32,
    words: Words,
) -> RealServer {
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
    if OVER_SOCKET_OPTIONS {
        // What is read of a tunnel cannot be written back.
        methods.truncate(2);
    }
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

pub(crate) fn operations(table: &[Entry]) -> Operations {
    let mut all = Operations::new();
    for (service, servers) in table {
        all.add_service(service);
        for server in servers {
            all.add_server(service, server);
        }
    }
    all
}

pub(crate) fn write(ipvs: &mut Ipvs, table: &[Entry]) -> Result {
    let mut all = Operations::new();
    all.extend(operations(table));
    let outcome = ipvs.execute_all(all, OnFailure::Continue);
    match outcome.failures().first() {
        None => Ok(()),
        Some(failure) => Err(format!("{}: {}", failure.input, failure.error).into()),
    }
}

/// Returns the table by its keys. The server added last comes first, as in the kernel.
pub(crate) fn expected(table: &[Entry]) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |(service, servers): &Entry| {
        let servers = servers.iter().rev().cloned().collect();
        (service.key, (service.clone(), servers))
    };
    table.iter().map(entry).collect()
}

pub(crate) fn read(
    table: Vec<TableEntry>,
) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |it: TableEntry| {
        let servers = it.servers.into_iter().map(|it| it.config).collect();
        (it.service.key(), (it.service.config, servers))
    };
    table.into_iter().map(entry).collect()
}

/// Prints only the entry that differs, instead of thousands.
pub(crate) fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    is: &BTreeMap<K, V>,
    should_be: &BTreeMap<K, V>,
) {
    for (key, value) in should_be {
        assert_eq!(is.get(key), Some(value), "{key:?}");
    }
    assert_eq!(is.len(), should_be.len());
}

/// Removes what the tool's text cannot express: thresholds and local nodes.
pub(crate) fn as_the_tool_saves(table: &[Entry]) -> Vec<Entry> {
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

pub(crate) fn print(table: &[Entry]) -> String {
    let line = |it: &Operation| format!("{it}\n");
    operations(table).as_slice().iter().map(line).collect()
}

/// Fails unless `ipvsadm -S -n` prints this table.
pub(crate) fn expect_saved(table: &[Entry]) -> Result {
    // The crate reads the tool's text as the same table, except for what the text cannot express.
    let saved = ipvsadm("-S -n")?;
    let lossy = as_the_tool_saves(table);
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

    // The texts are equal, except for marks that the tool prints as negative numbers.
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
