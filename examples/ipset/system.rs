//! Looks up names of hosts, services and protocols on this machine.

use std::collections::HashMap;
use std::iter;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::LazyLock;

use ipvset::{Family, Names, Protocol};

pub struct System;

impl Names for System {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        // An address of the other family is not a name that a resolver could look up.
        if host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let found = (host, 0).to_socket_addrs().ok()?;
        found.map(|it| it.ip()).find(|address| match family {
            Some(Family::Ipv4) => address.is_ipv4(),
            Some(Family::Ipv6) => address.is_ipv6(),
            None => true,
        })
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        SERVICES.get(&(service.to_owned(), protocol)).copied()
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        PROTOCOLS.get(&name.to_ascii_lowercase()).copied()
    }
}

/// The port of each service, by name and protocol.
static SERVICES: LazyLock<HashMap<(String, Protocol), u16>> = LazyLock::new(|| {
    let mut services = HashMap::new();
    for (port, names) in numbers("/etc/services") {
        let Some((port, protocol)) = port.split_once('/') else {
            continue;
        };
        let (Ok(port), Ok(protocol)) = (port.parse(), protocol.parse()) else {
            continue;
        };
        for name in names {
            services.entry((name, protocol)).or_insert(port);
        }
    }
    services
});

static PROTOCOLS: LazyLock<HashMap<String, Protocol>> = LazyLock::new(|| {
    let mut protocols = HashMap::new();
    for (number, names) in numbers("/etc/protocols") {
        // A set contains protocols up to 255 only.
        let Ok(number) = number.parse::<u8>() else {
            continue;
        };
        for name in names {
            let protocol = Protocol::from_number(number.into());
            protocols
                .entry(name.to_ascii_lowercase())
                .or_insert(protocol);
        }
    }
    protocols
});

/// Reads a file in which each line has a name, its number and more names.
fn numbers(path: &str) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let line = line.split('#').next()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (name, number) = (words.next()?, words.next()?);
        Some((number, iter::once(name).chain(words).collect()))
    };
    text.lines().filter_map(line).collect()
}
