//! Decodes the kernel's reports. Attributes that a later kernel adds are ignored. A missing
//! attribute or an invalid value is an error.

mod daemon;
mod server;
mod service;
mod statistics;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

pub(super) use daemon::role_of_state;
pub(in crate::ipvs) use daemon::{daemon, role};
pub(super) use server::ServerParts;
pub(in crate::ipvs) use server::{server, server_address, server_config};
pub(super) use service::ServiceParts;
pub(in crate::ipvs) use service::{key, service, service_config};

use super::uapi::{AF_INET, AF_INET6, command, info, top};
use crate::Family;
use crate::ipvs::model::report::Report;
use crate::ipvs::model::report::{Info, Version};
use crate::ipvs::model::timeouts::Timeouts;
use crate::wire::{Attributes, Malformed};

/// Decodes a report. `service_family` is the family of the service whose servers the query asked
/// for.
pub(in crate::ipvs) fn report(
    command: u8,
    message: Attributes<'_>,
    service_family: Option<Family>,
) -> Result<Report, Malformed> {
    Ok(match command {
        command::NEW_SERVICE => {
            Report::Service(service(nest(message, top::SERVICE, "the service")?)?)
        }
        command::NEW_SERVER => {
            let server = server(nest(message, top::SERVER, "the server")?, service_family)?;
            Report::Server(server)
        }
        command::NEW_DAEMON => {
            Report::Daemon(daemon(nest(message, top::DAEMON, "the sync daemon")?)?)
        }
        command::SET_CONFIG => Report::Timeouts(timeouts(message)?),
        command::SET_INFO => Report::Info(info(message)?),
        other => {
            return Err(Malformed::Value {
                what: "the command of a report",
                value: other.into(),
            });
        }
    })
}

/// Returns the nested attributes in the attribute with this number.
pub(in crate::ipvs) fn nest<'a>(
    message: Attributes<'a>,
    kind: u16,
    what: &'static str,
) -> Result<Attributes<'a>, Malformed> {
    for attribute in message {
        let attribute = attribute?;
        if attribute.kind() == kind {
            return Ok(attribute.nested());
        }
    }
    Err(Malformed::Missing(what))
}

/// Decodes the timeouts.
pub(in crate::ipvs) fn timeouts(message: Attributes<'_>) -> Result<Timeouts, Malformed> {
    let mut all = Timeouts::new();
    for attribute in message {
        let attribute = attribute?;
        let place = match attribute.kind() {
            top::TIMEOUT_TCP => &mut all.tcp,
            top::TIMEOUT_TCP_FIN => &mut all.tcp_fin,
            top::TIMEOUT_UDP => &mut all.udp,
            _ => continue,
        };
        *place = Some(Duration::from_secs(attribute.u32()?.into()));
    }
    Ok(all)
}

/// Decodes the version and the size of the connection table.
pub(in crate::ipvs) fn info(message: Attributes<'_>) -> Result<Info, Malformed> {
    let (mut version, mut size) = (None, None);
    for attribute in message {
        let attribute = attribute?;
        match attribute.kind() {
            info::VERSION => version = Some(attribute.u32()?),
            info::CONNECTION_TABLE_SIZE => size = Some(attribute.u32()?),
            _ => {}
        }
    }
    Ok(Info {
        version: Version::from_number(version.ok_or(Malformed::Missing("the version"))?),
        connection_table_size: size.ok_or(Malformed::Missing("the connection table's size"))?,
    })
}

fn family(number: u16) -> Result<Family, Malformed> {
    match number {
        AF_INET => Ok(Family::Ipv4),
        AF_INET6 => Ok(Family::Ipv6),
        other => Err(Malformed::Value {
            what: "an address family",
            value: other.into(),
        }),
    }
}

/// Decodes an address. The kernel sends sixteen bytes for both families, and an IPv4 address is in
/// the first four.
fn ip(payload: &[u8], family: Family) -> Result<IpAddr, Malformed> {
    let short = |expected| Malformed::Length {
        what: "network address",
        length: expected,
        available: payload.len(),
    };
    match family {
        Family::Ipv4 => payload
            .first_chunk::<4>()
            .map(|bytes| Ipv4Addr::from(*bytes).into())
            .ok_or_else(|| short(4)),
        Family::Ipv6 => payload
            .first_chunk::<16>()
            .map(|bytes| Ipv6Addr::from(*bytes).into())
            .ok_or_else(|| short(16)),
    }
}
