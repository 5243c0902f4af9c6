use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::text::{Fields, Unexpected, decimal, protocol};
use crate::ipvs::model::name::Name;
use crate::ipvs::{PersistenceEngine, Protocol};

/// A connection that IPVS knows, or a persistence template: what binds a client to a server
/// until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Connection {
    /// The transport protocol; number 0 (IP) in the templates of a firewall mark's service.
    pub protocol: Protocol,
    /// The client. In a template the port is 0 and the address only what persistence looks at:
    /// its network, if the granularity is one.
    pub client: SocketAddr,
    /// What the client connected to. In the templates of a firewall mark's service, the mark;
    /// see [`Connection::firewall_mark`].
    pub virtual_address: SocketAddr,
    /// The real server; with a tunnel it may be of another family than the rest.
    pub destination: SocketAddr,
    /// How far the connection has got.
    pub state: ConnectionState,
    /// When the connection is forgotten if nothing happens on it: whole seconds, rounded down.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    pub expires_in: Duration,
    /// Where the connection comes from: only in what
    /// [`Proc::synced_connections`](super::Proc::synced_connections) gives.
    pub origin: Option<Origin>,
    /// What the persistence engine made of it, if one is in use: only in what
    /// [`Proc::connections`](super::Proc::connections) gives.
    pub engine_data: Option<EngineData>,
}

/// Where a director knows a connection from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Origin {
    /// Its own traffic.
    Local,
    /// A sync daemon's message.
    Synced,
}

/// What a persistence engine tells connections apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EngineData {
    /// The engine.
    pub engine: PersistenceEngine,
    /// What it found in the traffic, as it was there: for `sip`, the Call-ID. It comes from the
    /// client, so that it may be anything, even bytes that are no text.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::text_or_bytes"))]
    pub data: Vec<u8>,
}

/// How far a connection has got, by the kernel's name for it.
///
/// Each protocol has its own states, and the kernel may learn more: a name that has no constant
/// here is kept as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionState(Name<24>);

// They read like the variants of an enum, and are matched like them.
#[allow(non_upper_case_globals)]
impl ConnectionState {
    /// `NONE`: no state, as in a persistence template without an established connection.
    pub const None: Self = Self(Name::literal("NONE"));
    /// `ASSURED`: a persistence template that had an established connection, which defence
    /// against floods spares (Linux 4.19).
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

    /// The kernel's name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The state of this name.
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

/// Which of the two files a line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// `/proc/net/ip_vs_conn`.
    Engine,
    /// `/proc/net/ip_vs_conn_sync`.
    Origin,
}

impl Connection {
    /// Whether it is no connection but what binds a client to a server for the next ones.
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
    }

    /// The mark, in a template of a firewall mark's service.
    pub fn firewall_mark(&self) -> Option<NonZeroU32> {
        if self.protocol.number() != 0 {
            return None;
        }
        // It stands where the first 32 bits of the address are (`ip_vs_sched_persist`,
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
    /// What follows the last column that every line has.
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
