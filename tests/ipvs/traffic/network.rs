//! A director with clients and servers, each in its own namespace, like the kernel's selftest
//! (tools/testing/selftests/net/netfilter/ipvs.sh) with more of each.

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

use crate::interface::families;
use crate::support::{Result, at};

/// How long to wait for an answer that must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for an answer that must not come.
pub(super) const IMPATIENCE: Duration = Duration::from_millis(500);

/// The port of the virtual services, and the port of the servers if the director changes it.
pub(super) const PORT: u16 = 80;
pub(super) const SERVER_PORT: u16 = 8080;

/// The way of answers from the servers to the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Back through the director, which masquerades. The servers listen on their own addresses, on
    /// [`SERVER_PORT`].
    ThroughDirector,
    /// Directly to the clients. The servers have the virtual addresses and listen on them, on
    /// [`PORT`].
    Directly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// Returns TCP and UDP over each family that the interface has.
pub(super) fn kinds() -> Vec<(Transport, Family)> {
    let both = |family: &Family| [Transport::Tcp, Transport::Udp].map(|it| (it, *family));
    families().iter().flat_map(both).collect()
}

/// The director is the namespace of the thread that creates the network. All are on one network,
/// but the clients have addresses of another network and reach the virtual addresses through the
/// director.
pub(super) struct Network {
    /// The port of the next UDP client. Each has its own, because IPVS would otherwise use the
    /// connection of an earlier one.
    next_port: Cell<u16>,
    clients: Vec<Namespace>,
    servers: Vec<Backend>,
}

struct Backend {
    namespace: Namespace,
    _listeners: Vec<net::Server>,
}

/// Returns the address of a server or a client, or of the director on their side.
fn host(family: Family, clients: bool, number: usize) -> IpAddr {
    let network = if clients { 9 } else { 0 };
    match family {
        Family::Ipv4 => IpAddr::from([10, network, 0, number as u8]),
        Family::Ipv6 => IpAddr::from([0xfd00, network.into(), 0, 0, 0, 0, 0, number as u16]),
    }
}

/// Returns one of the 8 virtual addresses of a family.
pub(super) fn virtual_address(family: Family, number: u8) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::from([10, 100, 0, number]),
        Family::Ipv6 => IpAddr::from([0xfd64, 0, 0, 0, 0, 0, 0, number.into()]),
    }
}

/// Returns the key of the service at the first virtual address.
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

/// Returns the configuration of a server for the director.
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
                    // `default` would be that of IPv4.
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

    pub(super) fn client_namespaces(&self) -> &[Namespace] {
        &self.clients
    }

    pub(super) fn server_namespace(&self, number: usize) -> &Namespace {
        &self.servers[number].namespace
    }

    /// Asks from a client over a new connection which server answers at the address.
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

    /// Returns the number of the server that answers a new connection of a client to the service.
    /// Checks that the server sees the client's own address.
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

    /// Fails if a server answers a new connection of a client to the service.
    pub(super) fn expect_nobody(&self, client: usize, kind: (Transport, Family)) -> Result {
        let address = SocketAddr::new(virtual_address(kind.1, 1), PORT);
        match self.in_vain(client, || {
            self.try_ask_at(client, kind.0, address, IMPATIENCE)
        })? {
            // When IPVS finds no server, the kernel sends "port unreachable", which does not always
            // reach the program.
            Err(Unanswered::Refused | Unanswered::TimedOut) => Ok(()),
            Err(why) => Err(format!("{kind:?}: {why}").into()),
            Ok(answer) => Err(format!("{kind:?}: {} answered", answer.server).into()),
        }
    }

    /// Returns the outcome of a client's question that must not be answered within [`IMPATIENCE`].
    /// On a stalled machine, it is asked again.
    pub(super) fn in_vain<T, E>(
        &self,
        client: usize,
        ask: impl FnMut() -> Result<T, E>,
    ) -> Result<Result<T, E>> {
        Ok(net::unless_stalled(&self.clients[client], IMPATIENCE, ask)?)
    }

    /// Opens a TCP connection. Returns it with the number of the server at its other end.
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

/// A UDP client that asks from one port any number of times.
pub(super) struct Asker(UdpSocket);

impl Asker {
    /// Creates a client that can ask at addresses of the family of this one.
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

    /// Sets how long the client waits for answers.
    pub(super) fn with_patience(&self, patience: Duration) -> Result<&Self> {
        self.0.set_read_timeout(Some(patience))?;
        Ok(self)
    }

    /// Asks like [`net::ask_udp`].
    pub(super) fn ask(&self, address: SocketAddr) -> Result<Answer, Unanswered> {
        self.0.connect(address)?;
        self.0.send(b"who are you?\n")?;
        let mut bytes = [0; 512];
        let length = self.0.recv(&mut bytes)?;
        decode(&String::from_utf8_lossy(&bytes[..length]))
    }
}

/// A TCP connection that is reset when it is dropped. IPVS forgets it after ten seconds, but a
/// connection that is closed normally after two minutes.
pub(super) struct Resetting(BufReader<TcpStream>);

impl Resetting {
    pub(super) fn new(network: &Network, client: usize, family: Family) -> Result<Self> {
        network.clients[client].run(|| Self::here(family, PATIENCE))
    }

    /// Connects from the calling thread's namespace.
    pub(super) fn here(family: Family, patience: Duration) -> Result<Self> {
        let address = SocketAddr::new(virtual_address(family, 1), PORT);
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        let at_once = linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sets how long to wait for answers.
    pub(super) fn set_patience(&self, patience: Duration) -> Result {
        Ok(self.0.get_ref().set_read_timeout(Some(patience))?)
    }

    /// Returns the number of the server at the other end.
    pub(super) fn ask(&mut self) -> Result<usize> {
        self.0.get_mut().write_all(b"who are you?\n")?;
        let mut text = String::new();
        for _ in 0..2 {
            self.0.read_line(&mut text)?;
        }
        number(&decode(&text)?)
    }
}

/// Decodes an answer of the lab's servers.
fn decode(text: &str) -> Result<Answer, Unanswered> {
    let mut lines = text.lines();
    let answer = lines
        .next()
        .zip(lines.next().and_then(|it| it.parse().ok()));
    let (server, client) = answer.ok_or_else(|| Unanswered::Other(text.to_owned()))?;
    let server = server.to_owned();
    Ok(Answer { server, client })
}

/// Returns the number of the server that answered.
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

/// Creates a namespace with a cable to the director's network.
fn station(cable: &str, own: impl Fn(Family) -> IpAddr + Sync) -> Result<Namespace> {
    let namespace = Namespace::new()?;
    link::veth_into(cable, "eth0", &namespace)?;
    link::master(cable, "lan")?;
    link::up(cable)?;
    namespace.run(|| -> Result {
        quiet()?;
        // For IPv6, `all` does not apply to existing devices.
        sysctl::write("net.ipv6.conf.eth0.accept_redirects", "0")?;
        link::up("eth0")?;
        for family in [Family::Ipv4, Family::Ipv6] {
            address::add(&network_of(family, own(family)), "eth0")?;
        }
        Ok(())
    })?;
    Ok(namespace)
}

/// Turns off the kernel's checks of source addresses and redirects.
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

/// Returns an address of the director itself, on the side of the servers.
pub(super) fn director(family: Family, port: u16) -> SocketAddr {
    at(&SocketAddr::new(host(family, false, 1), port).to_string())
}
