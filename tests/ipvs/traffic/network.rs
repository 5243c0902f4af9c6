//! A director with clients and servers around it, each in a namespace of its own: the kernel's
//! own selftest (tools/testing/selftests/net/netfilter/ipvs.sh) with more of each.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use ipvset::Family;
use ipvset::ipvs::{RealServer, ServiceKey};
use lab::net::{self, Answer, Connection, Unanswered};
use lab::{Namespace, address, link, route, sysctl};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::{Result, at};

/// How long to wait for what should come.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for what should not come.
const IMPATIENCE: Duration = Duration::from_millis(500);

/// The port of the virtual services, and that of the servers where the director changes it.
pub(super) const PORT: u16 = 80;
pub(super) const SERVER_PORT: u16 = 8080;

/// How answers get from the servers to the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Back through the director, which masquerades: the servers listen on their own addresses,
    /// on [`SERVER_PORT`].
    ThroughDirector,
    /// Past it: the servers have the virtual addresses and listen there, on [`PORT`].
    Directly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// TCP and UDP over IPv4 and IPv6.
pub(super) const KINDS: [(Transport, Family); 4] = [
    (Transport::Tcp, Family::Ipv4),
    (Transport::Udp, Family::Ipv4),
    (Transport::Tcp, Family::Ipv6),
    (Transport::Udp, Family::Ipv6),
];

/// The director is the namespace of the thread that makes it. Everybody is on one network, but
/// the clients have addresses of their own, and reach the virtual ones through the director.
pub(super) struct Network {
    /// The port of the next UDP client: each has its own, or IPVS would take it for an earlier
    /// one's connection.
    next_port: Cell<u16>,
    clients: Vec<Namespace>,
    servers: Vec<Backend>,
}

struct Backend {
    namespace: Namespace,
    _listeners: Vec<net::Server>,
}

/// The address of the director in front of the servers or the clients, or of one of those.
fn host(family: Family, clients: bool, number: usize) -> IpAddr {
    let network = if clients { 9 } else { 0 };
    match family {
        Family::Ipv4 => IpAddr::from([10, network, 0, number as u8]),
        Family::Ipv6 => IpAddr::from([0xfd00, network.into(), 0, 0, 0, 0, 0, number as u16]),
    }
}

/// A virtual address: there are 8 of each family.
pub(super) fn virtual_address(family: Family, number: u8) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::from([10, 100, 0, number]),
        Family::Ipv6 => IpAddr::from([0xfd64, 0, 0, 0, 0, 0, 0, number.into()]),
    }
}

/// The key of the service on the first virtual address.
pub(super) fn service(transport: Transport, family: Family) -> ServiceKey {
    let address = SocketAddr::new(virtual_address(family, 1), PORT);
    match transport {
        Transport::Tcp => ServiceKey::tcp(address),
        Transport::Udp => ServiceKey::udp(address),
    }
}

pub(super) fn client_address(family: Family, number: usize) -> IpAddr {
    host(family, true, 10 + number)
}

pub(super) fn server_address(family: Family, number: usize) -> IpAddr {
    host(family, false, 10 + number)
}

/// A server as the director is to know it.
pub(super) fn server(family: Family, number: usize, port: u16) -> RealServer {
    RealServer::new(SocketAddr::new(server_address(family, number), port))
}

pub(super) fn name(number: usize) -> String {
    format!("server {number}")
}

impl Network {
    pub(super) fn new(clients: usize, servers: usize, answers: Answers) -> Result<Self> {
        quiet()?;
        link::bridge("lan")?;
        link::up("lan")?;
        for family in [Family::Ipv4, Family::Ipv6] {
            for side in [false, true] {
                address::add(&network_of(family, host(family, side, 1)), "lan")?;
            }
            for number in 1..=8 {
                address::add(&virtual_address(family, number).to_string(), "lo")?;
            }
        }
        sysctl::write("net.ipv4.ip_forward", "1")?;
        sysctl::write("net.ipv6.conf.all.forwarding", "1")?;
        let clients = (0..clients).map(|number| {
            let client = station(&format!("client{number}"), |family| {
                client_address(family, number)
            })?;
            client.run(|| -> Result {
                for family in [Family::Ipv4, Family::Ipv6] {
                    // Not `default`, which is IPv4's.
                    route::via(anywhere(family), &host(family, true, 1).to_string())?;
                }
                Ok(())
            })?;
            Ok(client)
        });
        let clients = clients.collect::<Result<_>>()?;
        let servers = (0..servers).map(|number| Backend::new(number, answers));
        let servers = servers.collect::<Result<_>>()?;
        Ok(Self {
            next_port: Cell::new(10000),
            clients,
            servers,
        })
    }

    pub(super) fn server_namespace(&self, number: usize) -> &Namespace {
        &self.servers[number].namespace
    }

    /// A client asks over a new connection who serves the address.
    pub(super) fn try_ask_at(
        &self,
        client: usize,
        transport: Transport,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<Answer, Unanswered> {
        match transport {
            Transport::Tcp => net::ask_tcp(&self.clients[client], &address.to_string(), patience),
            Transport::Udp => Asker::new(self, client, address.ip(), patience)?.ask(address),
        }
    }

    /// The number of the server that answers a client's new connection to the service, which
    /// sees the client's own address.
    pub(super) fn ask(&self, client: usize, kind: (Transport, Family)) -> Result<usize> {
        let address = SocketAddr::new(virtual_address(kind.1, 1), PORT);
        self.ask_at(client, kind.0, address)
    }

    pub(super) fn ask_at(
        &self,
        client: usize,
        transport: Transport,
        address: SocketAddr,
    ) -> Result<usize> {
        let answer = self
            .try_ask_at(client, transport, address, PATIENCE)
            .map_err(|error| format!("{transport:?} {address}: {error}"))?;
        let family = Family::of(address.ip());
        assert_eq!(
            answer.client.ip().to_canonical(),
            client_address(family, client),
            "{answer:?}"
        );
        number(&answer)
    }

    /// Fails unless nobody answers a client's new connection to the service.
    pub(super) fn expect_nobody(&self, client: usize, kind: (Transport, Family)) -> Result {
        let address = SocketAddr::new(virtual_address(kind.1, 1), PORT);
        match self.try_ask_at(client, kind.0, address, IMPATIENCE) {
            // The kernel says "port unreachable" when IPVS finds no server, which does not
            // always get to the program.
            Err(Unanswered::Refused | Unanswered::TimedOut) => Ok(()),
            Err(why) => Err(format!("{kind:?}: {why}").into()),
            Ok(answer) => Err(format!("{kind:?}: {} answered", answer.server).into()),
        }
    }

    /// A TCP connection that stays open, and the number of the server at its other end.
    pub(super) fn connect(&self, client: usize, family: Family) -> Result<(Connection, usize)> {
        let address = SocketAddr::new(virtual_address(family, 1), PORT);
        let mut connection = net::connect(&self.clients[client], &address.to_string(), PATIENCE)
            .map_err(|error| format!("{address}: {error}"))?;
        let answer = connection
            .ask()
            .map_err(|error| format!("{address}: {error}"))?;
        Ok((connection, number(&answer)?))
    }
}

/// A client of UDP, which asks from one port as often as it likes.
pub(super) struct Asker(UdpSocket);

impl Asker {
    /// A client that can ask at addresses of the family of this one.
    pub(super) fn new(
        network: &Network,
        client: usize,
        address: IpAddr,
        patience: Duration,
    ) -> Result<Self, Unanswered> {
        let port = network.next_port.replace(network.next_port.get() + 1);
        let own = SocketAddr::new(client_address(Family::of(address), client), port);
        let socket = network.clients[client].run(|| UdpSocket::bind(own))?;
        socket.set_read_timeout(Some(patience))?;
        Ok(Self(socket))
    }

    /// The same client, which waits as long as this from now on.
    pub(super) fn with_patience(&self, patience: Duration) -> Result<&Self> {
        self.0.set_read_timeout(Some(patience))?;
        Ok(self)
    }

    /// As [`net::ask_udp`].
    pub(super) fn ask(&self, address: SocketAddr) -> Result<Answer, Unanswered> {
        self.0.connect(address)?;
        self.0.send(b"who are you?\n")?;
        let mut bytes = [0; 512];
        let length = self.0.recv(&mut bytes)?;
        decode(&String::from_utf8_lossy(&bytes[..length]))
    }
}

/// A TCP connection that is reset when it is dropped: IPVS forgets it after ten seconds, and
/// one that is closed in peace after two minutes.
pub(super) struct Resetting(BufReader<TcpStream>);

impl Resetting {
    pub(super) fn new(network: &Network, client: usize, family: Family) -> Result<Self> {
        let address = SocketAddr::new(virtual_address(family, 1), PORT);
        let connect = || TcpStream::connect_timeout(&address, PATIENCE);
        let stream = network.clients[client].run(connect)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let at_once = linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The number of the server at the other end.
    pub(super) fn ask(&mut self) -> Result<usize> {
        self.0.get_mut().write_all(b"who are you?\n")?;
        let mut text = String::new();
        for _ in 0..2 {
            self.0.read_line(&mut text)?;
        }
        number(&decode(&text)?)
    }
}

/// What the lab's servers say.
fn decode(text: &str) -> Result<Answer, Unanswered> {
    let mut lines = text.lines();
    let answer = lines
        .next()
        .zip(lines.next().and_then(|it| it.parse().ok()));
    let (server, client) = answer.ok_or_else(|| Unanswered::Other(text.to_owned()))?;
    let server = server.to_owned();
    Ok(Answer { server, client })
}

/// The number of the server that gave the answer.
pub(super) fn number(answer: &Answer) -> Result<usize> {
    let number = answer.server.strip_prefix("server ");
    let number = number.and_then(|it| it.parse().ok());
    Ok(number.ok_or_else(|| format!("{answer:?}"))?)
}

impl Backend {
    fn new(number: usize, answers: Answers) -> Result<Self> {
        let namespace = station(&format!("server{number}"), |family| {
            server_address(family, number)
        })?;
        let mut listeners = Vec::new();
        for family in [Family::Ipv4, Family::Ipv6] {
            let clients = network_of(family, host(family, true, 0));
            let director = host(family, false, 1).to_string();
            let own = namespace.run(|| -> Result<_> {
                Ok(match answers {
                    Answers::ThroughDirector => {
                        route::via(&clients, &director)?;
                        SocketAddr::new(server_address(family, number), SERVER_PORT)
                    }
                    Answers::Directly => {
                        route::dev(&clients, "eth0")?;
                        let own = virtual_address(family, 1);
                        address::add(&own.to_string(), "lo")?;
                        SocketAddr::new(own, PORT)
                    }
                })
            })?;
            let own = own.to_string();
            listeners.push(net::serve_tcp(&namespace, &own, &name(number))?);
            listeners.push(net::serve_udp(&namespace, &own, &name(number))?);
        }
        Ok(Self {
            namespace,
            _listeners: listeners,
        })
    }
}

/// A namespace with a cable to the director's network.
fn station(cable: &str, own: impl Fn(Family) -> IpAddr + Sync) -> Result<Namespace> {
    let namespace = Namespace::new()?;
    link::veth_into(cable, "eth0", &namespace)?;
    link::master(cable, "lan")?;
    link::up(cable)?;
    namespace.run(|| -> Result {
        quiet()?;
        // For IPv6, `all` does not count for the devices that are there already.
        sysctl::write("net.ipv6.conf.eth0.accept_redirects", "0")?;
        link::up("eth0")?;
        for family in [Family::Ipv4, Family::Ipv6] {
            address::add(&network_of(family, own(family)), "eth0")?;
        }
        Ok(())
    })?;
    Ok(namespace)
}

/// Without the kernel's opinions about who may send what from where.
fn quiet() -> Result {
    for (key, value) in [
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
        ("net.ipv4.conf.all.accept_redirects", "0"),
        ("net.ipv6.conf.all.accept_redirects", "0"),
        ("net.ipv6.conf.default.accept_redirects", "0"),
        ("net.ipv4.conf.all.arp_ignore", "1"),
        ("net.ipv4.conf.all.arp_announce", "2"),
    ] {
        sysctl::write(key, value)?;
    }
    Ok(())
}

fn network_of(family: Family, address: IpAddr) -> String {
    match family {
        Family::Ipv4 => format!("{address}/24"),
        Family::Ipv6 => format!("{address}/64"),
    }
}

fn anywhere(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "0.0.0.0/0",
        Family::Ipv6 => "::/0",
    }
}

/// One of the director's own addresses, in front of the servers.
pub(super) fn director(family: Family, port: u16) -> SocketAddr {
    at(&SocketAddr::new(host(family, false, 1), port).to_string())
}
