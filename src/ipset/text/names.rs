//! Names of hosts, services, protocols and ICMP messages.

use std::net::IpAddr;

use crate::ipset::Family;

/// Resolves names of hosts, services and protocols in text to addresses, ports and numbers.
///
/// This crate does not open files or ask a resolver for names. So names of hosts and services are
/// refused unless a program implements this trait. `()` resolves no names.
pub trait Names {
    /// Returns the address of a host. If a family is given, the address has to be of that family.
    ///
    /// This is also called for older forms of addresses that C's `getaddrinfo` reads: `10.1` is
    /// 10.0.0.1, and `010.0.0.1` is 8.0.0.1. It is not called for malformed addresses, such as
    /// `10.0.0.256`.
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        let _ = (host, family);
        None
    }

    /// Returns the port of a service, such as `domain` of the protocol `udp`.
    fn port(&self, service: &str, protocol: &str) -> Option<u16> {
        let _ = (service, protocol);
        None
    }

    /// Returns the number of a protocol, such as 50 for `IPSEC-ESP`.
    ///
    /// The names that Debian has in /etc/protocols are known without this.
    fn protocol(&self, name: &str) -> Option<u8> {
        let _ = name;
        None
    }
}

impl Names for () {}

impl<N: Names + ?Sized> Names for &N {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        (**self).address(host, family)
    }

    fn port(&self, service: &str, protocol: &str) -> Option<u16> {
        (**self).port(service, protocol)
    }

    fn protocol(&self, name: &str) -> Option<u8> {
        (**self).protocol(name)
    }
}

/// The names that Debian's /etc/protocols gives to the numbers assigned by IANA.
static PROTOCOLS: &[(u8, &str)] = &[
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
static ALIASES: &[(u8, &str)] = &[
    (4, "IP-ENCAP"),
    (50, "IPSEC-ESP"),
    (51, "IPSEC-AH"),
    (58, "icmpv6"),
    (73, "CPHB"),
    (89, "OSPFIGP"),
];

/// Returns the name of a protocol.
pub(crate) fn protocol_name(number: u8) -> Option<&'static str> {
    let place = PROTOCOLS.binary_search_by_key(&number, |(it, _)| *it);
    PROTOCOLS.get(place.ok()?).map(|(_, name)| *name)
}

/// Returns the number of the protocol with a name.
pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    let mut all = PROTOCOLS.iter().chain(ALIASES);
    all.find(|(_, it)| it.eq_ignore_ascii_case(name))
        .map(|(number, _)| *number)
}

/// The type, code and name of a message. If a message has several names, the first is written.
type Message = (u8, u8, &'static str);

static ICMP: &[Message] = &[
    (0, 0, "echo-reply"),
    (0, 0, "pong"),
    (3, 0, "network-unreachable"),
    (3, 1, "host-unreachable"),
    (3, 2, "protocol-unreachable"),
    (3, 3, "port-unreachable"),
    (3, 4, "fragmentation-needed"),
    (3, 5, "source-route-failed"),
    (3, 6, "network-unknown"),
    (3, 7, "host-unknown"),
    (3, 9, "network-prohibited"),
    (3, 10, "host-prohibited"),
    (3, 11, "TOS-network-unreachable"),
    (3, 12, "TOS-host-unreachable"),
    (3, 13, "communication-prohibited"),
    (3, 14, "host-precedence-violation"),
    (3, 15, "precedence-cutoff"),
    (4, 0, "source-quench"),
    (5, 0, "network-redirect"),
    (5, 1, "host-redirect"),
    (5, 2, "TOS-network-redirect"),
    (5, 3, "TOS-host-redirect"),
    (8, 0, "echo-request"),
    (8, 0, "ping"),
    (9, 0, "router-advertisement"),
    (10, 0, "router-solicitation"),
    (11, 0, "ttl-zero-during-transit"),
    (11, 1, "ttl-zero-during-reassembly"),
    (12, 0, "ip-header-bad"),
    (12, 1, "required-option-missing"),
    (13, 0, "timestamp-request"),
    (14, 0, "timestamp-reply"),
    (17, 0, "address-mask-request"),
    (18, 0, "address-mask-reply"),
];

static ICMPV6: &[Message] = &[
    (1, 0, "no-route"),
    (1, 1, "communication-prohibited"),
    (1, 3, "address-unreachable"),
    (1, 4, "port-unreachable"),
    (2, 0, "packet-too-big"),
    (3, 0, "ttl-zero-during-transit"),
    (3, 1, "ttl-zero-during-reassembly"),
    (4, 0, "bad-header"),
    (4, 1, "unknown-header-type"),
    (4, 2, "unknown-option"),
    (128, 0, "echo-request"),
    (128, 0, "ping"),
    (129, 0, "echo-reply"),
    (129, 0, "pong"),
    (133, 0, "router-solicitation"),
    (134, 0, "router-advertisement"),
    (135, 0, "neighbour-solicitation"),
    // The tool's spelling.
    (135, 0, "neigbour-solicitation"),
    (136, 0, "neighbour-advertisement"),
    (136, 0, "neigbour-advertisement"),
    (137, 0, "redirect"),
];

fn messages(version6: bool) -> &'static [Message] {
    if version6 { ICMPV6 } else { ICMP }
}

/// Returns the name of an ICMP message.
pub(crate) fn icmp_name(version6: bool, kind: u8, code: u8) -> Option<&'static str> {
    messages(version6)
        .iter()
        .find(|(k, c, _)| (*k, *c) == (kind, code))
        .map(|(.., name)| *name)
}

/// Returns the type and code of the ICMP message with a name.
pub(crate) fn icmp_message(version6: bool, name: &str) -> Option<(u8, u8)> {
    messages(version6)
        .iter()
        .find(|(.., it)| it.eq_ignore_ascii_case(name))
        .map(|(kind, code, _)| (*kind, *code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        assert!(PROTOCOLS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (number, name) in PROTOCOLS {
            assert_eq!(protocol_name(*number), Some(*name));
            assert_eq!(protocol_number(name), Some(*number));
        }
        for version6 in [false, true] {
            for (kind, code, name) in messages(version6) {
                assert_eq!(icmp_message(version6, name), Some((*kind, *code)));
                let written = icmp_name(version6, *kind, *code).unwrap();
                assert_eq!(icmp_message(version6, written), Some((*kind, *code)));
            }
        }
        assert_eq!((ICMP.len(), ICMPV6.len()), (34, 21));
        assert_eq!(icmp_name(false, 3, 200), None);
        assert_eq!(protocol_name(253), None);
        assert_eq!(protocol_number("icmpv6"), Some(58));
        assert_eq!(protocol_number("ip-encap"), Some(4));
    }
}
