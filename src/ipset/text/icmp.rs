//! Names of ICMP messages.

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

    /// The numbers of RFC 792 and RFC 4443 for the names that are easily mistaken for each other.
    #[test]
    fn names_have_the_numbers_of_the_standards() {
        for (name, numbers) in [
            ("echo-reply", (0, 0)),
            ("network-unreachable", (3, 0)),
            ("host-unreachable", (3, 1)),
            ("protocol-unreachable", (3, 2)),
            ("port-unreachable", (3, 3)),
            ("fragmentation-needed", (3, 4)),
            ("source-route-failed", (3, 5)),
            ("network-unknown", (3, 6)),
            ("host-unknown", (3, 7)),
            ("network-prohibited", (3, 9)),
            ("host-prohibited", (3, 10)),
            ("TOS-network-unreachable", (3, 11)),
            ("TOS-host-unreachable", (3, 12)),
            ("communication-prohibited", (3, 13)),
            ("host-precedence-violation", (3, 14)),
            ("precedence-cutoff", (3, 15)),
            ("source-quench", (4, 0)),
            ("network-redirect", (5, 0)),
            ("host-redirect", (5, 1)),
            ("TOS-network-redirect", (5, 2)),
            ("TOS-host-redirect", (5, 3)),
            ("echo-request", (8, 0)),
            ("router-advertisement", (9, 0)),
            ("router-solicitation", (10, 0)),
            ("ttl-zero-during-transit", (11, 0)),
            ("ttl-zero-during-reassembly", (11, 1)),
            ("ip-header-bad", (12, 0)),
            ("required-option-missing", (12, 1)),
            ("timestamp-request", (13, 0)),
            ("timestamp-reply", (14, 0)),
            ("address-mask-request", (17, 0)),
            ("address-mask-reply", (18, 0)),
        ] {
            assert_eq!(icmp_name(false, numbers.0, numbers.1), Some(name));
            assert_eq!(icmp_message(false, name), Some(numbers));
        }
        for (name, numbers) in [
            ("no-route", (1, 0)),
            ("communication-prohibited", (1, 1)),
            ("address-unreachable", (1, 3)),
            ("port-unreachable", (1, 4)),
            ("packet-too-big", (2, 0)),
            ("ttl-zero-during-transit", (3, 0)),
            ("ttl-zero-during-reassembly", (3, 1)),
            ("bad-header", (4, 0)),
            ("unknown-header-type", (4, 1)),
            ("unknown-option", (4, 2)),
            ("echo-request", (128, 0)),
            ("echo-reply", (129, 0)),
            ("router-solicitation", (133, 0)),
            ("router-advertisement", (134, 0)),
            ("neighbour-solicitation", (135, 0)),
            ("neighbour-advertisement", (136, 0)),
            ("redirect", (137, 0)),
        ] {
            assert_eq!(icmp_name(true, numbers.0, numbers.1), Some(name));
            assert_eq!(icmp_message(true, name), Some(numbers));
        }
    }

    #[test]
    fn names_and_numbers_belong_together() {
        for version6 in [false, true] {
            for (kind, code, name) in messages(version6) {
                assert_eq!(icmp_message(version6, name), Some((*kind, *code)));
                let written = icmp_name(version6, *kind, *code).unwrap();
                assert_eq!(icmp_message(version6, written), Some((*kind, *code)));
            }
        }
        assert_eq!((ICMP.len(), ICMPV6.len()), (34, 21));
        assert_eq!(icmp_name(false, 3, 200), None);
    }
}
