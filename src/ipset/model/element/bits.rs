use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as a number, which is used while an entry is encoded or decoded.
///
/// The compiler keeps numbers in registers, but copies an `IpAddr`, which consists of bytes,
/// through memory. It does the same with an address that is passed to a function that is not
/// inlined, and with the whole entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bits {
    V4(u32),
    V6(u128),
}

impl From<IpAddr> for Bits {
    #[inline(always)]
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(address.to_bits()),
        }
    }
}

impl From<Bits> for IpAddr {
    #[inline(always)]
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::V4(bits) => Self::V4(Ipv4Addr::from_bits(bits)),
            Bits::V6(bits) => Self::V6(Ipv6Addr::from_bits(bits)),
        }
    }
}
