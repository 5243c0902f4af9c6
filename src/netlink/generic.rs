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

pub(super) const CONTROLLER: u16 = 16;
pub(super) const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
pub(super) const FAMILY_NAME: u16 = 2;

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

/// Requests a dump of all families.
#[cfg(test)]
pub(crate) async fn families<T: Transport>(connection: &mut Connection<T>) -> Result<(), Failure> {
    let content = |writer: &mut Writer| header(writer, GET_FAMILY, 1);
    connection.dump(CONTROLLER, content).await
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

#[cfg(test)]
mod tests {
    use super::super::connection::ready;
    use super::super::scripted::{Reply, Request, Scripted};
    use super::*;

    fn connected(
        script: impl FnMut(&Request<'_>) -> Vec<Reply>,
    ) -> Connection<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
        Connection::new(Scripted::new(script))
    }

    /// Tells the name and the number of a family.
    fn family(request: &Request<'_>, name: &str) -> Vec<Reply> {
        let mut writer = Writer::default();
        header(&mut writer, 1, 2);
        writer.string(FAMILY_NAME, name);
        writer.u16(FAMILY_ID, 30);
        vec![request.data(0, writer.bytes())]
    }

    #[test]
    fn a_family_is_found_by_its_name() {
        let mut connection = connected(|request| {
            assert_eq!(request.header.kind, CONTROLLER);
            let (command, mut attributes) = split(&request.bytes[16..]).unwrap();
            let name = attributes.next().unwrap().unwrap();
            assert_eq!((command, request.bytes[17]), (GET_FAMILY, 1));
            assert_eq!((name.kind(), name.string().as_str()), (FAMILY_NAME, "IPVS"));
            family(request, "IPVS")
        });
        assert_eq!(ready(resolve(&mut connection, "IPVS")).unwrap(), Some(30));
    }

    #[test]
    fn a_family_that_is_missing_is_none_and_other_refusals_are_failures() {
        let mut missing = connected(|request| vec![request.error(libc::ENOENT)]);
        assert_eq!(ready(resolve(&mut missing, "IPVS")).unwrap(), None);
        let mut denied = connected(|request| vec![request.error(libc::EPERM)]);
        let failure = ready(resolve(&mut denied, "IPVS")).unwrap_err();
        assert!(matches!(failure, Failure::Rejected(it) if it.code == libc::EPERM));
        let mut unnumbered = connected(|request| vec![request.data(0, &[1, 2, 0, 0])]);
        let failure = ready(resolve(&mut unnumbered, "IPVS")).unwrap_err();
        assert!(matches!(failure, Failure::Malformed(Malformed::Missing(_))));
    }

    #[test]
    fn a_family_is_gone_if_its_number_is_unknown_or_another_ones() {
        let gone = |script: fn(&Request<'_>) -> Vec<Reply>| {
            let mut connection = connected(move |request| {
                let (_, mut attributes) = split(&request.bytes[16..]).unwrap();
                let number = attributes.next().unwrap().unwrap();
                assert_eq!((number.kind(), number.u16()), (FAMILY_ID, Ok(30)));
                script(request)
            });
            ready(is_gone(&mut connection, 30, "IPVS"))
        };
        assert!(!gone(|request| family(request, "IPVS")));
        assert!(gone(|request| family(request, "nl80211")));
        assert!(gone(|request| vec![request.error(libc::ENOENT)]));
        assert!(!gone(|request| vec![request.error(libc::EPERM)]));
        assert!(!gone(|_| vec![]));
    }
}
