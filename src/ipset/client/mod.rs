//! The operations of a handle, over any transport.

mod apply;
mod apply_all;
pub(crate) mod change_all;
pub(crate) mod claim;
mod command;
mod create;
pub(super) mod describe;
pub(crate) mod listing;
mod plan;
pub(crate) mod put;
mod query;
mod replace;
mod second_set;
mod test;
#[cfg(test)]
mod tests;

use nix::libc;

use self::claim::Claim;
use crate::error::Cause;
use crate::ipset::message::answer::{self, attributes};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, About, Command};
use crate::ipset::{IpSet, SetInfo, SetType};
use crate::netlink::{Connection, Failure, Transport};
use crate::wire::{Malformed, Writer};
use crate::{Error, Result};

/// The versions of the protocol that this crate speaks. Version 7 adds indices to version 6.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 6..=body::PROTOCOL;

/// A connection that speaks ipset.
#[derive(Debug)]
pub(crate) struct Client<T> {
    pub(super) connection: Connection<T>,
    pub(super) protocol: u8,
    /// The encoded entry of the next request.
    scratch: Writer,
    /// The name of this handle's temporary set.
    pub(super) claim: Claim,
}

/// Makes the error for a socket that could not be opened.
pub(crate) fn connect_failed(failure: Failure) -> Error {
    match failure {
        Failure::Io(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => {
            unavailable("this kernel has no netfilter netlink")
        }
        failure => error(Command::Connect, About::default(), failure),
    }
}

impl<T: Transport> Client<T> {
    /// Negotiates the protocol's version with the kernel.
    pub(crate) async fn connect(transport: T, claim: Claim) -> Result<Self> {
        let mut client = Self {
            connection: Connection::new(transport),
            protocol: *PROTOCOLS.end(),
            scratch: Writer::default(),
            claim,
        };
        let (least, most) = client.versions().await?;
        client.protocol = most.min(*PROTOCOLS.end());
        if !PROTOCOLS.contains(&client.protocol) || client.protocol < least {
            let why = format!(
                "the kernel supports versions {least} to {most} of the protocol, this crate 6 and 7"
            );
            return Err(unavailable(why));
        }
        Ok(client)
    }

    /// Returns the lowest and the highest version of the protocol that the kernel speaks.
    async fn versions(&mut self) -> Result<(u8, u8)> {
        let payload = match ask_versions(&mut self.connection).await {
            Ok(payload) => payload,
            // nfnetlink answers this if the subsystem is not registered.
            Err(Failure::Rejected(rejection)) if rejection.code == libc::EINVAL => {
                return Err(unavailable(
                    "this kernel has no ipset; its module ip_set may be missing",
                ));
            }
            Err(failure) => return Err(error(Command::Connect, About::default(), failure)),
        };
        attributes(payload)
            .and_then(answer::versions)
            .map_err(|malformed| malformed_reply(Command::Connect, malformed))
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.protocol
    }
}

/// Turns the failure of an entry into [`Failure::Gone`] if the kernel has no ipset any more.
///
/// The kernel answers `EINVAL` both then and if it does not accept the entry, so this asks again.
pub(super) async fn or_gone<T: Transport>(
    connection: &mut Connection<T>,
    failure: Failure,
) -> Failure {
    match failure {
        Failure::Rejected(rejection) if rejection.code == libc::EINVAL => {
            match ask_versions(connection).await {
                Err(Failure::Rejected(again)) if again.code == libc::EINVAL => {
                    Failure::Gone(code::GONE)
                }
                _ => Failure::Rejected(rejection),
            }
        }
        failure => failure,
    }
}

async fn ask_versions<T: Transport>(connection: &mut Connection<T>) -> Result<&[u8], Failure> {
    connection
        .query(Command::Connect.message(), 0, |writer| {
            body::begin(writer, *PROTOCOLS.end());
        })
        .await
}

/// Makes an error from a failed exchange.
pub(super) fn error(command: Command, about: About<'_>, failure: Failure) -> Error {
    let cause = Cause::from_failure(failure, |code| code::interpret(command, about, code));
    Error::new(command.operation(), cause)
}

/// The set's description, for the text of an error.
pub(super) fn about<K: SetType>(set: &IpSet<K>) -> About<'_> {
    About {
        definition: Some(set.definition()),
        options: Some(set.options()),
    }
}

/// Makes the error for a set of another type than the one as which its entries are described.
pub(super) fn other_type(operation: &'static str, there: &SetInfo, described: &str) -> Error {
    let why = format!("its type is {}, not {described}", there.type_name);
    Error::refused(operation, why).object(there.name)
}

pub(super) fn malformed_reply(command: Command, malformed: Malformed) -> Error {
    Error::new(command.operation(), Cause::Malformed(malformed))
}

pub(super) fn unavailable(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Command::Connect.operation(), Cause::Unavailable(why.into()))
}
