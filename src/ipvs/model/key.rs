use std::net::SocketAddr;
use std::num::NonZeroU32;

use crate::{Family, Protocol};

/// The identity of a virtual service: the part of its configuration that cannot be changed.
///
/// Methods that need to know only which service is meant, for example to remove it or to add a
/// server to it, take a key. As text, a key has the form of `ipvsadm`'s options:
///
/// ```
/// use ipvset::ipvs::{ServiceKey, VirtualService};
///
/// let key = ServiceKey::tcp("10.100.100.100:8080".parse()?);
/// assert_eq!(key.to_string(), "-t 10.100.100.100:8080");
/// assert_eq!("-t 10.100.100.100:8080".parse::<ServiceKey>()?, key);
/// assert_eq!("-f 7 -6".parse::<ServiceKey>()?.family(), ipvset::Family::Ipv6);
/// assert_eq!(ServiceKey::from(&VirtualService::new(key)), key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ServiceKey {
    /// A protocol, an address and a port. Port 0 stands for every port of the address that has no
    /// service of its own. A service with port 0 needs persistence.
    #[non_exhaustive]
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual address and port.
        address: SocketAddr,
    },
    /// A mark that a firewall rule puts on packets. The same mark can have two services, one for
    /// each family.
    #[non_exhaustive]
    FirewallMark {
        /// The mark.
        mark: NonZeroU32,
        /// The family of the packets.
        family: Family,
    },
}

impl ServiceKey {
    /// Returns the key of a TCP service.
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::address(Protocol::TCP, address)
    }

    /// Returns the key of a UDP service.
    pub const fn udp(address: SocketAddr) -> Self {
        Self::address(Protocol::UDP, address)
    }

    /// Returns the key of an SCTP service.
    pub const fn sctp(address: SocketAddr) -> Self {
        Self::address(Protocol::SCTP, address)
    }

    /// Returns the key of a service of any protocol.
    pub const fn address(protocol: Protocol, address: SocketAddr) -> Self {
        Self::Address { protocol, address }
    }

    /// Returns the key of the service for packets of a family that carry a firewall mark.
    pub const fn firewall_mark(mark: NonZeroU32, family: Family) -> Self {
        Self::FirewallMark { mark, family }
    }

    /// Returns the family of the packets that the service handles.
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(address.ip()),
            Self::FirewallMark { family, .. } => *family,
        }
    }

    /// Returns the virtual address and port, or `None` for a firewall mark.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::FirewallMark { .. } => None,
        }
    }

    /// Returns the transport protocol, or `None` for a firewall mark.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Address { protocol, .. } => Some(*protocol),
            Self::FirewallMark { .. } => None,
        }
    }

    /// Checks the address. The error says why it is invalid.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        match self {
            Self::Address { address, .. } => check_scope(address),
            Self::FirewallMark { .. } => Ok(()),
        }
    }
}

impl From<&ServiceKey> for ServiceKey {
    fn from(key: &ServiceKey) -> Self {
        *key
    }
}

/// Refuses an IPv6 address with a scope or flow. IPVS has no field for them, so they would be
/// lost.
pub(in crate::ipvs) fn check_scope(address: &SocketAddr) -> Result<(), String> {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 || v6.flowinfo() != 0 => Err(format!(
            "{address} has a scope or flow, which IPVS can't keep"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_an_address_or_a_mark() {
        let address: SocketAddr = ([10, 0, 0, 1], 80).into();
        let web = ServiceKey::address(Protocol::SCTP, address);
        assert_eq!(web.socket_address(), Some(address));
        assert_eq!(
            (web.protocol(), web.family()),
            (Some(Protocol::SCTP), Family::Ipv4)
        );
        let mark = ServiceKey::firewall_mark(NonZeroU32::MIN, Family::Ipv6);
        assert_eq!((mark.socket_address(), mark.protocol()), (None, None));
        assert_eq!(mark.family(), Family::Ipv6);
    }

    #[test]
    fn an_address_with_a_scope_or_flow_is_refused() {
        let with = |flow, scope| {
            let address = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 80, flow, scope);
            ServiceKey::address(Protocol::TCP, address.into()).check()
        };
        with(0, 0).unwrap();
        assert!(with(1, 0).unwrap_err().contains("flow"));
        assert!(with(0, 1).unwrap_err().contains("scope"));
    }
}
