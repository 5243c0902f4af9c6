//! Looks up names of hosts, services and protocols on this machine.

use std::collections::HashMap;
use std::iter;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::LazyLock;

use ipvset::ipset::Family;
use ipvset::ipset::text::Names;

pub struct System;

impl Names for System {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        // An address of the other family is not a name that a resolver could look up.
        if host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let found = (host, 0).to_socket_addrs().ok()?;
        found.map(|it| it.ip()).find(|address| match family {
            Some(Family::Inet) => address.is_ipv4(),
            Some(Family::Inet6) => address.is_ipv6(),
            None => true,
        })
    }

    fn port(&self, service: &str, protocol: &str) -> Option<u16> {
        let key = (service.to_owned(), protocol.to_owned());
        SERVICES.get(&key).copied()
    }

    fn protocol(&self, name: &str) -> Option<u8> {
        PROTOCOLS.get(&name.to_ascii_lowercase()).copied()
    }
}

/// The port of each service, by name and protocol.
static SERVICES: LazyLock<HashMap<(String, String), u16>> = LazyLock::new(|| {
    let mut services = HashMap::new();
    for (port, names) in numbers("/etc/services") {
        let Some((port, protocol)) = port.split_once('/') else {
            continue;
        };
        let Ok(port) = port.parse() else { continue };
        for name in names {
            let key = (name, protocol.to_owned());
            services.entry(key).or_insert(port);
        }
    }
    services
});

static PROTOCOLS: LazyLock<HashMap<String, u8>> = LazyLock::new(|| {
    let mut protocols = HashMap::new();
    for (number, names) in numbers("/etc/protocols") {
        let Ok(number) = number.parse() else { continue };
        for name in names {
            protocols.entry(name.to_ascii_lowercase()).or_insert(number);
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
