//! Names of hosts and services, as this machine knows them.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::LazyLock;

use ipvset::ipset::Family;
use ipvset::ipset::text::Names;

pub struct System;

impl Names for System {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        // An address of the other family is no name to ask a resolver for.
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
}

/// Name and protocol of each service.
static SERVICES: LazyLock<HashMap<(String, String), u16>> = LazyLock::new(|| {
    let text = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let mut services = HashMap::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let (Some(name), Some(port)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((port, protocol)) = port.split_once('/') else {
            continue;
        };
        let Ok(port) = port.parse() else { continue };
        for name in std::iter::once(name).chain(words) {
            let key = (name.to_owned(), protocol.to_owned());
            services.entry(key).or_insert(port);
        }
    }
    services
});
