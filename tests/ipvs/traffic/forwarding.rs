//! The forwarding methods over TCP and UDP, IPv4 and IPv6: direct routing, masquerading and
//! tunnels, as in the kernel's selftest ipvs.sh.

use std::net::SocketAddr;

use ipvset::Family;
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, Tunnel, VirtualService};
use lab::{Namespace, link, module, sysctl};

use super::network::{
    Answers, Network, PORT, SERVER_PORT, Transport, director, kinds, name, server, server_address,
    service,
};
use crate::support::{Result, equal, eventually, tests};

tests![
    masquerading,
    direct_routing,
    ipip_tunnel,
    gue_tunnel,
    gre_tunnel,
    gre_tunnel_with_checksums,
    tunnel_to_the_other_family,
    a_server_on_the_director,
];

const SERVERS: usize = 3;
const ROUNDS: usize = 3;

/// Asks a service `ROUNDS` times per server, and checks that the servers answer in turn.
fn in_turn(
    network: &Network,
    kind: (Transport, Family),
    server: impl Fn(usize) -> RealServer,
) -> Result {
    let mut ipvs = Ipvs::connect()?;
    let key = service(kind.0, kind.1);
    ipvs.remove_service_if_present(key)?;
    ipvs.add_service(&VirtualService::new(key).scheduler(Scheduler::RoundRobin))?;
    for number in 0..SERVERS {
        ipvs.add_server(key, &server(number))?;
    }
    let answered: Result<Vec<_>> = (0..ROUNDS * SERVERS)
        .map(|_| network.ask(0, kind))
        .collect();
    let answered = answered?;
    let mut turn = answered[..SERVERS].to_vec();
    assert_eq!(answered, turn.repeat(ROUNDS), "{kind:?}");
    turn.sort_unstable();
    let everybody: Vec<_> = (0..SERVERS).collect();
    assert_eq!(turn, everybody, "{kind:?}");
    Ok(())
}

/// Checks the kernel's counters after [`in_turn`].
fn counted(answers: Answers) -> Result {
    let mut ipvs = Ipvs::connect()?;
    // The director cannot count answers that bypass it.
    let out = answers == Answers::ThroughDirector;
    eventually(|| {
        for entry in ipvs.table()? {
            for server in &entry.servers {
                let counted = server.statistics;
                equal(counted.connections, ROUNDS as u64, &entry)?;
                equal(
                    counted.incoming_packets >= counted.connections,
                    true,
                    &entry,
                )?;
                equal(
                    counted.incoming_bytes > counted.incoming_packets,
                    true,
                    &entry,
                )?;
                equal(counted.outgoing_packets > 0, out, &entry)?;
                equal(counted.outgoing_bytes > 0, out, &entry)?;
            }
            let all = entry.service.statistics.connections;
            equal(all, (ROUNDS * SERVERS) as u64, &entry)?;
        }
        equal(ipvs.services()?.len(), kinds().len(), &())
    })
}

fn masquerading() -> Result {
    let network = Network::new(1, SERVERS, Answers::ThroughDirector)?;
    for kind in kinds() {
        in_turn(&network, kind, |it| server(kind.1, it, SERVER_PORT))?;
    }
    counted(Answers::ThroughDirector)
}

fn direct_routing() -> Result {
    let network = Network::new(1, SERVERS, Answers::Directly)?;
    for kind in kinds() {
        in_turn(&network, kind, |it| {
            server(kind.1, it, PORT).direct_routing()
        })?;
    }
    counted(Answers::Directly)
}

/// Sets up the device at which packets leave a tunnel.
fn end_of_tunnel(namespace: &Namespace, device: &str) -> Result {
    namespace.run(|| -> Result {
        link::up(device)?;
        // The setting `all` does not apply to every device.
        sysctl::write(&format!("net/ipv4/conf/{device}/rp_filter"), "0")?;
        Ok(())
    })
}

/// Checks every kind of service with one kind of tunnel, to servers of its own family or of the
/// other one.
fn through(network: &Network, tunnel: Tunnel, other_family: bool) -> Result {
    for kind in kinds() {
        let family = match (kind.1, other_family) {
            (Family::Ipv4, false) | (Family::Ipv6, true) => Family::Ipv4,
            _ => Family::Ipv6,
        };
        in_turn(network, kind, |it| server(family, it, PORT).tunnel(tunnel))
            .map_err(|error| format!("{tunnel:?} for {kind:?} over {family}: {error}"))?;
    }
    Ok(())
}

/// Loads modules, and sets up these devices on every server.
fn network_with(modules: &[&str], devices: &[&str]) -> Result<Network> {
    for name in modules {
        module::load(name)?;
    }
    let network = Network::new(1, SERVERS, Answers::Directly)?;
    for number in 0..SERVERS {
        for device in devices {
            end_of_tunnel(network.server_namespace(number), device)?;
        }
    }
    Ok(network)
}

fn ipip_tunnel() -> Result {
    let network = network_with(&["ipip", "ip6_tunnel"], &["tunl0", "ip6tnl0"])?;
    through(&network, Tunnel::Ipip, false)?;
    counted(Answers::Directly)
}

/// Needs the modules that unpack packets from UDP, and those that unpack them from IP afterwards.
fn gue_tunnel() -> Result {
    let modules = ["ipip", "ip6_tunnel", "fou", "fou6"];
    let network = network_with(&modules, &["tunl0", "ip6tnl0"])?;
    for number in 0..SERVERS {
        for family in ["-4", "-6"] {
            let words = [family, "fou", "add", "port", "6080", "gue"];
            network.server_namespace(number).tool("ip", words)?;
        }
    }
    for tunnel in [
        Tunnel::gue(6080),
        Tunnel::gue(6080).checksum(),
        Tunnel::gue(6080).remote_checksum(),
    ] {
        through(&network, tunnel, false)?;
    }
    Ok(())
}

fn gre_tunnel() -> Result {
    let network = network_with(&["ip_gre", "ip6_gre"], &["gre0", "ip6gre0"])?;
    through(&network, Tunnel::gre(), false)
}

/// The kernel's own devices accept no packets with checksums.
fn gre_tunnel_with_checksums() -> Result {
    let network = network_with(&["ip_gre", "ip6_gre"], &[])?;
    for number in 0..SERVERS {
        let namespace = network.server_namespace(number);
        for (family, kind) in [(Family::Ipv4, "gre"), (Family::Ipv6, "ip6gre")] {
            let name = format!("own-{kind}");
            let local = server_address(family, number).to_string();
            let remote = director(family, 0).ip().to_string();
            let words = ["link", "add", &name, "type", kind, "local", &local];
            let more = ["remote", &remote, "csum"];
            namespace.tool("ip", words.into_iter().chain(more))?;
            end_of_tunnel(namespace, &name)?;
        }
    }
    through(&network, Tunnel::gre().checksum(), false)
}

fn tunnel_to_the_other_family() -> Result {
    let network = network_with(&["sit", "ip6_tunnel"], &["sit0"])?;
    for number in 0..SERVERS {
        let own = server_address(Family::Ipv6, number);
        let other = director(Family::Ipv6, 0).ip();
        let namespace = network.server_namespace(number);
        // The kernel's own ip6tnl0 only unpacks IPv6 from IPv6.
        namespace.run(|| link::tunnel("any-in-6", "ip6tnl", own, other))?;
        end_of_tunnel(namespace, "any-in-6")?;
    }
    through(&network, Tunnel::Ipip, true)
}

/// The kernel delivers locally to a server on the director, whatever the method.
fn a_server_on_the_director() -> Result {
    let network = Network::new(1, 1, Answers::ThroughDirector)?;
    let here = Namespace::current()?;
    let mut ipvs = Ipvs::connect()?;
    for (transport, family) in kinds() {
        let own = director(family, SERVER_PORT);
        let key = service(transport, family);
        let serve = match transport {
            Transport::Tcp => lab::net::serve_tcp,
            Transport::Udp => lab::net::serve_udp,
        };
        let _masqueraded = serve(&here, &own.to_string(), &name(7))?;
        let as_it_is = key.socket_address().ok_or("a mark")?;
        let _untouched = serve(&here, &as_it_is.to_string(), &name(8))?;
        ipvs.add_service(&VirtualService::new(key).scheduler(Scheduler::RoundRobin))?;
        let one = RealServer::new(own);
        ipvs.add_server(key, &one)?;
        assert_eq!(network.ask(0, (transport, family))?, 7);
        ipvs.remove_server(key, own)?;
        // A local node gets the packets unchanged.
        let one = RealServer::new(SocketAddr::new(own.ip(), PORT)).local_node();
        ipvs.add_server(key, &one)?;
        assert_eq!(network.ask(0, (transport, family))?, 8);
        // It is listed as configured.
        assert_eq!(ipvs.server(key, one.address)?.config, one);
        ipvs.remove_service(key)?;
    }
    Ok(())
}
