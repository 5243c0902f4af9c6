//! Generic netlink: a second header behind netlink's own, and families whose message type the
//! kernel gives out when they register (include/uapi/linux/genetlink.h).

use super::connection::{Connection, Transport};
use super::{Failure, Rejection};
use crate::wire::{Attributes, Malformed, Writer};

/// Bytes of the header.
pub(crate) const HEADER: usize = 4;

/// Writes the header: a family's command and the version of its protocol.
pub(crate) fn header(writer: &mut Writer, command: u8, version: u8) {
    writer.raw(&[command, version, 0, 0]);
}

/// Takes a payload apart into command and attributes.
pub(crate) fn split(payload: &[u8]) -> Result<(u8, Attributes<'_>), Malformed> {
    let (header, rest) = payload
        .split_first_chunk::<HEADER>()
        .ok_or(Malformed::Missing("the generic netlink header"))?;
    Ok((header[0], Attributes::new(rest)))
}

/// Asks the kernel for the message type of a family; `None` if it has no such family. The
/// kernel loads the family's module if it can.
pub(crate) async fn resolve<T: Transport>(
    connection: &mut Connection<T>,
    family: &str,
) -> Result<Option<u16>, Failure> {
    const CONTROLLER: u16 = 16;
    const GET_FAMILY: u8 = 3;
    const FAMILY_ID: u16 = 1;
    const FAMILY_NAME: u16 = 2;

    let answer = connection
        .query(CONTROLLER, 0, |writer| {
            header(writer, GET_FAMILY, 1);
            writer.string(FAMILY_NAME, family);
        })
        .await;
    let payload = match answer {
        Ok(payload) => payload,
        Err(Failure::Rejected(Rejection { code, .. })) if code == nix::libc::ENOENT => {
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    for attribute in split(payload)?.1 {
        let attribute = attribute?;
        if attribute.kind() == FAMILY_ID {
            return Ok(Some(attribute.u16()?));
        }
    }
    Err(Malformed::Missing("the family's number").into())
}
