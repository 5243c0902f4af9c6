//! Generic netlink: a second header behind netlink's own, and families to which the kernel
//! assigns a message type when they register (include/uapi/linux/genetlink.h).

use nix::libc;

use super::Failure;
use super::connection::{Connection, Transport};
use crate::wire::{Attribute, Attributes, Malformed, Writer};

/// The length of the header in bytes.
pub(crate) const HEADER: usize = 4;

/// Writes the header: a family's command and the version of its protocol.
pub(crate) fn header(writer: &mut Writer, command: u8, version: u8) {
    writer.raw(&[command, version, 0, 0]);
}

/// Splits a payload into command and attributes.
pub(crate) fn split(payload: &[u8]) -> Result<(u8, Attributes<'_>), Malformed> {
    let (header, rest) = payload
        .split_first_chunk::<HEADER>()
        .ok_or(Malformed::Missing("the generic netlink header"))?;
    Ok((header[0], Attributes::new(rest)))
}

const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

/// Asks the kernel for the message type of a family, and returns `None` if there is no such
/// family. The kernel loads the family's module if it can.
pub(crate) async fn resolve<T: Transport>(
    connection: &mut Connection<T>,
    family: &str,
) -> Result<Option<u16>, Failure> {
    let answer = connection
        .query(CONTROLLER, 0, |writer| {
            header(writer, GET_FAMILY, 1);
            writer.string(FAMILY_NAME, family);
        })
        .await;
    let payload = match answer {
        Ok(payload) => payload,
        Err(failure) if is_missing(&failure) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    match find(payload, FAMILY_ID)? {
        Some(attribute) => Ok(Some(attribute.u16()?)),
        None => Err(Malformed::Missing("the family's number").into()),
    }
}

/// Returns true if a message type no longer belongs to the family, because its module was
/// unloaded. This does not load the module.
pub(crate) async fn is_gone<T: Transport>(
    connection: &mut Connection<T>,
    number: u16,
    family: &str,
) -> bool {
    let answer = connection
        .query(CONTROLLER, 0, |writer| {
            header(writer, GET_FAMILY, 1);
            writer.u16(FAMILY_ID, number);
        })
        .await;
    match answer {
        Ok(payload) => matches!(
            find(payload, FAMILY_NAME),
            Ok(Some(attribute)) if attribute.string() != family
        ),
        Err(failure) => is_missing(&failure),
    }
}

fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(rejection) if rejection.code == libc::ENOENT)
}

fn find(payload: &[u8], kind: u16) -> Result<Option<Attribute<'_>>, Malformed> {
    for attribute in split(payload)?.1 {
        let attribute = attribute?;
        if attribute.kind() == kind {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}
