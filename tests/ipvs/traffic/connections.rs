//! Connections as the crate reads them: active, inactive and persistent ones, their counters, and
//! the effect of settings.

use std::net::SocketAddr;
use std::time::Duration;

use ipvset::Family;
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, ServerInfo, ServiceKey, VirtualService};
use lab::sysctl;

use super::network::{
    Answers, Asker, Network, PATIENCE, PORT, Resetting, SERVER_PORT, Transport, kinds, number,
    server, service, virtual_address,
};
use crate::interface::{families, need_sysctls, no_traffic};
use crate::support::{Result, equal, eventually, tests};

tests![
    a_client_is_bound_by_persistence,
    a_network_is_bound_by_persistence,
    one_packet_scheduling,
    a_full_server_gets_no_more,
    draining_a_server_without_connections,
    draining_a_server_with_active_connections,
    draining_a_server_with_inactive_connections,
    removing_a_server_of_udp,
    another_port_is_another_server,
    a_server_that_comes_back,
    counters_and_zero,
];

fn director(clients: usize) -> Result<(Network, Ipvs)> {
    let network = Network::new(clients, 3, Answers::ThroughDirector)?;
    Ok((network, Ipvs::connect()?))
}

/// Adds a service with the first `count` servers, with masquerading.
fn balanced(ipvs: &mut Ipvs, service: &VirtualService, count: usize) -> Result {
    ipvs.add_service(service)?;
    for number in 0..count {
        let server = server(service.key.family(), number, SERVER_PORT);
        ipvs.add_server(service, &server)?;
    }
    Ok(())
}

fn round_robin(kind: (Transport, Family)) -> VirtualService {
    VirtualService::new(service(kind.0, kind.1)).scheduler(Scheduler::RoundRobin)
}

fn address(family: Family, number: usize) -> SocketAddr {
    server(family, number, SERVER_PORT).address
}

/// Returns a server of the service, as the kernel reports it.
fn report(ipvs: &mut Ipvs, key: ServiceKey, number: usize) -> Result<ServerInfo> {
    Ok(ipvs.server(key, address(key.family(), number))?)
}

fn a_client_is_bound_by_persistence() -> Result {
    let (network, mut ipvs) = director(2)?;
    for kind in kinds() {
        let service = round_robin(kind).persistent(Duration::from_secs(60));
        balanced(&mut ipvs, &service, 3)?;
        let [one, other] = [network.ask(0, kind)?, network.ask(1, kind)?];
        assert_ne!(one, other, "{kind:?}");
        for _ in 0..3 {
            assert_eq!(network.ask(0, kind)?, one, "{kind:?}");
            assert_eq!(network.ask(1, kind)?, other, "{kind:?}");
        }
        for number in 0..3 {
            let expected = u32::from(number == one || number == other);
            let server = report(&mut ipvs, service.key, number)?;
            assert_eq!(server.persistent_connections, expected, "{kind:?}");
        }
        // Bound clients stay at a server with weight 0. Other clients do not reach it.
        let own = address(kind.1, one);
        ipvs.set_weight(service.key, own, 0)?;
        assert_eq!(network.ask(0, kind)?, one, "{kind:?}");
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

fn a_network_is_bound_by_persistence() -> Result {
    let (network, mut ipvs) = director(3)?;
    for kind in kinds() {
        let prefix = match kind.1 {
            Family::Ipv4 => 24,
            Family::Ipv6 => 64,
        };
        let service = round_robin(kind).persistence_granularity(prefix);
        balanced(&mut ipvs, &service, 3)?;
        let one = network.ask(0, kind)?;
        for client in [1, 2, 0] {
            assert_eq!(network.ask(client, kind)?, one, "{kind:?}");
        }
        let server = report(&mut ipvs, service.key, one)?;
        assert_eq!(server.persistent_connections, 1, "{kind:?}");
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

/// Each packet from one port goes to another server. Without the option, all go to the same.
/// (Answers bypass the director, which has no connection to return them.)
fn one_packet_scheduling() -> Result {
    let network = Network::new(1, 3, Answers::Directly)?;
    let mut ipvs = Ipvs::connect()?;
    for family in families().iter().copied() {
        let kind = (Transport::Udp, family);
        let address = SocketAddr::new(virtual_address(family, 1), PORT);
        for one_packet in [true, false] {
            let mut service = round_robin(kind);
            service.one_packet = one_packet;
            ipvs.add_service(&service)?;
            for number in 0..3 {
                let server = server(family, number, PORT).direct_routing();
                ipvs.add_server(&service, &server)?;
            }
            let client = Asker::new(&network, 0, address.ip(), PATIENCE)?;
            let mut answered = Vec::new();
            for _ in 0..6 {
                answered.push(number(&client.ask(address)?)?);
            }
            let expected = match one_packet {
                true => answered[..3].repeat(2),
                false => vec![answered[0]; 6],
            };
            assert_eq!(answered, expected, "{kind:?}");
            let different = answered[0] != answered[1];
            assert_eq!(different, one_packet, "{kind:?}: {answered:?}");
            ipvs.remove_service(&service)?;
        }
    }
    Ok(())
}

/// A server at or above the upper threshold is full. It gets new connections again below the lower
/// one.
fn a_full_server_gets_no_more() -> Result {
    let (network, mut ipvs) = director(1)?;
    for family in families().iter().copied() {
        let key = service(Transport::Tcp, family);
        balanced(&mut ipvs, &round_robin((Transport::Tcp, family)), 2)?;
        ipvs.set_thresholds(key, address(family, 0), 2, 1)?;
        let mut held = Vec::new();
        let mut answered = Vec::new();
        for _ in 0..8 {
            let (connection, number) = network.connect(0, family)?;
            held.push(connection);
            answered.push(number);
        }
        let full = answered.iter().filter(|it| **it == 0).count();
        assert_eq!(full, 2, "{answered:?}");
        let server = report(&mut ipvs, key, 0)?;
        assert_eq!(server.active_connections, 2, "{server:?}");
        ipvs.remove_service(key)?;
    }
    Ok(())
}

/// Returns the counters that kube-proxy checks before it removes a server: both must be 0.
fn connections(server: &ServerInfo) -> (u32, u32) {
    (server.active_connections, server.inactive_connections)
}

/// Like kube-proxy: a server without connections is removed.
fn draining_a_server_without_connections() -> Result {
    let (network, mut ipvs) = director(1)?;
    for kind in kinds() {
        let service = round_robin(kind);
        balanced(&mut ipvs, &service, 2)?;
        let server = report(&mut ipvs, service.key, 0)?;
        assert_eq!(connections(&server), (0, 0), "{kind:?}");
        ipvs.remove_server(service.key, server.config.address)?;
        assert_eq!(network.ask(0, kind)?, 1, "{kind:?}");
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

/// Like kube-proxy: a server with an active connection is kept with weight 0. The connection
/// continues, and new ones go to other servers. After the connection has ended, the server can be
/// removed.
fn draining_a_server_with_active_connections() -> Result {
    let (network, mut ipvs) = director(1)?;
    let mut draining = Vec::new();
    for family in families().iter().copied() {
        let kind = (Transport::Tcp, family);
        let service = round_robin(kind);
        balanced(&mut ipvs, &service, 2)?;
        let mut connection = Resetting::new(&network, 0, family)?;
        let server_number = connection.ask()?;
        let server = report(&mut ipvs, service.key, server_number)?;
        assert_eq!(connections(&server), (1, 0), "{family}");

        ipvs.set_weight(service.key, server.config.address, 0)?;
        let server = report(&mut ipvs, service.key, server_number)?;
        assert_eq!(server.config.weight, 0);
        assert_eq!(connections(&server), (1, 0), "{family}");
        for _ in 0..3 {
            assert_eq!(connection.ask()?, server_number, "{family}");
            assert_eq!(network.ask(0, kind)?, 1 - server_number, "{family}");
        }
        drop(connection);
        draining.push((service.key, server_number));
    }
    for (key, number) in draining {
        eventually(|| {
            let server = report(&mut ipvs, key, number)?;
            equal(connections(&server), (0, 0), &server)
        })?;
        ipvs.remove_server(key, address(key.family(), number))?;
        assert_eq!(ipvs.servers(key)?.len(), 1);
    }
    Ok(())
}

/// Like kube-proxy: a connection that has ended and not yet expired counts, too.
fn draining_a_server_with_inactive_connections() -> Result {
    let (network, mut ipvs) = director(1)?;
    for kind in kinds() {
        let service = round_robin(kind);
        balanced(&mut ipvs, &service, 1)?;
        assert_eq!(network.ask(0, kind)?, 0, "{kind:?}");
        eventually(|| {
            let server = report(&mut ipvs, service.key, 0)?;
            equal(connections(&server), (0, 1), &server)
        })?;
        ipvs.set_weight(service.key, address(kind.1, 0), 0)?;
        let server = report(&mut ipvs, service.key, 0)?;
        assert_eq!((connections(&server), server.config.weight), ((0, 1), 0));
        network.expect_nobody(0, kind)?;
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

/// Like kube-proxy: a UDP server is removed at once, even with connections. With
/// `expire_nodest_conn`, these expire, and the client's port gets another server.
fn removing_a_server_of_udp() -> Result {
    let (network, mut ipvs) = director(1)?;
    need_sysctls();
    sysctl::write("net.ipv4.vs.expire_nodest_conn", "1")?;
    for family in families().iter().copied() {
        let service = round_robin((Transport::Udp, family));
        balanced(&mut ipvs, &service, 2)?;
        let own = SocketAddr::new(virtual_address(family, 1), PORT);
        let client = Asker::new(&network, 0, own.ip(), PATIENCE)?;
        let first = number(&client.ask(own)?)?;
        assert_eq!(number(&client.ask(own)?)?, first, "{family}");
        let server = report(&mut ipvs, service.key, first)?;
        assert_eq!(connections(&server), (0, 1), "{family}");
        ipvs.remove_server(service.key, server.config.address)?;
        // The kernel may drop the packet that makes the connection expire.
        let second = eventually(|| {
            let client = client.with_patience(Duration::from_millis(500))?;
            number(&client.ask(own)?)
        })?;
        assert_eq!(second, 1 - first, "{family}");
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

/// Like kube-proxy: a server with another port is a different server, and stays unchanged.
fn another_port_is_another_server() -> Result {
    let (network, mut ipvs) = director(1)?;
    let kind = (Transport::Tcp, Family::Ipv4);
    let service = round_robin(kind);
    balanced(&mut ipvs, &service, 1)?;
    let mut wrong = address(kind.1, 0);
    wrong.set_port(SERVER_PORT + 1);
    assert!(
        ipvs.server(&service, wrong)
            .is_err_and(|it| it.is_not_found())
    );
    assert!(
        ipvs.set_weight(&service, wrong, 0)
            .is_err_and(|it| it.is_not_found())
    );
    ipvs.remove_server_if_present(&service, wrong)?;
    let all: Vec<RealServer> = ipvs
        .servers(&service)?
        .into_iter()
        .map(|it| it.config)
        .collect();
    assert_eq!(all, [server(kind.1, 0, SERVER_PORT)]);
    assert_eq!(network.ask(0, kind)?, 0);
    Ok(())
}

/// A server that is added again soon after it was removed gets its connections and counters back.
fn a_server_that_comes_back() -> Result {
    let (network, mut ipvs) = director(1)?;
    for family in families().iter().copied() {
        let service = round_robin((Transport::Tcp, family));
        balanced(&mut ipvs, &service, 1)?;
        let (mut connection, _) = network.connect(0, family)?;
        eventually(|| {
            let server = report(&mut ipvs, service.key, 0)?;
            equal(server.statistics.connections, 1, &server)
        })?;
        let own = address(family, 0);
        ipvs.remove_server(&service, own)?;
        assert_eq!(ipvs.servers(&service)?, []);
        ipvs.add_server(&service, &RealServer::new(own).weight(5))?;
        let server = report(&mut ipvs, service.key, 0)?;
        assert_eq!(connections(&server), (1, 0), "{family}: {server:?}");
        assert_eq!(server.statistics.connections, 1, "{family}: {server:?}");
        assert_eq!(server.config.weight, 5);
        assert_eq!(number(&connection.ask()?)?, 0);
        ipvs.remove_service(&service)?;
    }
    Ok(())
}

/// Zeroes the counters of one service, then all.
fn counters_and_zero() -> Result {
    let (network, mut ipvs) = director(1)?;
    for kind in kinds() {
        balanced(&mut ipvs, &round_robin(kind), 1)?;
        for _ in 0..4 {
            network.ask(0, kind)?;
        }
    }
    let counted = |ipvs: &mut Ipvs, kind: (Transport, Family), times: u64| -> Result {
        let service = ipvs.service(service(kind.0, kind.1))?;
        let server = report(ipvs, service.key(), 0)?;
        for it in [service.statistics, server.statistics] {
            equal(it.connections, times, &(kind, it))?;
            equal(it.incoming_packets >= times, true, &(kind, it))?;
            equal(it.outgoing_packets >= times, true, &(kind, it))?;
        }
        Ok(())
    };
    for kind in kinds() {
        eventually(|| counted(&mut ipvs, kind, 4))?;
        let rates = ipvs.service(service(kind.0, kind.1))?.statistics.rates;
        assert!(
            rates.incoming_bytes > 0 && rates.outgoing_bytes > 0,
            "{rates:?}"
        );
    }
    let first = service(kinds()[0].0, kinds()[0].1);
    ipvs.zero_service(first)?;
    assert_eq!(ipvs.service(first)?.statistics, no_traffic());
    let server = report(&mut ipvs, first, 0)?;
    assert_eq!(server.statistics, no_traffic());
    for kind in &kinds()[1..] {
        counted(&mut ipvs, *kind, 4)?;
    }
    ipvs.zero()?;
    for entry in ipvs.table()? {
        assert_eq!(entry.service.statistics, no_traffic());
        assert_eq!(entry.servers[0].statistics, no_traffic());
        // The connections still exist.
        assert!(entry.servers[0].inactive_connections > 0, "{entry:?}");
    }
    Ok(())
}
