use std::fmt;

/// The kernel interface over which a handle controls IPVS.
///
/// [`Ipvs::connect`](crate::ipvs::Ipvs::connect) takes netlink if the program may use it, otherwise
/// the socket options. [`Ipvs::control_interface`](crate::ipvs::Ipvs::control_interface) returns
/// which it took, and [`Ipvs::connect_over`](crate::ipvs::Ipvs::connect_over) takes a given one.
///
/// ```no_run
/// use ipvset::ipvs::{ControlInterface, Ipvs};
///
/// let mut ipvs = Ipvs::connect()?;
/// if ipvs.control_interface() == ControlInterface::SocketOptions {
///     eprintln!("without root: IPv4 only");
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ControlInterface {
    /// The generic netlink family `IPVS`, which has everything.
    ///
    /// It needs `CAP_NET_ADMIN` in the initial user namespace, whatever the network namespace. A
    /// rootless container does not have it.
    Netlink,
    /// The older socket options, which have IPv4 only.
    ///
    /// They need `CAP_NET_ADMIN` in the user namespace that owns the network namespace. A rootless
    /// container has it, and so does a program that `unshare -Urn` started. The module `ip_vs` has
    /// to be loaded already: only the machine's root can load it, unless the kernel does so when a
    /// handle is opened (Linux 6.1 and later).
    ///
    /// Each operation is one system call, and so is each list. A list is from one moment.
    ///
    /// These operations fail with
    /// [`NetlinkRequired`](crate::ErrorKind::NetlinkRequired), and nothing is sent:
    /// - all on IPv6 services, and on servers with an IPv6 address,
    /// - changes of services of other protocols than TCP, UDP and SCTP,
    /// - adding or updating a service with a persistence engine,
    /// - adding or updating a server behind a GUE or GRE tunnel, or one whose
    ///   [tunnel](crate::ipvs::Tunnel::Unreported) was read over socket options,
    /// - starting a sync daemon with anything but an interface and an id,
    /// - zeroing the counters of the service 0.0.0.0:0 alone.
    ///
    /// These things are not reported, although another program may have configured them over
    /// netlink:
    /// - IPv6 services, and servers with an IPv6 address.
    ///   [`Proc::snapshot`](crate::ipvs::proc::Proc::snapshot) contains them.
    ///   [`Ipvs::flush`](crate::ipvs::Ipvs::flush) and [`Ipvs::zero`](crate::ipvs::Ipvs::zero) do
    ///   not leave them out.
    /// - The encapsulation of a tunnel, which is [`Tunnel::Unreported`](crate::ipvs::Tunnel).
    /// - A service's persistence engine. Updating the service removes the engine.
    /// - A sync daemon's values except its role, interface and id.
    ///
    /// Counters of connections and packets have 32 bits: see
    /// [`Statistics::has_32_bit_counters`](crate::ipvs::Statistics#structfield.has_32_bit_counters).
    SocketOptions,
}

impl fmt::Display for ControlInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Netlink => "netlink",
            Self::SocketOptions => "socket options",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_have_names() {
        assert_eq!(ControlInterface::Netlink.to_string(), "netlink");
        let padded = format!("{:>15}", ControlInterface::SocketOptions);
        assert_eq!(padded, " socket options");
    }
}
