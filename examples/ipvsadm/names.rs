//! Looks up names of hosts and ports, and addresses of names, with the system's resolver.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo, getnameinfo};
use ipvset::{Family, Protocol};
use nix::libc::{AF_INET, AF_INET6, AI_NUMERICHOST, NI_DGRAM, NI_NUMERICHOST, NI_NUMERICSERV};

/// How long to wait for one answer. After a first timeout no other names are asked for, because a
/// listing of a thousand servers would take too long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Formats addresses, with names if they are wanted and exist.
pub(crate) struct Names {
    resolver: Option<Resolver>,
    hosts: HashMap<IpAddr, String>,
    ports: HashMap<(u16, bool), String>,
}

/// A thread that asks for names of hosts, so that waiting for them can be limited.
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
            let why = "The resolver does not answer; the remaining addresses are shown in numbers.";
            super::say(format_args!("{why}"));
        }
        let host = answer.unwrap_or_else(|| ip.to_string());
        self.hosts.insert(ip, host.clone());
        host
    }

    /// Looks up the name of a port. It comes from a local file, so no timeout is needed.
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

/// Returns a protocol's name as the tool writes it, or its number.
pub(crate) fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP | Protocol::UDP | Protocol::SCTP => protocol.to_string().to_uppercase(),
        other if other.number() == 0 => "IP".to_owned(),
        other => other.number().to_string(),
    }
}

/// The names that the system knows.
pub(crate) struct System;

impl ipvset::Names for System {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        let hints = AddrInfoHints {
            address: match family {
                Some(Family::Ipv6) => AF_INET6,
                Some(Family::Ipv4) | None => AF_INET,
            },
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        Some(first(Some(host), None, hints)?.ip())
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        // The resolver accepts numbers, even some that are not ports. It knows only the ports of TCP
        // and UDP.
        if service.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let kind = match protocol {
            Protocol::TCP => SockType::Stream,
            Protocol::UDP => SockType::DGram,
            _ => return None,
        };
        let hints = AddrInfoHints {
            socktype: kind.into(),
            ..AddrInfoHints::default()
        };
        Some(first(None, Some(service), hints)?.port())
    }
}

fn first(host: Option<&str>, port: Option<&str>, hints: AddrInfoHints) -> Option<SocketAddr> {
    let mut found = getaddrinfo(host, port, Some(hints)).ok()?;
    Some(found.next()?.ok()?.sockaddr)
}

/// Rewrites the IPv4 address of a `HOST[:PORT]` from any form that the tool accepts, such as `10.1` or
/// `0x0a000001`, to the usual one. Returns other text unchanged, and asks no resolver.
pub(crate) fn usual_form(text: &str) -> String {
    let (host, behind) = text.split_at(text.find(':').unwrap_or(text.len()));
    let hints = AddrInfoHints {
        address: AF_INET,
        flags: AI_NUMERICHOST,
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let address = match host.is_empty() {
        true => None,
        false => first(Some(host), None, hints),
    };
    address.map_or_else(|| text.to_owned(), |it| format!("{}{behind}", it.ip()))
}
