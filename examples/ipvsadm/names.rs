//! Names of hosts and ports for addresses, and the other way round, from the system's resolver.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo, getnameinfo};
use ipvset::ipvs::Protocol;
use nix::libc::{NI_DGRAM, NI_NUMERICHOST, NI_NUMERICSERV};

use super::failure::Failure;

/// How long one answer is waited for. If it does not come, no other one is asked for: a
/// listing of a thousand servers is no place to learn that the resolver is out of reach.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes addresses, by name if names are wanted and there are some.
pub(crate) struct Names {
    resolver: Option<Resolver>,
    hosts: HashMap<IpAddr, String>,
    ports: HashMap<(u16, bool), String>,
}

/// A thread that asks for names of hosts, so that nobody has to wait for them for long.
struct Resolver {
    questions: Sender<IpAddr>,
    answers: Receiver<(IpAddr, String)>,
}

impl Names {
    pub(crate) fn new(numeric: bool) -> Self {
        Self {
            resolver: (!numeric).then(Resolver::start),
            hosts: HashMap::new(),
            ports: HashMap::new(),
        }
    }

    /// `host:port`, or `[host]:port` for IPv6.
    pub(crate) fn address(&mut self, address: SocketAddr, protocol: Option<Protocol>) -> String {
        if self.resolver.is_none() && self.hosts.is_empty() {
            return address.to_string();
        }
        let host = self.host(address.ip());
        let port = self.port(address.port(), protocol);
        match address {
            SocketAddr::V4(_) => format!("{host}:{port}"),
            SocketAddr::V6(_) => format!("[{host}]:{port}"),
        }
    }

    fn host(&mut self, ip: IpAddr) -> String {
        if let Some(known) = self.hosts.get(&ip) {
            return known.clone();
        }
        let answer = self.resolver.as_ref().and_then(|it| it.ask(ip));
        if answer.is_none() && self.resolver.take().is_some() {
            eprintln!("The resolver does not answer; what is left is shown in numbers.");
        }
        let host = answer.unwrap_or_else(|| ip.to_string());
        self.hosts.insert(ip, host.clone());
        host
    }

    /// Names of ports are in a local file, which needs no patience.
    fn port(&mut self, port: u16, protocol: Option<Protocol>) -> String {
        let datagram = match protocol {
            Some(Protocol::TCP) => false,
            Some(Protocol::UDP) => true,
            _ => return port.to_string(),
        };
        let name = || {
            let flags = NI_NUMERICHOST | if datagram { NI_DGRAM } else { 0 };
            let address = SocketAddr::from(([0, 0, 0, 0], port));
            getnameinfo(&address, flags).map_or_else(|_| port.to_string(), |(_, name)| name)
        };
        self.ports
            .entry((port, datagram))
            .or_insert_with(name)
            .clone()
    }
}

impl Resolver {
    fn start() -> Self {
        let (questions, asked) = channel::<IpAddr>();
        let (answer, answers) = channel();
        thread::spawn(move || {
            for ip in asked {
                let name = getnameinfo(&SocketAddr::new(ip, 0), NI_NUMERICSERV);
                let name = name.map_or_else(|_| ip.to_string(), |(host, _)| host);
                if answer.send((ip, name)).is_err() {
                    return;
                }
            }
        });
        Self { questions, answers }
    }

    fn ask(&self, ip: IpAddr) -> Option<String> {
        self.questions.send(ip).ok()?;
        let (of, name) = self.answers.recv_timeout(PATIENCE).ok()?;
        (of == ip).then_some(name)
    }
}

/// `HOST[:PORT]`, each a name or a number, in numbers. What has no port gets none.
pub(crate) fn numeric(text: &str, protocol: Protocol) -> Result<String, Failure> {
    let wrong = || Failure::Usage(format!("`{text}` is no address[:port]"));
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if text.parse::<SocketAddr>().is_ok() || bare.unwrap_or(text).parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() || port.is_some_and(str::is_empty) {
        return Err(wrong());
    }
    // The resolver knows the ports of TCP and UDP only.
    let kind = match protocol {
        Protocol::TCP => SockType::Stream,
        Protocol::UDP => SockType::DGram,
        _ if port.is_none_or(|it| it.parse::<u16>().is_ok()) => SockType::Stream,
        _ => return Err(wrong()),
    };
    if port.is_some_and(|it| {
        it.starts_with(|c: char| c.is_ascii_digit()) && it.parse::<u16>().is_err()
    }) {
        return Err(wrong());
    }
    let hints = AddrInfoHints {
        socktype: kind.into(),
        ..AddrInfoHints::default()
    };
    let mut found = getaddrinfo(Some(host), port, Some(hints)).map_err(|_| wrong())?;
    let found = found
        .next()
        .ok_or_else(wrong)?
        .map_err(|_| wrong())?
        .sockaddr;
    Ok(match port {
        Some(_) => found.to_string(),
        None => found.ip().to_string(),
    })
}
