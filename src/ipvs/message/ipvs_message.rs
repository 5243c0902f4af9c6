use super::decode;
use super::encode;
use super::request::{self, Request};
use super::uapi::{FAMILY, VERSION};
use crate::error::Cause;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::wire::{Attributes, Buffer, Malformed, Writer};
use crate::{Error, Result};

/// A message of the generic netlink family `IPVS`, for programs that have their own netlink
/// connection, such as one of `genetlink` or `netlink-proto`.
///
/// Programs that use [`Ipvs`](crate::ipvs::Ipvs) do not need it.
///
/// Behind the headers of netlink and of generic netlink, a message consists of attributes, which
/// [`encode`](Self::encode) and [`decode`](Self::decode) write and read. With the feature
/// `netlink-packet`, this type implements the traits of the crates `netlink-packet-core` and
/// `netlink-packet-generic`, so that it can be the payload of a `GenlMessage`.
///
/// Set the flag `NLM_F_ACK` for an [`Operation`], and `NLM_F_DUMP` for a [`Query`] that asks for a
/// list ([`IpvsMessage::is_dump`]). A "put" operation is sent as an addition only.
///
/// ```
/// use ipvset::ipvs::messages::IpvsMessage;
/// use ipvset::ipvs::{Operation, VirtualService};
///
/// let web = VirtualService::tcp("10.0.0.1:80".parse()?);
/// let message = IpvsMessage::from(Operation::AddService(web));
/// let attributes = message.encode()?;
/// assert_eq!(IpvsMessage::decode(message.command(), &attributes)?, message);
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
    /// The name of the family.
    pub const FAMILY: &'static str = FAMILY;
    /// The version of the family's protocol, in the header of generic netlink.
    pub const VERSION: u8 = VERSION;

    /// Returns true if the message asks for a list, and so needs the flag `NLM_F_DUMP`.
    pub fn is_dump(&self) -> bool {
        matches!(self, Self::Query(query) if query.is_dump())
    }

    /// Returns the command in the header of generic netlink.
    pub fn command(&self) -> u8 {
        match self {
            Self::Operation(operation) => encode::operation_command(operation),
            Self::Query(query) => encode::query_command(query),
            Self::Report(report) => encode::report_command(report),
        }
    }

    /// Returns the attributes of the message.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if something is longer than a message can
    /// say.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        let written = writer.finish().map(<[u8]>::to_vec);
        written.map_err(|it| Error::new("write message", Cause::Oversized(it)))
    }

    /// Reads a message from the command in its header and from its attributes.
    ///
    /// # Errors
    /// [`MalformedReply`](crate::ErrorKind::MalformedReply) if this is no message of IPVS.
    pub fn decode(command: u8, attributes: &[u8]) -> Result<Self> {
        let read = Self::read(command, Attributes::new(attributes));
        read.map_err(|it| Error::new("read message", Cause::Malformed(it)))
    }

    pub(super) fn read(command: u8, attributes: Attributes<'_>) -> Result<Self, Malformed> {
        match request::read(command, attributes)? {
            Some(Request::Operation(operation)) => Ok(Self::Operation(operation)),
            Some(Request::Query(query)) => Ok(Self::Query(query)),
            None => decode::report(command, attributes, None).map(Self::Report),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<impl Buffer>) {
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
