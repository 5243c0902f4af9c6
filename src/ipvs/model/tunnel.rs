bitflags::bitflags! {
    /// How the packets of a GUE or GRE tunnel are checksummed. Linux 5.3.
    ///
    /// Bits that the kernel reports and that have no name here are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct TunnelFlags: u16 {
        /// The tunnel's own packets carry a checksum.
        const CHECKSUM = 0x1;
        /// The inner checksum is left to the other end (GUE only).
        const REMOTE_CHECKSUM = 0x2;
        const _ = !0;
    }
}

/// How packets are wrapped on their way to a server behind a tunnel.
///
/// ```
/// use ipvset::ipvs::{RealServer, Tunnel};
///
/// let server = RealServer::new("10.0.0.11:80".parse()?).tunnel(Tunnel::gue(6080).checksum());
/// assert_eq!(
///     server.to_string(),
///     "-r 10.0.0.11:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
pub enum Tunnel {
    /// IP in IP.
    Ipip,
    /// Generic UDP encapsulation. Linux 5.2.
    #[non_exhaustive]
    Gue {
        /// The UDP port that the server listens on; not 0.
        port: u16,
        /// How its packets are checksummed.
        flags: TunnelFlags,
    },
    /// Generic routing encapsulation. Linux 5.3.
    #[non_exhaustive]
    Gre {
        /// How its packets are checksummed.
        flags: TunnelFlags,
    },
    /// Reported by the kernel in a combination that has no name here, such as a port on a
    /// tunnel that has none. Kept as it is.
    #[non_exhaustive]
    Other {
        /// The number of the tunnel's type.
        kind: u8,
        /// The port.
        port: u16,
        /// The flags.
        flags: TunnelFlags,
    },
}

impl Tunnel {
    const IPIP: u8 = 0;
    const GUE: u8 = 1;
    const GRE: u8 = 2;

    /// Generic UDP encapsulation to a UDP port of the server's, without checksums.
    pub const fn gue(port: u16) -> Self {
        Self::Gue {
            port,
            flags: TunnelFlags::empty(),
        }
    }

    /// Generic routing encapsulation, without checksums.
    pub const fn gre() -> Self {
        Self::Gre {
            flags: TunnelFlags::empty(),
        }
    }

    /// The same tunnel with checksums; IP in IP has none, and stays as it is.
    #[must_use]
    pub fn checksum(self) -> Self {
        self.with(TunnelFlags::CHECKSUM)
    }

    /// The same tunnel with the inner checksum left to the other end: for GUE.
    #[must_use]
    pub fn remote_checksum(self) -> Self {
        self.with(TunnelFlags::REMOTE_CHECKSUM)
    }

    fn with(mut self, more: TunnelFlags) -> Self {
        match &mut self {
            Self::Gue { flags, .. } | Self::Gre { flags } | Self::Other { flags, .. } => {
                flags.insert(more);
            }
            Self::Ipip => {}
        }
        self
    }

    /// The kernel's type, port and flags for it.
    pub(in crate::ipvs) fn parts(self) -> (u8, u16, TunnelFlags) {
        match self {
            Self::Ipip => (Self::IPIP, 0, TunnelFlags::empty()),
            Self::Gue { port, flags } => (Self::GUE, port, flags),
            Self::Gre { flags } => (Self::GRE, 0, flags),
            Self::Other { kind, port, flags } => (kind, port, flags),
        }
    }

    pub(in crate::ipvs) fn from_parts(kind: u8, port: u16, flags: TunnelFlags) -> Self {
        match (kind, port) {
            (Self::IPIP, 0) if flags.is_empty() => Self::Ipip,
            (Self::GUE, _) => Self::Gue { port, flags },
            (Self::GRE, 0) => Self::Gre { flags },
            _ => Self::Other { kind, port, flags },
        }
    }

    pub(in crate::ipvs) fn check(self) -> Result<(), String> {
        match self {
            Self::Gue { port: 0, .. } => {
                Err("a GUE tunnel needs the port that the server listens on: 1 to 65535".into())
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with it although the kernel takes it.
    pub(in crate::ipvs) fn warning(self) -> Option<String> {
        match self {
            Self::Ipip => None,
            Self::Gue { flags, .. } => {
                unknown(flags, TunnelFlags::CHECKSUM | TunnelFlags::REMOTE_CHECKSUM)
            }
            Self::Gre { flags } if flags.contains(TunnelFlags::REMOTE_CHECKSUM) => {
                Some("a GRE tunnel has no remote checksum".into())
            }
            Self::Gre { flags } => unknown(flags, TunnelFlags::CHECKSUM),
            Self::Other { kind, port, flags } => Some(format!(
                "a tunnel of type {kind} with port {port} and flags {:#x} is none that the \
                 kernel knows",
                flags.bits()
            )),
        }
    }
}

fn unknown(flags: TunnelFlags, known: TunnelFlags) -> Option<String> {
    let unknown = flags.difference(known);
    (!unknown.is_empty()).then(|| format!("unknown tunnel flags {:#x}", unknown.bits()))
}
