use std::net::IpAddr;

use crate::ipvs::message::uapi::daemon;
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::wire::{Attributes, Malformed};

/// Decodes a sync daemon from a report or a request.
pub(in crate::ipvs) fn daemon(attributes: Attributes<'_>) -> Result<SyncDaemon, Malformed> {
    let role = role(attributes)?;
    let mut all = SyncDaemon::new(role, String::new());
    let (mut group, mut group_6) = (None, None);
    for attribute in attributes {
        let attribute = attribute?;
        match attribute.kind() {
            daemon::INTERFACE => all.interface = attribute.string(),
            // Messages between directors contain only the lowest 8 bits.
            daemon::SYNC_ID => all.sync_id = attribute.u32()? as u8,
            daemon::MAX_LENGTH => all.max_length = Some(attribute.u16()?),
            daemon::GROUP => group = Some(IpAddr::V4(attribute.ipv4()?)),
            daemon::GROUP_6 => group_6 = Some(IpAddr::V6(attribute.ipv6()?)),
            daemon::PORT => all.port = Some(attribute.u16()?),
            daemon::TTL => all.ttl = Some(attribute.u8()?),
            _ => {}
        }
    }
    // If there are both, the kernel uses the IPv4 group.
    all.group = group.or(group_6);
    Ok(all)
}

/// Decodes the role of a sync daemon.
pub(in crate::ipvs) fn role(attributes: Attributes<'_>) -> Result<SyncRole, Malformed> {
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.kind() == daemon::STATE {
            return role_of_state(attribute.u32()?);
        }
    }
    Err(Malformed::Missing("the state of a sync daemon"))
}

/// Returns the role with the kernel's number.
pub(in crate::ipvs::message) fn role_of_state(state: u32) -> Result<SyncRole, Malformed> {
    match state {
        daemon::MASTER => Ok(SyncRole::Master),
        daemon::BACKUP => Ok(SyncRole::Backup),
        other => Err(Malformed::Value {
            what: "the state of a sync daemon",
            value: other.into(),
        }),
    }
}
