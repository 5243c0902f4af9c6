//! Tells names from malformed addresses.

/// Returns true if a text has the form of an address and so cannot be the name of a host: an IPv6
/// address contains a colon, and the last part of an IPv4 address is a number.
pub(super) fn is_meant_as_address(text: &str) -> bool {
    let part = text.strip_suffix('.').unwrap_or(text).rsplit('.').next();
    text.contains([':', '%']) || part.is_some_and(is_number)
}

fn is_number(part: &str) -> bool {
    let hexadecimal = part.strip_prefix("0x").or(part.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|it| it.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_a_number_is_no_name_of_a_host() {
        for address in [
            "10.0.0.300",
            "0x0a.1.2.3",
            "10",
            "0x0a000001",
            "fe80::1%lo",
            "1.2.3.4.",
        ] {
            assert!(is_meant_as_address(address), "{address}");
        }
        for name in ["localhost", "10.example", "a1", "0x.org", "node-1", "", "."] {
            assert!(!is_meant_as_address(name), "{name}");
        }
    }
}
