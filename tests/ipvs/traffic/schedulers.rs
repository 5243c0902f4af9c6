//! The behaviour of each scheduler, checked by which server answers, over TCP and UDP, IPv4 and
//! IPv6.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use ipvset::Family;
use ipvset::ipvs::{Ipvs, Scheduler, SchedulerFlags, ServiceKey, VirtualService};
use lab::Iptables;
use lab::net::Connection;
use lab::test::need;

use super::network::{
    Answers, Network, PORT, SERVER_PORT, Transport, kinds, server, server_address, service,
    virtual_address,
};
use crate::interface::{families, load_rules};
use crate::support::{Result, TWOS, mark, tests};

tests![
    round_robin,
    weighted_round_robin,
    least_connection,
    weighted_least_connection,
    shortest_expected_delay,
    never_queue,
    weighted_failover,
    weighted_overflow,
    source_hashing,
    source_hashing_by_port,
    source_hashing_falls_back,
    maglev_hashing,
    maglev_hashing_by_port,
    maglev_hashing_falls_back,
    destination_hashing,
    locality_based_least_connection,
    locality_based_least_connection_with_replication,
    power_of_two_choices,
    no_scheduler,
];

type Kind = (Transport, Family);

/// A service with a server of each of these weights, and its open connections.
struct Balanced<'a> {
    network: &'a Network,
    ipvs: Ipvs,
    kind: Kind,
    key: ServiceKey,
    held: Vec<Connection>,
}

impl<'a> Balanced<'a> {
    fn new(
        network: &'a Network,
        kind: Kind,
        scheduler: Scheduler,
        flags: SchedulerFlags,
        weights: &[u32],
    ) -> Result<Self> {
        let mut ipvs = Ipvs::connect()?;
        let key = service(kind.0, kind.1);
        let service = VirtualService::new(key)
            .scheduler(scheduler)
            .scheduler_flags(flags);
        ipvs.add_service(&service)?;
        for (number, weight) in weights.iter().enumerate() {
            ipvs.add_server(key, &server(kind.1, number, SERVER_PORT).weight(*weight))?;
        }
        let held = Vec::new();
        Ok(Self {
            network,
            ipvs,
            kind,
            key,
            held,
        })
    }

    fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::new(server_address(self.kind.1, number), SERVER_PORT)
    }

    fn weigh(&mut self, number: usize, weight: u32) -> Result {
        let address = self.address(number);
        Ok(self.ipvs.set_weight(self.key, address, weight)?)
    }

    /// Asks and keeps the connection open. A UDP connection exists for minutes without this.
    fn hold(&mut self, client: usize) -> Result<usize> {
        match self.kind.0 {
            Transport::Tcp => {
                let (connection, number) = self.network.connect(client, self.kind.1)?;
                self.held.push(connection);
                Ok(number)
            }
            Transport::Udp => self.network.ask(client, self.kind),
        }
    }

    fn hold_all(&mut self, times: usize) -> Result<Vec<usize>> {
        (0..times).map(|_| self.hold(0)).collect()
    }

    fn asks(&self, client: usize, times: usize) -> Result<Vec<usize>> {
        (0..times)
            .map(|_| self.network.ask(client, self.kind))
            .collect()
    }

    /// Returns the weight and the numbers of active and inactive connections of each server, as the
    /// crate reads them.
    fn loads(&mut self) -> Result<Vec<[u64; 3]>> {
        let servers = self.ipvs.servers(self.key)?;
        let load = |number: usize| {
            let address = self.address(number);
            let server = servers.iter().find(|it| it.config.address == address);
            let server = server.ok_or_else(|| format!("{address} is gone"))?;
            let active = server.active_connections.into();
            let inactive = server.inactive_connections.into();
            Ok([server.config.weight.into(), active, inactive])
        };
        (0..servers.len()).map(load).collect()
    }

    /// Opens connections. Each must go to a server whose `load` divided by its weight is the least.
    fn expect_least(&mut self, times: usize, load: impl Fn(u64, u64) -> u64) -> Result {
        for _ in 0..times {
            let loads = self.loads()?;
            // a / b < c / d, without fractions.
            let beats = |one: &[u64; 3], other: &[u64; 3]| {
                load(one[1], one[2]) * other[0] < load(other[1], other[2]) * one[0]
            };
            let best: Vec<_> = (0..loads.len())
                .filter(|it| !loads.iter().any(|other| beats(other, &loads[*it])))
                .collect();
            let answered = self.hold(0)?;
            assert!(
                best.contains(&answered),
                "{:?}: {answered} answered, not one of {best:?}: {loads:?}",
                self.kind
            );
        }
        Ok(())
    }

    fn end(mut self) -> Result {
        Ok(self.ipvs.remove_service(self.key)?)
    }
}

fn network(clients: usize) -> Result<Network> {
    Network::new(clients, 3, Answers::ThroughDirector)
}

const NONE: SchedulerFlags = SchedulerFlags::empty();

fn counts(answered: &[usize]) -> [usize; 3] {
    let mut counts = [0; 3];
    for number in answered {
        counts[*number] += 1;
    }
    counts
}

fn distinct(answered: &[usize]) -> BTreeSet<usize> {
    answered.iter().copied().collect()
}

/// The servers take turns, whatever their weights. A server with weight 0 is skipped.
fn round_robin() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, Scheduler::RoundRobin, NONE, &[9, 1, 5])?;
        let answered = it.asks(0, 9)?;
        assert_eq!(answered, answered[..3].repeat(3), "{kind:?}");
        assert_eq!(counts(&answered), [3, 3, 3], "{kind:?}");
        it.weigh(1, 0)?;
        let answered = it.asks(0, 6)?;
        assert_eq!(answered, answered[..2].repeat(3), "{kind:?}");
        assert_eq!(counts(&answered), [3, 0, 3], "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// In each cycle, a server gets as many connections as its weight.
fn weighted_round_robin() -> Result {
    let network = network(1)?;
    let scheduler = Scheduler::WeightedRoundRobin;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[4, 1, 2])?;
        let answered = it.asks(0, 14)?;
        assert_eq!(counts(&answered), [8, 2, 4], "{kind:?}");
        assert_eq!(answered[..7], answered[7..], "{kind:?}");
        it.weigh(0, 1)?;
        it.weigh(2, 0)?;
        assert_eq!(counts(&it.asks(0, 8)?), [4, 4, 0], "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// An active connection counts as 256 inactive ones (`ip_vs_dest_conn_overhead`).
fn overhead(active: u64, inactive: u64) -> u64 {
    active * 256 + inactive
}

/// The server with the fewest connections is chosen, whatever the weights.
fn least_connection() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::LeastConnection;
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[1, 1, 1])?;
        it.expect_least(9, overhead)?;
        assert_eq!(counts_of(&it.loads()?), [3, 3, 3], "{kind:?}");
        for (number, weight) in [(0, 10), (1, 5)] {
            it.weigh(number, weight)?;
        }
        let answered = it.hold_all(3)?;
        assert_eq!(counts(&answered), [1, 1, 1], "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// Returns the numbers of active and inactive connections of each server.
fn counts_of(loads: &[[u64; 3]]) -> Vec<u64> {
    loads
        .iter()
        .map(|[_, active, inactive]| active + inactive)
        .collect()
}

fn weighted_least_connection() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::WeightedLeastConnection;
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[4, 1, 2])?;
        it.expect_least(14, overhead)?;
        assert_eq!(counts_of(&it.loads()?), [8, 2, 4], "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// Only active connections and the new one count. UDP connections are never active, so the server
/// with the highest weight gets all of them.
fn shortest_expected_delay() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::ShortestExpectedDelay;
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[4, 1, 2])?;
        it.expect_least(14, |active, _| active + 1)?;
        if kind.0 == Transport::Udp {
            assert_eq!(counts_of(&it.loads()?), [14, 0, 0], "{kind:?}");
        }
        it.end()?;
    }
    Ok(())
}

/// An idle server is chosen first. If there is none, the shortest expected delay decides.
fn never_queue() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, Scheduler::NeverQueue, NONE, &[8, 1, 2])?;
        match kind.0 {
            Transport::Tcp => {
                assert_eq!(distinct(&it.hold_all(3)?).len(), 3, "{kind:?}");
                it.expect_least(11, |active, _| active + 1)?;
            }
            // UDP connections are never active, so the first server stays idle.
            Transport::Udp => assert_eq!(distinct(&it.hold_all(6)?).len(), 1, "{kind:?}"),
        }
        it.end()?;
    }
    Ok(())
}

/// The server with the highest weight gets all connections until it is full.
fn weighted_failover() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::WeightedFailover;
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[10, 30, 20])?;
        assert_eq!(it.hold_all(4)?, [1; 4], "{kind:?}");
        it.weigh(1, 0)?;
        assert_eq!(it.hold_all(4)?, [2; 4], "{kind:?}");
        // Five connections, with an upper threshold of six.
        let full = it.address(2);
        it.ipvs.set_thresholds(it.key, full, 6, 0)?;
        assert_eq!(it.hold_all(4)?, [2, 2, 0, 0], "{kind:?}");
        it.ipvs.set_thresholds(it.key, full, 0, 0)?;
        assert_eq!(it.hold_all(1)?, [2], "{kind:?}");
        it.weigh(1, 21)?;
        assert_eq!(it.hold_all(1)?, [1], "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// The server with the highest weight gets connections until more are active than its weight, then
/// the next one does. UDP connections are never active, so they never overflow.
fn weighted_overflow() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::WeightedOverflow;
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[2, 4, 3])?;
        match kind.0 {
            Transport::Tcp => {
                let expected = [1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0];
                assert_eq!(it.hold_all(12)?, expected, "{kind:?}");
                network.expect_nobody(0, kind)?;
            }
            Transport::Udp => assert_eq!(it.hold_all(9)?, [1; 9], "{kind:?}"),
        }
        it.end()?;
    }
    Ok(())
}

/// Each client stays at its server, and not all use the same.
fn by_client(scheduler: Scheduler) -> Result {
    const CLIENTS: usize = 6;
    let network = network(CLIENTS)?;
    for kind in kinds() {
        let it = Balanced::new(&network, kind, scheduler, NONE, &[1, 1, 1])?;
        let all: Result<Vec<_>> = (0..CLIENTS)
            .map(|client| network.ask(client, kind))
            .collect();
        let all = all?;
        for (client, number) in all.iter().enumerate() {
            assert_eq!(
                it.asks(client, 3)?,
                [*number; 3],
                "{kind:?} of client {client}"
            );
        }
        assert!(distinct(&all).len() > 1, "{kind:?}: {all:?}");
        it.end()?;
    }
    Ok(())
}

/// With the source port in the hash, the connections of a client are not all at the same server.
fn by_port(scheduler: Scheduler, flag: SchedulerFlags) -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, scheduler, flag, &[1, 1, 1])?;
        let all = it.asks(0, 16)?;
        assert!(distinct(&all).len() > 1, "{kind:?}: {all:?}");
        // The flag alone makes the difference.
        it.ipvs.set_scheduler_flags(it.key, flag, NONE)?;
        assert_eq!(distinct(&it.asks(0, 4)?).len(), 1, "{kind:?}");
        it.end()?;
    }
    Ok(())
}

/// Whether a threshold takes effect as soon as it is set. Up to Linux 6.1, the kernel checks it
/// only when a connection begins or ends. Newer kernels (6.12.107, 7.1) also refuse thresholds
/// above 2,147,483,647.
fn full_at_once(it: &mut Balanced<'_>, address: SocketAddr) -> Result<bool> {
    match it.ipvs.set_thresholds(it.key, address, u32::MAX, 1) {
        Err(error) if error.to_string().contains("no upper threshold above") => Ok(true),
        Err(error) => Err(error.into()),
        Ok(()) => {
            it.ipvs.set_thresholds(it.key, address, 1, 0)?;
            Ok(false)
        }
    }
}

/// If the client's server is full, none answers. With the fallback, another one does.
fn falls_back(scheduler: Scheduler, flag: SchedulerFlags) -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[1, 1, 1])?;
        let own = it.hold(0)?;
        let address = it.address(own);
        it.ipvs.set_thresholds(it.key, address, 1, 0)?;
        if !full_at_once(&mut it, address)? {
            assert_eq!(it.hold(0)?, own, "{kind:?}");
        }
        network.expect_nobody(0, kind)?;
        it.ipvs.set_scheduler_flags(it.key, flag, flag)?;
        assert_ne!(it.hold(0)?, own, "{kind:?}");
        it.ipvs.set_thresholds(it.key, address, 0, 0)?;
        assert_eq!(it.hold(0)?, own, "{kind:?}");
        it.end()?;
    }
    Ok(())
}

fn source_hashing() -> Result {
    by_client(Scheduler::SourceHashing)
}

fn source_hashing_by_port() -> Result {
    by_port(Scheduler::SourceHashing, SchedulerFlags::SH_PORT)
}

fn source_hashing_falls_back() -> Result {
    falls_back(Scheduler::SourceHashing, SchedulerFlags::SH_FALLBACK)
}

fn maglev_hashing() -> Result {
    by_client(Scheduler::MaglevHashing)
}

fn maglev_hashing_by_port() -> Result {
    by_port(Scheduler::MaglevHashing, SchedulerFlags::MH_PORT)
}

fn maglev_hashing_falls_back() -> Result {
    falls_back(Scheduler::MaglevHashing, SchedulerFlags::MH_FALLBACK)
}

/// Each virtual address stays at its server, and not all use the same. The service has a firewall
/// mark, which the director sets on packets to all of these addresses.
fn by_destination(scheduler: Scheduler) -> Result {
    load_rules();
    let network = network(1)?;
    let mut ipvs = Ipvs::connect()?;
    for (family, iptables, all) in [
        (Family::Ipv4, Iptables::new(), "10.100.0.0/24"),
        (Family::Ipv6, Iptables::v6(), "fd64::/64"),
    ] {
        if !families().contains(&family) {
            continue;
        }
        need("firewall rules", iptables).append(
            "mangle",
            "PREROUTING",
            &format!("-d {all} -j MARK --set-mark 5"),
        )?;
        let key = mark(5, family);
        ipvs.add_service(&VirtualService::new(key).scheduler(scheduler))?;
        for number in 0..3 {
            ipvs.add_server(key, &server(family, number, SERVER_PORT).weight(100))?;
        }
        for transport in [Transport::Tcp, Transport::Udp] {
            let mut own = HashMap::new();
            for _ in 0..2 {
                for number in 1..=8 {
                    let address = SocketAddr::new(virtual_address(family, number), PORT);
                    let answered = network.ask_at(0, transport, address)?;
                    let first = own.entry(address).or_insert(answered);
                    assert_eq!(*first, answered, "{transport:?} {address}");
                }
            }
            let all: BTreeSet<_> = own.values().collect();
            assert!(all.len() > 1, "{transport:?}: {own:?}");
        }
    }
    Ok(())
}

fn destination_hashing() -> Result {
    by_destination(Scheduler::DestinationHashing)?;
    Ok(())
}

/// If a server has more active connections than its weight, and another has fewer than half of its
/// weight, the address moves to another server.
fn moves_when_overloaded(scheduler: Scheduler) -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, scheduler, NONE, &[2, 2, 2])?;
        let all = it.hold_all(9)?;
        match kind.0 {
            Transport::Tcp => {
                assert_eq!(distinct(&all).len(), 3, "{kind:?}: {all:?}");
                let thrice = all.chunks(3).all(|it| distinct(it).len() == 1);
                assert!(thrice, "{kind:?}: {all:?}");
            }
            // UDP connections are never active.
            Transport::Udp => assert_eq!(distinct(&all).len(), 1, "{kind:?}: {all:?}"),
        }
        it.end()?;
    }
    Ok(())
}

fn locality_based_least_connection() -> Result {
    by_destination(Scheduler::LocalityBasedLeastConnection)?;
    in_another_namespace(|| moves_when_overloaded(Scheduler::LocalityBasedLeastConnection))
}

fn locality_based_least_connection_with_replication() -> Result {
    let scheduler = Scheduler::LocalityBasedLeastConnectionWithReplication;
    by_destination(scheduler)?;
    in_another_namespace(|| moves_when_overloaded(scheduler))
}

/// Runs a test with a second director.
fn in_another_namespace(test: impl FnOnce() -> Result + Send) -> Result {
    lab::Namespace::new()?.run(test)
}

/// The choice is random, but never a server with weight 0.
fn power_of_two_choices() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let scheduler = Scheduler::PowerOfTwoChoices;
        let balanced = Balanced::new(&network, kind, scheduler, NONE, &[1, 1, 0]);
        if let Err(error) = &balanced {
            let text = error.to_string();
            assert!(text.contains("has no scheduler `twos`"), "{text}");
        }
        let mut it = need(TWOS, balanced);
        let all = it.hold_all(20)?;
        assert_eq!(distinct(&all), BTreeSet::from([0, 1]), "{kind:?}: {all:?}");
        it.end()?;
    }
    Ok(())
}

/// No server is ever chosen.
fn no_scheduler() -> Result {
    let network = network(1)?;
    for kind in kinds() {
        let mut it = Balanced::new(&network, kind, Scheduler::None, NONE, &[1, 1, 1])?;
        network.expect_nobody(0, kind)?;
        assert_eq!(counts_of(&it.loads()?), [0, 0, 0], "{kind:?}");
        it.ipvs.set_scheduler(it.key, Scheduler::RoundRobin)?;
        assert_eq!(distinct(&it.asks(0, 3)?).len(), 3, "{kind:?}");
        it.end()?;
    }
    Ok(())
}
