use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::text::{Fields, Unexpected, decimal, protocol};
use crate::Protocol;
use crate::ipvs::PersistenceEngine;
use crate::ipvs::model::name::Name;

/// A connection that IPVS knows, or a persistence template.
///
/// A template binds a client to a server until it expires; see [`Connection::is_template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Connection {
    /// The transport protocol; number 0 (IP) in a template of a firewall mark's service.
    pub protocol: Protocol,
    /// The client's address and port. A template has port 0 and, if the persistence granularity
    /// is a network, the network's address.
    pub client: SocketAddr,
    /// The address and port that the client connected to. A template of a firewall mark's
    /// service has the mark here; see [`Connection::firewall_mark`].
    pub virtual_address: SocketAddr,
    /// The real server's address and port. Behind a tunnel it may be of another family than the
    /// other addresses.
    pub destination: SocketAddr,
    /// The connection's state.
    pub state: ConnectionState,
    /// The time after which the kernel forgets the connection if it sees no packet of it: whole
    /// seconds, rounded down.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    pub expires_in: Duration,
    /// How the director learned of the connection. Only
    /// [`Proc::synced_connections`](super::Proc::synced_connections) returns it.
    pub origin: Option<Origin>,
    /// The persistence engine's data, if the connection has any. Only
    /// [`Proc::connections`](super::Proc::connections) returns it.
    pub engine_data: Option<EngineData>,
}

/// How a director learned of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Origin {
    /// From its own traffic.
    Local,
    /// From a message of another director's sync daemon.
    Synced,
}

/// The data by which a persistence engine tells connections apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EngineData {
    /// The engine.
    pub engine: PersistenceEngine,
    /// The data that the engine found in the traffic, unchanged: for `sip`, the Call-ID. It comes
    /// from the client, so it may be anything, including bytes that are not UTF-8.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::text_or_bytes"))]
    pub data: Vec<u8>,
}

/// The state of a connection, by the kernel's name for it.
///
/// Each protocol has its own states. A name that has no constant here is kept unchanged, because
/// a newer kernel may have more states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionState(Name<24>);

// The constants are named and matched like the variants of an enum.
#[allow(non_upper_case_globals)]
impl ConnectionState {
    /// `NONE`: no state, as in a persistence template without an established connection.
    pub const None: Self = Self(Name::literal("NONE"));
    /// `ASSURED`: a persistence template that had an established connection, so that
    /// [`DROP_ENTRY`](super::sysctl::DROP_ENTRY) spares it (Linux 4.19).
    pub const Assured: Self = Self(Name::literal("ASSURED"));
    /// `ESTABLISHED`: TCP and SCTP.
    pub const Established: Self = Self(Name::literal("ESTABLISHED"));
    /// `SYN_SENT`: TCP from a server to a client.
    pub const SynSent: Self = Self(Name::literal("SYN_SENT"));
    /// `SYN_RECV`: TCP.
    pub const SynReceived: Self = Self(Name::literal("SYN_RECV"));
    /// `FIN_WAIT`: TCP.
    pub const FinWait: Self = Self(Name::literal("FIN_WAIT"));
    /// `TIME_WAIT`: TCP.
    pub const TimeWait: Self = Self(Name::literal("TIME_WAIT"));
    /// `CLOSE`: TCP.
    pub const Close: Self = Self(Name::literal("CLOSE"));
    /// `CLOSE_WAIT`: TCP.
    pub const CloseWait: Self = Self(Name::literal("CLOSE_WAIT"));
    /// `LAST_ACK`: TCP.
    pub const LastAck: Self = Self(Name::literal("LAST_ACK"));
    /// `LISTEN`: TCP.
    pub const Listen: Self = Self(Name::literal("LISTEN"));
    /// `SYNACK`: TCP.
    pub const SynAck: Self = Self(Name::literal("SYNACK"));
    /// `UDP`: the only state that UDP has.
    pub const Udp: Self = Self(Name::literal("UDP"));

    /// Returns the kernel's name of the state.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the state of this name.
    #[cfg(feature = "serde")]
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        Name::new(name).map(Self)
    }

    fn read(word: &[u8]) -> Option<Self> {
        Name::reported(word, "state").map(Self).ok()
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionState({})", self.0)
    }
}

/// The columns of the two files of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// `/proc/net/ip_vs_conn`.
    Engine,
    /// `/proc/net/ip_vs_conn_sync`.
    Origin,
}

impl Connection {
    /// Returns true for a persistence template, which is not a connection itself: it binds a
    /// client's next connections to a server.
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
    }

    /// Returns the mark, if this is a template of a firewall mark's service.
    pub fn firewall_mark(&self) -> Option<NonZeroU32> {
        if self.protocol.number() != 0 {
            return None;
        }
        // The mark is the first 32 bits of the address (`ip_vs_sched_persist`,
        // net/netfilter/ipvs/ip_vs_core.c).
        let bits = match self.virtual_address.ip() {
            IpAddr::V4(v4) => v4.to_bits(),
            IpAddr::V6(v6) => (v6.to_bits() >> 96) as u32,
        };
        NonZeroU32::new(bits)
    }

    pub(super) fn parse(line: &[u8], columns: Columns) -> Result<Self, Unexpected> {
        let mut fields = Fields::new(line);
        let protocol = fields.read("a protocol", protocol)?;
        let client = fields.address_and_port("the client's address")?;
        let virtual_address = fields.address_and_port("the virtual address")?;
        let destination = fields.address_and_port("the server's address")?;
        let state = fields.read("a state", ConnectionState::read)?;
        let origin = match columns {
            Columns::Engine => None,
            Columns::Origin => Some(fields.read("LOCAL or SYNC", Origin::read)?),
        };
        let seconds = fields.read("the seconds until it expires", decimal)?;
        let engine_data = match columns {
            Columns::Engine => EngineData::parse(fields)?,
            Columns::Origin => {
                fields.end()?;
                None
            }
        };
        Ok(Self {
            protocol,
            client,
            virtual_address,
            destination,
            state,
            expires_in: Duration::from_secs(seconds),
            origin,
            engine_data,
        })
    }
}

impl Origin {
    fn read(word: &[u8]) -> Option<Self> {
        match word {
            b"LOCAL" => Some(Self::Local),
            b"SYNC" => Some(Self::Synced),
            _ => None,
        }
    }
}

impl EngineData {
    /// Reads the columns that only some lines have, after those that every line has.
    fn parse(mut fields: Fields<'_>) -> Result<Option<Self>, Unexpected> {
        if fields.rest().is_empty() {
            return Ok(None);
        }
        let engine = fields.read("a persistence engine", |name| {
            PersistenceEngine::reported(name).ok()
        })?;
        let data = fields.rest();
        Ok(Some(Self {
            engine,
            data: data.strip_prefix(b" ").unwrap_or(data).to_vec(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of `tcp_state_name_table`, `udp_state_name_table`, `ip_vs_state_name` and
    /// `ip_vs_ctp_state_name` in net/netfilter/ipvs.
    #[test]
    fn states_have_the_kernels_names() {
        use ConnectionState as S;
        for (state, name) in [
            (S::None, "NONE"),
            (S::Assured, "ASSURED"),
            (S::Established, "ESTABLISHED"),
            (S::SynSent, "SYN_SENT"),
            (S::SynReceived, "SYN_RECV"),
            (S::FinWait, "FIN_WAIT"),
            (S::TimeWait, "TIME_WAIT"),
            (S::Close, "CLOSE"),
            (S::CloseWait, "CLOSE_WAIT"),
            (S::LastAck, "LAST_ACK"),
            (S::Listen, "LISTEN"),
            (S::SynAck, "SYNACK"),
            (S::Udp, "UDP"),
        ] {
            assert_eq!(S::read(name.as_bytes()), Some(state));
            assert_eq!(state.to_string(), name);
        }
    }
}
