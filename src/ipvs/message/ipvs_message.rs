use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::decode;
use super::encode;
use super::request;
use super::uapi::{FAMILY, VERSION};
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::wire::{self, Attributes, Buffer, Writer};

/// A message of the generic netlink family `IPVS`, for programs that have their own netlink
/// connection, such as one of `genetlink` or `netlink-proto`.
///
/// Programs that use [`Ipvs`](crate::ipvs::Ipvs) do not need it.
///
/// The message is the payload of a `GenlMessage`. Set the flag `NLM_F_ACK` for an [`Operation`],
/// and `NLM_F_DUMP` for a [`Query`] that asks for a list ([`IpvsMessage::is_dump`]). A "put"
/// operation is sent as an addition only.
///
/// ```
/// use ipvset::ipvs::{Operation, VirtualService};
/// use ipvset::ipvs::messages::IpvsMessage;
/// use netlink_packet_core::{Emitable, ParseableParametrized};
/// use netlink_packet_generic::GenlMessage;
///
/// let web = VirtualService::tcp("10.0.0.1:80".parse()?);
/// let message = IpvsMessage::from(Operation::AddService(web));
/// let message = GenlMessage::from_payload(message);
/// let mut bytes = vec![0; message.buffer_len()];
/// message.emit(&mut bytes);
/// let read = GenlMessage::<IpvsMessage>::parse_with_param(&bytes[..], 0u16)?;
/// assert_eq!(read.payload, message.payload);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The bytes of a message do not say whether it is a request or a reply, and the kernel replies
/// with the same commands that set things. If a message that is read can be a reply, it is taken
/// as one: a service with counters, a server without its service, timeouts, a sync daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum IpvsMessage {
    /// A request that changes something.
    Operation(Operation),
    /// A request that reads something.
    Query(Query),
    /// A reply to a query, or one of several.
    Report(Report),
}

impl IpvsMessage {
    /// Returns whether the message asks for a list, and so needs the flag `NLM_F_DUMP`.
    pub fn is_dump(&self) -> bool {
        matches!(self, Self::Query(query) if query.is_dump())
    }

    fn write(&self, writer: &mut Writer<impl Buffer>) {
        match self {
            Self::Operation(operation) => encode::operation(writer, operation),
            Self::Query(query) => encode::query(writer, query),
            Self::Report(report) => encode::report(writer, report),
        }
    }
}

impl From<Operation> for IpvsMessage {
    fn from(operation: Operation) -> Self {
        Self::Operation(operation)
    }
}

impl From<Query> for IpvsMessage {
    fn from(query: Query) -> Self {
        Self::Query(query)
    }
}

impl From<Report> for IpvsMessage {
    fn from(report: Report) -> Self {
        Self::Report(report)
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        match self {
            Self::Operation(operation) => encode::operation_command(operation),
            Self::Query(query) => encode::query_command(query),
            Self::Report(report) => encode::report_command(report),
        }
    }

    fn version(&self) -> u8 {
        VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        wire::length_of(|writer| self.write(writer))
    }

    fn emit(&self, buffer: &mut [u8]) {
        // The trait has no way to return an error. If the buffer is too short, the rest of the
        // message is left out.
        wire::fill(buffer, |writer| self.write(writer));
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(payload: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let message = Attributes::new(payload);
        let request = request::read(header.cmd, message);
        match request.map_err(|it| DecodeError::from(it.to_string()))? {
            Some(request) => Ok(request),
            None => decode::report(header.cmd, message, None)
                .map(Self::Report)
                .map_err(|it| DecodeError::from(it.to_string())),
        }
    }
}
