//! Functions on networks that every entry with a network needs. The functions of ipnet are not
//! inlined: to call them an entry would have to be stored in memory, which takes longer than the
//! rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Bits;

/// Returns the network with its host bits cleared, or `None` if the prefix is longer than the
/// address.
#[inline(always)]
pub(super) fn network(address: Bits, prefix: u8) -> Option<IpNet> {
    Some(match address {
        Bits::V4(bits) => {
            let first = Ipv4Addr::from_bits(bits & !host_bits_v4(prefix));
            IpNet::V4(Ipv4Net::new(first, prefix).ok()?)
        }
        Bits::V6(bits) => {
            let first = Ipv6Addr::from_bits(bits & !host_bits_v6(prefix));
            IpNet::V6(Ipv6Net::new(first, prefix).ok()?)
        }
    })
}

/// Returns the address, with its host bits, and the prefix length.
#[inline(always)]
pub(super) fn parts(network: &IpNet) -> (IpAddr, u8) {
    match network {
        IpNet::V4(network) => (network.addr().into(), network.prefix_len()),
        IpNet::V6(network) => (network.addr().into(), network.prefix_len()),
    }
}

/// Returns the first and the last address.
#[inline(always)]
pub(super) fn bounds(network: &IpNet) -> (IpAddr, IpAddr) {
    match network {
        IpNet::V4(network) => {
            let (bits, host) = (network.addr().to_bits(), host_bits_v4(network.prefix_len()));
            let bounds = [bits & !host, bits | host].map(|it| IpAddr::V4(Ipv4Addr::from_bits(it)));
            bounds.into()
        }
        IpNet::V6(network) => {
            let (bits, host) = (network.addr().to_bits(), host_bits_v6(network.prefix_len()));
            let bounds = [bits & !host, bits | host].map(|it| IpAddr::V6(Ipv6Addr::from_bits(it)));
            bounds.into()
        }
    }
}

#[inline(always)]
fn host_bits_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

#[inline(always)]
fn host_bits_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_ipnet_has_them() {
        let texts = [
            "10.1.2.3/0",
            "10.1.2.3/8",
            "10.1.2.3/31",
            "10.1.2.3/32",
            "2001:db8::1:2/0",
            "2001:db8::1:2/64",
            "2001:db8::1:2/127",
            "2001:db8::1:2/128",
        ];
        for text in texts {
            let net: IpNet = text.parse().unwrap();
            let (address, prefix) = parts(&net);
            assert_eq!((address, prefix), (net.addr(), net.prefix_len()));
            assert_eq!(network(address.into(), prefix), Some(net.trunc()));
            assert_eq!(bounds(&net), (net.network(), net.broadcast()));
        }
        assert_eq!(network(Bits::V4(0x0a00_0000), 33), None);
    }
}
