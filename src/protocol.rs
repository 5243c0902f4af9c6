use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// An IP protocol, identified by its number.
///
/// IPVS balances TCP, UDP and SCTP. Its netlink interface has 16 bits for the number. It also
/// accepts and reports services of other protocols, but no packet ever matches them:
/// [`VirtualService::warnings`](crate::ipvs::VirtualService::warnings) reports this. A set contains
/// protocols from 1 to 255.
///
/// `FromStr` accepts the names that Debian has in /etc/protocols, in upper or lower case, and
/// numbers. `Display` writes such a name, or the number of a protocol without one.
///
/// ```
/// use ipvset::Protocol;
///
/// assert_eq!("TCP".parse::<Protocol>()?, Protocol::TCP);
/// assert_eq!("tcp".parse::<Protocol>()?, Protocol::TCP);
/// assert_eq!("132".parse::<Protocol>()?, Protocol::SCTP);
/// assert_eq!(Protocol::SCTP.to_string(), "sctp");
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(u16);

impl Protocol {
    /// ICMP, which has a type and a code instead of a port.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMPv6, which has a type and a code instead of a port.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDPLITE: Self = Self(136);

    /// Returns the protocol with a number.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// Returns the protocol's number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Returns true if the protocol has ports (`ip_set_proto_with_ports` in
    /// include/linux/netfilter/ipset/ip_set_getport.h).
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP | Self::UDPLITE)
    }

    /// Returns the name in Debian's /etc/protocols, in lower case.
    pub(crate) fn name(self) -> Option<&'static str> {
        let place = PROTOCOLS.binary_search_by_key(&self.0, |(it, _)| *it);
        PROTOCOLS.get(place.ok()?).map(|(_, name)| *name)
    }

    /// Returns the protocol with a name in Debian's /etc/protocols, in upper or lower case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let mut all = PROTOCOLS.iter().chain(ALIASES);
        all.find(|(_, it)| it.eq_ignore_ascii_case(name))
            .map(|(number, _)| Self(*number))
    }
}

impl FromStr for Protocol {
    type Err = Error;

    /// Parses a name or a number.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if this crate does not know the name, or
    /// the number is above 65,535.
    fn from_str(text: &str) -> Result<Self> {
        Self::from_name(text)
            .or_else(|| text.parse().ok().map(Self))
            .ok_or_else(|| {
                let why = format!("{text:?} is neither a protocol's name nor a number up to 65535");
                Error::refused("read protocol", why)
            })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The names that Debian's /etc/protocols gives to the numbers assigned by IANA.
static PROTOCOLS: &[(u16, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (3, "ggp"),
    (4, "ipencap"),
    (5, "st"),
    (6, "tcp"),
    (8, "egp"),
    (9, "igp"),
    (12, "pup"),
    (17, "udp"),
    (20, "hmp"),
    (22, "xns-idp"),
    (27, "rdp"),
    (29, "iso-tp4"),
    (33, "dccp"),
    (36, "xtp"),
    (37, "ddp"),
    (38, "idpr-cmtp"),
    (41, "ipv6"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (45, "idrp"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (57, "skip"),
    (58, "ipv6-icmp"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (73, "rspf"),
    (81, "vmtp"),
    (88, "eigrp"),
    (89, "ospf"),
    (93, "ax.25"),
    (94, "ipip"),
    (97, "etherip"),
    (98, "encap"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (124, "isis"),
    (132, "sctp"),
    (133, "fc"),
    (135, "mobility-header"),
    (136, "udplite"),
    (137, "mpls-in-ip"),
    (138, "manet"),
    (139, "hip"),
    (140, "shim6"),
    (141, "wesp"),
    (142, "rohc"),
    (143, "ethernet"),
];

/// Other names in that file, without those that differ only in case.
static ALIASES: &[(u16, &str)] = &[
    (4, "IP-ENCAP"),
    (50, "IPSEC-ESP"),
    (51, "IPSEC-AH"),
    (58, "icmpv6"),
    (73, "CPHB"),
    (89, "OSPFIGP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert!(PROTOCOLS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (number, name) in PROTOCOLS {
            let protocol = Protocol(*number);
            assert_eq!(protocol.to_string(), *name);
            assert_eq!(name.parse::<Protocol>().unwrap(), protocol);
            assert_eq!(number.to_string().parse::<Protocol>().unwrap(), protocol);
        }
        assert_eq!(Protocol(253).to_string(), "253");
    }

    #[test]
    fn protocols_are_read_by_name_alias_and_number() {
        for (text, number) in [
            ("tcp", 6),
            ("TCP", 6),
            ("IP-ENCAP", 4),
            ("ipsec-esp", 50),
            ("OSPFIGP", 89),
            ("icmpv6", 58),
            ("0", 0),
            ("253", 253),
            ("65535", 65535),
        ] {
            assert_eq!(
                text.parse::<Protocol>().unwrap(),
                Protocol(number),
                "{text}"
            );
        }
        for text in ["", "-1", "65536", "tcpp", "tcp "] {
            let error = text.parse::<Protocol>().unwrap_err();
            assert!(error.is_invalid_input(), "{text}: {error}");
        }
    }
}
