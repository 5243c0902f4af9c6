//! Names in place of numbers.

use std::net::IpAddr;

use crate::ipvs::model::key::{Family, Protocol};

/// Looks up the names of hosts, services and protocols in a text.
///
/// `ipvsadm -S` without `-n` writes names in place of numbers, and so does Debian's
/// `ipvsadm-save`. A program implements this trait to read them with
/// [`parse_with`](super::parse_with). Without it, names are an error: this crate opens no files and
/// asks no resolver on its own. `()` knows no names.
///
/// ```
/// use ipvset::ipvs::{Protocol, ServiceKey, text};
///
/// struct Services;
///
/// impl text::Names for Services {
///     fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
///         (service == "http" && protocol == Protocol::TCP).then_some(80)
///     }
/// }
///
/// let mut lines = text::parse_with("-A -t 10.0.0.1:http -s rr", &Services);
/// let operation = lines.next().unwrap()?.operation;
/// assert_eq!(operation.to_string(), "-A -t 10.0.0.1:80 -s rr");
/// # Ok::<(), ipvset::Error>(())
/// ```
pub trait Names {
    /// Returns the address of a host.
    ///
    /// The family is IPv6 if the name is in brackets, and IPv4 otherwise. This is not called for
    /// a malformed address, such as `10.0.0.256`.
    fn address(&self, host: &str, family: Family) -> Option<IpAddr> {
        let _ = (host, family);
        None
    }

    /// Returns the port of a service, such as `domain` of UDP.
    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        let _ = (service, protocol);
        None
    }

    /// Returns the protocol of a name. This is not called for TCP, UDP and SCTP.
    fn protocol(&self, name: &str) -> Option<Protocol> {
        let _ = name;
        None
    }
}

impl Names for () {}

/// Returns true if a text has the form of an address and so can't be the name of a host: an IPv6
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
