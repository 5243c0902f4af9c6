use std::net::SocketAddr;

use super::statistics::{statistics_32, statistics_64};
use super::{family, ip};
use crate::ipvs::message::uapi::server;
use crate::ipvs::model::key::Family;
use crate::ipvs::model::report::{ServerInfo, Statistics};
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::tunnel::{Tunnel, TunnelFlags};
use crate::wire::{Attributes, Malformed};

/// What the attributes of a server say, before they are put together.
#[derive(Default)]
struct ServerParts<'a> {
    family: Option<Family>,
    address: Option<&'a [u8]>,
    port: u16,
    forwarding: Option<u32>,
    weight: u32,
    upper_threshold: u32,
    lower_threshold: u32,
    active: u32,
    inactive: u32,
    persistent: u32,
    tunnel: (u8, u16, u16),
    statistics: Option<Statistics>,
    statistics_64: Option<Statistics>,
}

impl<'a> ServerParts<'a> {
    fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut parts = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind() {
                // Zero is no family at all: that of the service.
                server::FAMILY => match attribute.u16()? {
                    0 => {}
                    number => parts.family = Some(family(number)?),
                },
                server::ADDRESS => parts.address = Some(attribute.payload()),
                server::PORT => parts.port = attribute.u16_be()?,
                server::FORWARDING => parts.forwarding = Some(attribute.u32()?),
                server::WEIGHT => parts.weight = attribute.u32()?,
                server::UPPER_THRESHOLD => parts.upper_threshold = attribute.u32()?,
                server::LOWER_THRESHOLD => parts.lower_threshold = attribute.u32()?,
                server::ACTIVE_CONNECTIONS => parts.active = attribute.u32()?,
                server::INACTIVE_CONNECTIONS => parts.inactive = attribute.u32()?,
                server::PERSISTENT_CONNECTIONS => parts.persistent = attribute.u32()?,
                server::TUNNEL_TYPE => parts.tunnel.0 = attribute.u8()?,
                server::TUNNEL_PORT => parts.tunnel.1 = attribute.u16_be()?,
                server::TUNNEL_FLAGS => parts.tunnel.2 = attribute.u16()?,
                server::STATISTICS => {
                    parts.statistics = Some(statistics_32(attribute.nested())?);
                }
                server::STATISTICS_64 => {
                    parts.statistics_64 = Some(statistics_64(attribute.nested())?);
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    /// `service` is the family of the service, which Linux before 3.18 does not repeat.
    fn address(&self, service: Option<Family>) -> Result<SocketAddr, Malformed> {
        let address = self
            .address
            .ok_or(Malformed::Missing("a server's address"))?;
        let family = self
            .family
            .or(service)
            .ok_or(Malformed::Missing("a server's address family"))?;
        let address = ip(address, family)?;
        Ok(SocketAddr::new(address, self.port))
    }

    fn config(&self, service: Option<Family>) -> Result<RealServer, Malformed> {
        let forwarding = self
            .forwarding
            .ok_or(Malformed::Missing("a server's forwarding method"))?;
        let (kind, port, flags) = self.tunnel;
        let tunnel = Tunnel::from_parts(kind, port, TunnelFlags::from_bits_retain(flags));
        Ok(RealServer::new(self.address(service)?)
            .forwarding(ForwardingMethod::from_number(forwarding, tunnel))
            .weight(self.weight)
            .upper_threshold(self.upper_threshold)
            .lower_threshold(self.lower_threshold))
    }
}

/// Which server a message is about.
pub(in crate::ipvs) fn server_address(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<SocketAddr, Malformed> {
    ServerParts::read(attributes)?.address(service)
}

/// What a message says about how a server is configured.
pub(in crate::ipvs) fn server_config(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<RealServer, Malformed> {
    ServerParts::read(attributes)?.config(service)
}

/// What the kernel reports of a server; `service` is the family of its service.
pub(in crate::ipvs) fn server(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<ServerInfo, Malformed> {
    let parts = ServerParts::read(attributes)?;
    Ok(ServerInfo {
        config: parts.config(service)?,
        active_connections: parts.active,
        inactive_connections: parts.inactive,
        persistent_connections: parts.persistent,
        statistics: parts.statistics_64.or(parts.statistics).unwrap_or_default(),
    })
}
