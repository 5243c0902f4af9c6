//! The columns of listings of services and servers.

use std::io::Write;

use ipvset::Family;
use ipvset::ipvs::{
    ForwardingMethod, ServerInfo, ServiceInfo, ServiceKey, Statistics, Tunnel, TunnelFlags,
};

use super::failure::Failure;
use super::list::Wish;
use super::names::{Names, protocol_name};

/// The columns of a listing. If several are requested, the first in this order is used, as in the
/// tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stats,
    Rate,
    Thresholds,
    Persistent,
    Tunnels,
    Forwarding,
}

pub(crate) struct Columns {
    kind: Kind,
    exact: bool,
    names: Names,
}

impl Columns {
    pub(crate) fn new(wish: &Wish, names: Names) -> Self {
        let wishes = [
            (wish.stats, Kind::Stats),
            (wish.rate, Kind::Rate),
            (wish.thresholds, Kind::Thresholds),
            (wish.persistent, Kind::Persistent),
            (wish.tunnels, Kind::Tunnels),
        ];
        let kind = wishes.iter().find(|(wished, _)| *wished);
        Self {
            kind: kind.map_or(Kind::Forwarding, |(_, kind)| *kind),
            exact: wish.exact,
            names,
        }
    }

    pub(crate) fn headings(&self, out: &mut impl Write) -> Result<(), Failure> {
        let (services, servers) = match self.kind {
            Kind::Stats => (
                "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes",
                "",
            ),
            Kind::Rate => (
                "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS",
                "",
            ),
            Kind::Thresholds => (
                "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
                "",
            ),
            Kind::Persistent => (
                "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
                "",
            ),
            Kind::Tunnels => (
                "Prot LocalAddress:Port Scheduler Flags",
                "           Forward TunnelInfo    Weight ActiveConn InActConn",
            ),
            Kind::Forwarding => (
                "Prot LocalAddress:Port Scheduler Flags",
                "           Forward Weight ActiveConn InActConn",
            ),
        };
        writeln!(out, "{services}\n  -> RemoteAddress:Port{servers}")?;
        Ok(())
    }

    pub(crate) fn service(
        &mut self,
        service: &ServiceInfo,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let name = self.service_name(&service.key());
        match self.kind {
            Kind::Stats | Kind::Rate => {
                write!(out, "{name:<33}")?;
                self.counters(&service.statistics, out)
            }
            _ => {
                writeln!(out, "{name} {}", scheduling(service))?;
                Ok(())
            }
        }
    }

    fn service_name(&mut self, key: &ServiceKey) -> String {
        match key {
            ServiceKey::FirewallMark { mark, family, .. } => match family {
                Family::Ipv4 => format!("FWM  {mark}"),
                Family::Ipv6 => format!("FWM  {mark} IPv6"),
            },
            ServiceKey::Address {
                protocol, address, ..
            } => {
                let address = self.names.address(*address, Some(*protocol));
                format!("{:<4} {address}", protocol_name(*protocol))
            }
            other => other.to_string(),
        }
    }

    pub(crate) fn server(
        &mut self,
        service: &ServiceInfo,
        server: &ServerInfo,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let config = &server.config;
        let protocol = service.key().protocol();
        let name = self.names.address(config.address, protocol);
        write!(out, "  -> {name:<28}")?;
        let (active, inactive) = (server.active_connections, server.inactive_connections);
        let (method, weight) = (forwarding(config.forwarding), config.weight);
        match self.kind {
            Kind::Stats | Kind::Rate => return self.counters(&server.statistics, out),
            Kind::Thresholds => {
                let (upper, lower) = (config.upper_threshold, config.lower_threshold);
                write!(out, " {upper:<10} {lower:<10}")?;
            }
            Kind::Persistent => {
                let persistent = server.persistent_connections;
                write!(out, " {weight:<9} {persistent:<11}")?;
            }
            Kind::Tunnels => {
                let tunnel = tunnel(config.forwarding);
                write!(out, " {method:<7} {tunnel:<13} {weight:<6}")?;
            }
            Kind::Forwarding => write!(out, " {method:<7} {weight:<6}")?,
        }
        writeln!(out, " {active:<10} {inactive:<10}")?;
        Ok(())
    }

    fn counters(&self, statistics: &Statistics, out: &mut impl Write) -> Result<(), Failure> {
        let rates = &statistics.rates;
        let counters = match self.kind {
            Kind::Rate => [
                rates.connections,
                rates.incoming_packets,
                rates.outgoing_packets,
                rates.incoming_bytes,
                rates.outgoing_bytes,
            ],
            _ => [
                statistics.connections,
                statistics.incoming_packets,
                statistics.outgoing_packets,
                statistics.incoming_bytes,
                statistics.outgoing_bytes,
            ],
        };
        for counter in counters {
            write!(out, "{}", self.counter(counter))?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Formats a counter in nine characters, with a decimal unit if it would not fit otherwise.
    fn counter(&self, value: u64) -> String {
        if self.exact {
            // A number that does not fit still starts with a space.
            return format!(" {value:>8}");
        }
        let (unit, letter) = match value {
            0..100_000_000 => return format!("{value:>9}"),
            100_000_000..1_000_000_000 => (1_000, 'K'),
            1_000_000_000..100_000_000_000 => (1_000_000, 'M'),
            100_000_000_000..100_000_000_000_000 => (1_000_000_000, 'G'),
            _ => (1_000_000_000_000, 'T'),
        };
        format!("{:>8}{letter}", value / unit)
    }
}

/// The scheduler and the other options of a service.
fn scheduling(service: &ServiceInfo) -> String {
    let config = &service.config;
    let mut text = config.scheduler.to_string();
    // Takes the flags' names from the crate's text.
    if let Some((_, flags)) = config.to_string().split_once(" -b ") {
        text += &format!(" ({flags})");
    }
    if let Some(persistence) = &config.persistence {
        text += &format!(" persistent {}", persistence.timeout().as_secs());
        if !persistence.is_per_client() {
            text += &match (persistence.mask(), persistence.prefix_length()) {
                (Some(mask), _) => format!(" mask {mask}"),
                (None, Some(prefix)) => format!(" mask {prefix}"),
                (None, None) => String::new(),
            };
        }
        if let Some(engine) = config.persistence_engine {
            text += &format!(" pe {engine}");
        }
    }
    if config.one_packet {
        text += " ops";
    }
    text
}

fn forwarding(method: ForwardingMethod) -> String {
    match method {
        ForwardingMethod::Masquerade => "Masq".into(),
        ForwardingMethod::LocalNode => "Local".into(),
        ForwardingMethod::Tunnel(_) => "Tunnel".into(),
        ForwardingMethod::DirectRouting => "Route".into(),
        ForwardingMethod::Bypass => "Bypass".into(),
        other => format!("{other:?}"),
    }
}

fn tunnel(method: ForwardingMethod) -> String {
    let checksum = |flags: TunnelFlags| match flags {
        TunnelFlags::CHECKSUM => "+c".to_owned(),
        TunnelFlags::REMOTE_CHECKSUM => "r+c".to_owned(),
        none if none.is_empty() => "-c".to_owned(),
        other => format!("{:#x}", other.bits()),
    };
    match method {
        ForwardingMethod::Tunnel(Tunnel::Ipip) => "ipip".into(),
        ForwardingMethod::Tunnel(Tunnel::Gue { port, flags, .. }) => {
            format!("gue:{port}:{}", checksum(flags))
        }
        ForwardingMethod::Tunnel(Tunnel::Gre { flags, .. }) => format!("gre:{}", checksum(flags)),
        ForwardingMethod::Tunnel(Tunnel::Unreported) => "unreported".into(),
        ForwardingMethod::Tunnel(other) => format!("{other:?}"),
        _ => "n/a".into(),
    }
}
