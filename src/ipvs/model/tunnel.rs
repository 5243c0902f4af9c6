bitflags::bitflags! {
    /// The checksum options of a GUE or GRE tunnel. Needs Linux 5.3 or later.
    ///
    /// Bits without a name here are kept if the kernel reports them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct TunnelFlags: u16 {
        /// The outer packets contain a checksum.
        const CHECKSUM = 0x1;
        /// The other end computes the inner checksum. For GUE only.
        const REMOTE_CHECKSUM = 0x2;
        const _ = !0;
    }
}

/// The encapsulation of packets on their way to a server behind a tunnel.
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
    /// Generic UDP encapsulation. Needs Linux 5.2 or later.
    #[non_exhaustive]
    Gue {
        /// The UDP port on which the server listens. It cannot be 0.
        port: u16,
        /// The checksum options.
        flags: TunnelFlags,
    },
    /// Generic routing encapsulation. Needs Linux 5.3 or later.
    #[non_exhaustive]
    Gre {
        /// The checksum options.
        flags: TunnelFlags,
    },
    /// A combination that the kernel reports and that no other variant can express, such as a
    /// port on a tunnel without ports.
    #[non_exhaustive]
    Other {
        /// The number of the tunnel's type.
        kind: u8,
        /// The port.
        port: u16,
        /// The flags.
        flags: TunnelFlags,
    },
    /// A tunnel whose encapsulation the kernel does not report: a server that was read over socket
    /// options (see [`ControlInterface`](crate::ipvs::ControlInterface)). Nothing can be written
    /// with it, since that would change the encapsulation.
    Unreported,
}

impl Tunnel {
    const IPIP: u8 = 0;
    const GUE: u8 = 1;
    const GRE: u8 = 2;

    /// Returns generic UDP encapsulation to a UDP port of the server, without checksums.
    pub const fn gue(port: u16) -> Self {
        Self::Gue {
            port,
            flags: TunnelFlags::empty(),
        }
    }

    /// Returns generic routing encapsulation, without checksums.
    pub const fn gre() -> Self {
        Self::Gre {
            flags: TunnelFlags::empty(),
        }
    }

    /// Adds [`TunnelFlags::CHECKSUM`]. This does not change an IP-in-IP tunnel, which has no
    /// flags.
    #[must_use]
    pub fn checksum(self) -> Self {
        self.with(TunnelFlags::CHECKSUM)
    }

    /// Adds [`TunnelFlags::REMOTE_CHECKSUM`], for GUE. This does not change an IP-in-IP tunnel,
    /// which has no flags.
    #[must_use]
    pub fn remote_checksum(self) -> Self {
        self.with(TunnelFlags::REMOTE_CHECKSUM)
    }

    fn with(mut self, more: TunnelFlags) -> Self {
        match &mut self {
            Self::Gue { flags, .. } | Self::Gre { flags } | Self::Other { flags, .. } => {
                flags.insert(more);
            }
            Self::Ipip | Self::Unreported => {}
        }
        self
    }

    /// Returns the kernel's type, port and flags.
    pub(in crate::ipvs) fn parts(self) -> (u8, u16, TunnelFlags) {
        match self {
            Self::Ipip | Self::Unreported => (Self::IPIP, 0, TunnelFlags::empty()),
            Self::Gue { port, flags } => (Self::GUE, port, flags),
            Self::Gre { flags } => (Self::GRE, 0, flags),
            Self::Other { kind, port, flags } => (kind, port, flags),
        }
    }

    /// Returns the tunnel with the kernel's type, port and flags.
    pub(in crate::ipvs) fn from_parts(kind: u8, port: u16, flags: TunnelFlags) -> Self {
        match (kind, port) {
            (Self::IPIP, 0) if flags.is_empty() => Self::Ipip,
            (Self::GUE, _) => Self::Gue { port, flags },
            (Self::GRE, 0) => Self::Gre { flags },
            _ => Self::Other { kind, port, flags },
        }
    }

    /// Checks the port. The error says why it is invalid.
    pub(in crate::ipvs) fn check(self) -> Result<(), String> {
        match self {
            Self::Gue { port: 0, .. } => {
                Err("a GUE tunnel needs the port that the server listens on: 1 to 65535".into())
            }
            Self::Unreported => Err(
                "the encapsulation of the tunnel is unknown, since the server \
                 was read over socket options"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// Returns a warning about values that the kernel accepts although they have no effect.
    pub(in crate::ipvs) fn warning(self) -> Option<String> {
        match self {
            Self::Ipip | Self::Unreported => None,
            Self::Gue { flags, .. } => {
                unknown(flags, TunnelFlags::CHECKSUM | TunnelFlags::REMOTE_CHECKSUM)
            }
            Self::Gre { flags } if flags.contains(TunnelFlags::REMOTE_CHECKSUM) => {
                Some("a GRE tunnel has no remote checksum".into())
            }
            Self::Gre { flags } => unknown(flags, TunnelFlags::CHECKSUM),
            Self::Other { kind, port, flags } => Some(format!(
                "the kernel does not know a tunnel of type {kind} with port {port} and flags \
                 {:#x}",
                flags.bits()
            )),
        }
    }
}

fn unknown(flags: TunnelFlags, known: TunnelFlags) -> Option<String> {
    let unknown = flags.difference(known);
    (!unknown.is_empty()).then(|| format!("unknown tunnel flags {:#x}", unknown.bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipip_with_flags_is_no_tunnel_that_this_crate_knows() {
        let from = |flags| Tunnel::from_parts(Tunnel::IPIP, 0, flags);
        assert_eq!(from(TunnelFlags::empty()), Tunnel::Ipip);
        let flags = TunnelFlags::CHECKSUM;
        let other = Tunnel::Other {
            kind: Tunnel::IPIP,
            port: 0,
            flags,
        };
        assert_eq!(from(flags), other);
        assert!(other.warning().is_some());
    }

    #[test]
    fn a_tunnel_is_checked() {
        assert_eq!(Tunnel::gue(1).check(), Ok(()));
        assert_eq!(Tunnel::Ipip.check(), Ok(()));
        Tunnel::gue(0).check().unwrap_err();
        let why = Tunnel::Unreported.check().unwrap_err();
        assert!(why.contains("socket options"), "{why}");
    }

    #[test]
    fn only_a_flag_that_has_no_effect_is_a_warning() {
        let both = TunnelFlags::CHECKSUM | TunnelFlags::REMOTE_CHECKSUM;
        let gue = |flags| Tunnel::Gue { port: 1, flags }.warning();
        assert_eq!(gue(both), None);
        let unknown = TunnelFlags::from_bits_retain(0x80);
        assert_eq!(gue(unknown).as_deref(), Some("unknown tunnel flags 0x80"));
        let gre = |flags| Tunnel::Gre { flags }.warning();
        assert_eq!(gre(TunnelFlags::CHECKSUM), None);
        gre(both).unwrap();
        gre(unknown).unwrap();
    }
}
