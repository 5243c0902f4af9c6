use std::net::SocketAddr;

use super::statistics::{statistics_32, statistics_64};
use super::{family, ip};
use crate::Family;
use crate::ipvs::message::uapi::server;
use crate::ipvs::model::report::{ServerInfo, Statistics};
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::tunnel::{Tunnel, TunnelFlags};
use crate::wire::{Attributes, Malformed};

/// The values of a server in a message.
#[derive(Default)]
pub(in crate::ipvs::message) struct ServerParts<'a> {
    pub(in crate::ipvs::message) family: Option<Family>,
    pub(in crate::ipvs::message) address: Option<&'a [u8]>,
    pub(in crate::ipvs::message) port: u16,
    pub(in crate::ipvs::message) forwarding: Option<u32>,
    pub(in crate::ipvs::message) weight: u32,
    pub(in crate::ipvs::message) upper_threshold: u32,
    pub(in crate::ipvs::message) lower_threshold: u32,
    pub(in crate::ipvs::message) active: u32,
    pub(in crate::ipvs::message) inactive: u32,
    pub(in crate::ipvs::message) persistent: u32,
    /// The type, the port and the flags of a tunnel, or `None` if the kernel does not report them.
    pub(in crate::ipvs::message) tunnel: Option<(u8, u16, u16)>,
    pub(in crate::ipvs::message) statistics: Option<Statistics>,
    pub(in crate::ipvs::message) statistics_64: Option<Statistics>,
}

impl<'a> ServerParts<'a> {
    fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut parts = Self::default();
        // The kernel's default, and before Linux 5.2 the only one.
        let mut tunnel = (0, 0, 0);
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind() {
                // Zero stands for the family of the service.
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
                server::TUNNEL_TYPE => tunnel.0 = attribute.u8()?,
                server::TUNNEL_PORT => tunnel.1 = attribute.u16_be()?,
                server::TUNNEL_FLAGS => tunnel.2 = attribute.u16()?,
                server::STATISTICS => {
                    parts.statistics = Some(statistics_32(attribute.nested())?);
                }
                server::STATISTICS_64 => {
                    parts.statistics_64 = Some(statistics_64(attribute.nested())?);
                }
                _ => {}
            }
        }
        parts.tunnel = Some(tunnel);
        Ok(parts)
    }

    /// Returns the server's address. `service` is the family of the service: Linux before 3.18
    /// does not send the server's own.
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
        let tunnel = self
            .tunnel
            .map_or(Tunnel::Unreported, |(kind, port, flags)| {
                Tunnel::from_parts(kind, port, TunnelFlags::from_bits_retain(flags))
            });
        Ok(RealServer::new(self.address(service)?)
            .forwarding(ForwardingMethod::from_number(forwarding, tunnel))
            .weight(self.weight)
            .upper_threshold(self.upper_threshold)
            .lower_threshold(self.lower_threshold))
    }

    pub(in crate::ipvs::message) fn info(
        &self,
        service: Option<Family>,
    ) -> Result<ServerInfo, Malformed> {
        Ok(ServerInfo {
            config: self.config(service)?,
            active_connections: self.active,
            inactive_connections: self.inactive,
            persistent_connections: self.persistent,
            statistics: self.statistics_64.or(self.statistics).unwrap_or_default(),
        })
    }
}

/// Decodes the address of a server.
pub(in crate::ipvs) fn server_address(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<SocketAddr, Malformed> {
    ServerParts::read(attributes)?.address(service)
}

/// Decodes the configuration of a server.
pub(in crate::ipvs) fn server_config(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<RealServer, Malformed> {
    ServerParts::read(attributes)?.config(service)
}

/// Decodes the kernel's report of a server. `service` is the family of its service.
pub(in crate::ipvs) fn server(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<ServerInfo, Malformed> {
    ServerParts::read(attributes)?.info(service)
}
