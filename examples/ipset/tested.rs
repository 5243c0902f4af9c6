//! The element that `test` asks for. The tool accepts fewer elements in `test` than in `add`, and tests
//! only the first address of some ranges.

use ipvset::Family;
use ipvset::ipset::AnySet;

use crate::arguments::Word;
use crate::complaint::Complaint;

/// Returns the element that the tool tests for `element`.
pub fn tested(set: &AnySet, element: &[u8]) -> Result<Word, Complaint> {
    let kind = set.type_name();
    let names = kind.split(':').nth(1).unwrap_or_default().split(',');
    let mut given = parts(element).into_iter();
    let mut asked = Vec::new();
    for (place, name) in names.enumerate() {
        let Some(part) = given.next() else { break };
        let cut = range(part).map(|end| (&part[..end], part[end]));
        asked.push(match (name, cut) {
            ("port", _) if is_port_range(part) => {
                return Err(refused(set, "FROM-TO port"));
            }
            // The kernel tests only the first address.
            ("ip", Some((first, _))) if matches!(kind, "hash:ip" | "hash:ip,mark") => first,
            ("ip", Some((_, separator))) => return Err(refused(set, what(separator))),
            ("net", Some((_, b'-'))) if place == 0 => return Err(refused(set, what(b'-'))),
            ("net", Some((first, b'-'))) => first,
            _ => part,
        });
    }
    asked.extend(given);
    Ok(asked.join(&b','))
}

fn what(separator: u8) -> &'static str {
    match separator {
        b'/' => "IP/CIDR",
        _ => "FROM-TO IP",
    }
}

fn refused(set: &AnySet, what: &str) -> Complaint {
    let kind = set.type_name();
    let family = match (kind, set.options().family) {
        ("bitmap:port" | "hash:mac" | "list:set", _) => "unspec",
        (_, Family::Ipv4) => "inet",
        (_, Family::Ipv6) => "inet6",
    };
    Complaint::new(format!(
        "{what} range is not allowed in command test with set type {kind} and family {family}"
    ))
}

/// Returns the indexes of wanted bytes outside square brackets.
fn places(text: &[u8], wanted: impl Fn(u8) -> bool) -> impl Iterator<Item = usize> {
    let mut inside = false;
    text.iter().enumerate().filter_map(move |(place, byte)| {
        match byte {
            b'[' => inside = true,
            b']' => inside = false,
            _ => {}
        }
        (!inside && wanted(*byte)).then_some(place)
    })
}

fn parts(element: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for comma in places(element, |byte| byte == b',') {
        parts.push(&element[start..comma]);
        start = comma + 1;
    }
    parts.push(&element[start..]);
    parts
}

/// Returns the index at which the first address of a range or network ends.
fn range(part: &[u8]) -> Option<usize> {
    places(part, |byte| matches!(byte, b'/' | b'-')).next()
}

/// Whether the text is a range of ports. A dash in the name of an ICMP message makes none.
fn is_port_range(part: &[u8]) -> bool {
    let colon = places(part, |byte| byte == b':').next();
    let (protocol, ports) = match colon {
        Some(colon) => (&part[..colon], &part[colon + 1..]),
        None => (&b"tcp"[..], part),
    };
    let icmp = ["icmp", "icmpv6", "ipv6-icmp", "1", "58"];
    let icmp = icmp
        .iter()
        .any(|it| protocol.eq_ignore_ascii_case(it.as_bytes()));
    !icmp && places(ports, |byte| byte == b'-').next().is_some()
}
