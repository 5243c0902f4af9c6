use std::net::IpAddr;

use crate::{Family, Protocol};

/// Looks up the names of hosts, services and protocols in a text.
///
/// This crate opens no files and asks no resolver on its own, so a text that contains the name of
/// a host or a service is refused unless a program implements this trait. `ipvsadm -S` without
/// `-n` writes such names, and so does Debian's `ipvsadm-save`. `()` knows no names.
///
/// ```
/// use ipvset::ipvs::text;
/// use ipvset::{Names, Protocol};
///
/// struct Services;
///
/// impl Names for Services {
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
    /// Returns the address of a host. If a family is given, the address has to be of that family.
    ///
    /// In the text of `ipvsadm`, the family is IPv6 if the name is in brackets, and IPv4
    /// otherwise. In the text of `ipset`, this is also called for older forms of addresses that C's
    /// `getaddrinfo` reads: `10.1` is 10.0.0.1, and `010.0.0.1` is 8.0.0.1. It is not called for a
    /// malformed address, such as `10.0.0.256`.
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        let _ = (host, family);
        None
    }

    /// Returns the port of a service, such as `domain` of UDP.
    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        let _ = (service, protocol);
        None
    }

    /// Returns the protocol with a name, such as [`Protocol::TCP`] for `tcp`.
    ///
    /// The names that Debian has in /etc/protocols are known without this.
    fn protocol(&self, name: &str) -> Option<Protocol> {
        let _ = name;
        None
    }
}

impl Names for () {}

impl<N: Names + ?Sized> Names for &N {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        (**self).address(host, family)
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        (**self).port(service, protocol)
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        (**self).protocol(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows one host, one service and one protocol.
    struct One;

    impl Names for One {
        fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
            (host == "web" && family == Some(Family::Ipv4)).then_some([10, 0, 0, 1].into())
        }

        fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
            (service == "dns" && protocol == Protocol::UDP).then_some(53)
        }

        fn protocol(&self, name: &str) -> Option<Protocol> {
            (name == "sctp").then_some(Protocol::SCTP)
        }
    }

    #[test]
    fn a_reference_knows_the_same_names() {
        fn known(names: impl Names) -> (Option<IpAddr>, Option<u16>, Option<Protocol>) {
            let address = names.address("web", Some(Family::Ipv4));
            (
                address,
                names.port("dns", Protocol::UDP),
                names.protocol("sctp"),
            )
        }
        let all = (Some([10, 0, 0, 1].into()), Some(53), Some(Protocol::SCTP));
        assert_eq!(known(One), all);
        assert_eq!(known(&One), all);
        assert_eq!(known(()), (None, None, None));
    }
}
