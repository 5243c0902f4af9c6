use std::net::{IpAddr, SocketAddr};

use super::key::{ServiceKey, check_scope};
use super::tunnel::Tunnel;
use crate::Family;
use crate::{Error, Result};

/// The method by which packets get from the director to a real server.
///
/// ```
/// use ipvset::ipvs::{ForwardingMethod, RealServer, Tunnel};
///
/// let server = RealServer::new("10.0.0.11:80".parse()?);
/// assert_eq!(server.forwarding, ForwardingMethod::Masquerade);
/// assert_eq!(server.clone().direct_routing().to_string(), "-r 10.0.0.11:80 -g -w 1");
/// let far = server.tunnel(Tunnel::Ipip); // only a tunnel can lead to another family
/// assert_eq!(far.to_string(), "-r 10.0.0.11:80 -i -w 1 --tun-type ipip");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ForwardingMethod {
    /// Network address translation: `ipvsadm -m`. The director changes the destination to the
    /// server's address and port, and the answers come back through the director.
    #[default]
    Masquerade,
    /// The connection ends on this machine. `ipvsadm` shows `Local` and has no option for this
    /// method. If a server has an address of this machine, the kernel delivers its packets locally,
    /// whatever its method.
    LocalNode,
    /// The director encapsulates the packet and sends it to the server: `ipvsadm -i`. The server
    /// also has the virtual address and answers the client itself.
    Tunnel(Tunnel),
    /// The director sends the packet unchanged to the server's link-layer address: `ipvsadm -g`.
    /// The server also has the virtual address and answers the client itself.
    DirectRouting,
    /// The packet bypasses IPVS and goes to its original destination. The kernel uses this method
    /// for connections of its own. It accepts a server with this method, but sends it no packets.
    Bypass,
    /// A number without a name here, as the kernel reported it.
    Other(u8),
}

impl ForwardingMethod {
    /// Returns the kernel's number of the method (`IP_VS_CONN_F_*`,
    /// include/uapi/linux/ip_vs.h).
    pub(in crate::ipvs) fn number(self) -> u32 {
        match self {
            Self::Masquerade => 0,
            Self::LocalNode => 1,
            Self::Tunnel(_) => 2,
            Self::DirectRouting => 3,
            Self::Bypass => 4,
            Self::Other(number) => number.into(),
        }
    }

    /// Returns the name of the method as error texts use it.
    fn name(self) -> &'static str {
        match self {
            Self::Masquerade => "masquerading",
            Self::LocalNode => "a local node",
            Self::Tunnel(_) => "a tunnel",
            Self::DirectRouting => "direct routing",
            Self::Bypass => "bypass",
            Self::Other(_) => "an unknown method",
        }
    }

    /// Returns the method with the kernel's number. `tunnel` is used only if the method is a
    /// tunnel.
    pub(in crate::ipvs) fn from_number(number: u32, tunnel: Tunnel) -> Self {
        /// `IP_VS_CONN_F_FWD_MASK`: the bits that contain the method.
        const MASK: u32 = 0x7;
        match number & MASK {
            0 => Self::Masquerade,
            1 => Self::LocalNode,
            2 => Self::Tunnel(tunnel),
            3 => Self::DirectRouting,
            4 => Self::Bypass,
            other => Self::Other(other as u8),
        }
    }
}

/// The configuration of a real server: an address and port behind a virtual service.
///
/// The kernel reports a server with its connections and counters as a
/// [`ServerInfo`](crate::ipvs::ServerInfo). Its `config` equals the `RealServer` that was added.
///
/// ```
/// use ipvset::ipvs::RealServer;
///
/// let server = RealServer::new("10.0.0.11:8080".parse()?).masquerade().weight(5);
/// assert_eq!(server.to_string(), "-r 10.0.0.11:8080 -m -w 5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RealServer {
    /// The server's address and port, which identify it within its service.
    pub address: SocketAddr,
    /// The method by which packets get to the server. The default is
    /// [`ForwardingMethod::Masquerade`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub forwarding: ForwardingMethod,
    /// The server's share of new connections, 0 to 2,147,483,647. The default is 1.
    ///
    /// A server with weight 0 keeps its connections and gets no new ones, with two exceptions:
    /// - Clients that a persistent service bound to the server come back to it, unless the sysctl
    ///   [`EXPIRE_QUIESCENT_TEMPLATE`](crate::ipvs::proc::sysctl::EXPIRE_QUIESCENT_TEMPLATE) is
    ///   on.
    /// - The schedulers `sh`, `mh` and `dh` still select the server, and then the client is
    ///   refused. A fallback flag makes `sh` and `mh` use another server.
    ///
    /// The [guide](crate::guide::drain) shows how to drain a server.
    #[cfg_attr(feature = "serde", serde(default = "crate::serde::one"))]
    pub weight: u32,
    /// The number of connections at which the server stops getting new ones. 0 means no limit.
    ///
    /// Up to Linux 6.1 the kernel compares only when a connection begins or ends, so the server
    /// may get one more connection after the threshold was changed. Newer kernels (6.12.107,
    /// 7.1) compare at once, and refuse a threshold above 2,147,483,647.
    #[cfg_attr(feature = "serde", serde(default))]
    pub upper_threshold: u32,
    /// The number of connections below which the server gets new ones again. 0 means three
    /// quarters of the upper threshold. Without an upper threshold it must be 0.
    #[cfg_attr(feature = "serde", serde(default))]
    pub lower_threshold: u32,
}

impl RealServer {
    /// Returns a server with weight 1 and the method [`ForwardingMethod::Masquerade`].
    ///
    /// Masquerading works wherever answers come back through the director, while direct routing
    /// and tunnels need the virtual address on the server. The default of `ipvsadm` is direct
    /// routing, also in the text that this crate reads.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            forwarding: ForwardingMethod::Masquerade,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }

    /// Sets the method by which packets get to the server.
    #[must_use]
    pub fn forwarding(mut self, forwarding: ForwardingMethod) -> Self {
        self.forwarding = forwarding;
        self
    }

    /// Sets the method [`ForwardingMethod::Masquerade`].
    #[must_use]
    pub fn masquerade(self) -> Self {
        self.forwarding(ForwardingMethod::Masquerade)
    }

    /// Sets the method [`ForwardingMethod::DirectRouting`].
    #[must_use]
    pub fn direct_routing(self) -> Self {
        self.forwarding(ForwardingMethod::DirectRouting)
    }

    /// Sets the method [`ForwardingMethod::Tunnel`].
    #[must_use]
    pub fn tunnel(self, tunnel: Tunnel) -> Self {
        self.forwarding(ForwardingMethod::Tunnel(tunnel))
    }

    /// Sets the method [`ForwardingMethod::LocalNode`].
    #[must_use]
    pub fn local_node(self) -> Self {
        self.forwarding(ForwardingMethod::LocalNode)
    }

    /// Sets the server's share of new connections, 0 to 2,147,483,647. See
    /// [`RealServer::weight`](RealServer#structfield.weight) for the effect of 0.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the number of connections at which the server stops getting new ones. 0 means no
    /// limit.
    #[must_use]
    pub fn upper_threshold(mut self, connections: u32) -> Self {
        self.upper_threshold = connections;
        self
    }

    /// Sets the number of connections below which the server gets new ones again. 0 means three
    /// quarters of the upper threshold.
    #[must_use]
    pub fn lower_threshold(mut self, connections: u32) -> Self {
        self.lower_threshold = connections;
        self
    }

    /// Checks without the kernel that the server is valid for this service.
    ///
    /// The handles call this before they send anything. It does not check what only the kernel
    /// knows, such as whether a sync daemon runs, which forbids servers of another family. It
    /// accepts values that the kernel accepts although they are not useful, so every server that
    /// was read can be written back. [`RealServer::warnings`] returns those.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with the value and its limit, for:
    /// - an IPv4 address that is not a unicast address, or an IPv6 address with a scope,
    /// - another family than the service's with any method but a tunnel,
    /// - a GUE tunnel without a port,
    /// - a weight above 2,147,483,647,
    /// - a lower threshold above the upper one, or without an upper one.
    pub fn validate(&self, service: impl Into<ServiceKey>) -> Result<()> {
        let service = service.into();
        self.check(&service).map_err(|why| {
            let object = format!("{service} -r {}", self.address);
            Error::refused("validate server", why).object(object)
        })
    }

    /// Returns true if a server that exists is as this one says, as far as the kernel reports it.
    pub(in crate::ipvs) fn is_met_by(&self, present: &Self) -> bool {
        self == present
            || present.forwarding == ForwardingMethod::Tunnel(Tunnel::Unreported)
                && *self == present.clone().with_known_tunnel()
    }

    /// Returns the server with IP in IP instead of a tunnel that is not reported. The socket options
    /// can write no other one.
    pub(in crate::ipvs) fn with_known_tunnel(mut self) -> Self {
        if self.forwarding == ForwardingMethod::Tunnel(Tunnel::Unreported) {
            self.forwarding = ForwardingMethod::Tunnel(Tunnel::Ipip);
        }
        self
    }

    /// Does what [`RealServer::validate`] does. The error is only the reason.
    pub(in crate::ipvs) fn check(&self, service: &ServiceKey) -> Result<(), String> {
        check_unicast(&self.address)?;
        check_scope(&self.address)?;
        if let ForwardingMethod::Tunnel(tunnel) = self.forwarding {
            tunnel.check()?;
        } else {
            self.check_family(service)?;
        }
        self.check_numbers()
    }

    fn check_family(&self, service: &ServiceKey) -> Result<(), String> {
        let (own, services) = (Family::of(self.address.ip()), service.family());
        if own == services {
            return Ok(());
        }
        Err(format!(
            "the service is {services} and the server is {own}: that needs a tunnel, and this is \
             {}",
            self.forwarding.name()
        ))
    }

    fn check_numbers(&self) -> Result<(), String> {
        if self.weight > MAX {
            return Err(format!("the weight is {}; the limit is {MAX}", self.weight));
        }
        if self.lower_threshold > self.upper_threshold {
            return Err(format!(
                "the lower threshold {} is above the upper one, which is {}",
                self.lower_threshold, self.upper_threshold
            ));
        }
        Ok(())
    }

    /// Returns warnings about values that the kernel accepts although they have no effect or an
    /// unexpected one.
    ///
    /// Each warning is a sentence. There are warnings about:
    /// - another port than the service's with direct routing or a tunnel, which leave the
    ///   packet's port as it is (a firewall mark has no port, so any is fine),
    /// - [`ForwardingMethod::Bypass`] and [`ForwardingMethod::Other`],
    /// - a kind of tunnel that the kernel does not know, and flags that a tunnel does not have,
    /// - an upper threshold above 2,147,483,647, which some kernels refuse.
    pub fn warnings(&self, service: impl Into<ServiceKey>) -> Vec<String> {
        let mut warnings = Vec::new();
        let name = self.forwarding.name();
        let keeps_port = match self.forwarding {
            ForwardingMethod::DirectRouting => true,
            ForwardingMethod::Tunnel(tunnel) => {
                warnings.extend(tunnel.warning());
                true
            }
            ForwardingMethod::Bypass => {
                warnings.push("only the kernel uses bypass: such a server gets no packets".into());
                false
            }
            ForwardingMethod::Other(number) => {
                warnings.push(format!("forwarding method {number} is unknown"));
                false
            }
            ForwardingMethod::Masquerade | ForwardingMethod::LocalNode => false,
        };
        let (port, services) = (self.address.port(), service.into().socket_address());
        if let Some(address) = services.filter(|it| keeps_port && it.port() != port) {
            warnings.push(format!(
                "{name} leaves the packet's port {} as it is; the server's port {port} is ignored",
                address.port()
            ));
        }
        if self.upper_threshold > MAX {
            warnings.push(format!(
                "the upper threshold is {}; some kernels accept no more than {MAX}",
                self.upper_threshold
            ));
        }
        warnings
    }
}

/// The maximum of weights and thresholds, which are signed in the kernel.
const MAX: u32 = i32::MAX as u32;

/// Refuses the addresses that the kernel (`ip_vs_new_dest`) refuses, whatever the routes are. It
/// accepts any IPv6 address that the routes lead back to this machine.
fn check_unicast(address: &SocketAddr) -> Result<(), String> {
    match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() => {
            Err(format!("{v4} is not a unicast address"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::model::tunnel::TunnelFlags;

    fn web() -> ServiceKey {
        ServiceKey::tcp("10.100.0.1:80".parse().unwrap())
    }

    fn server(address: &str) -> RealServer {
        RealServer::new(address.parse().unwrap())
    }

    fn refusal(server: RealServer) -> String {
        let error = server.validate(web()).unwrap_err();
        assert!(error.is_invalid_input());
        error.to_string()
    }

    #[test]
    fn what_the_kernel_takes() {
        for good in [
            server("10.0.0.1:8080"),
            server("10.0.0.1:80").direct_routing().weight(0),
            server("[fd00::1]:80").tunnel(Tunnel::Ipip),
            server("10.0.0.1:80").tunnel(Tunnel::gue(6080).remote_checksum()),
            server("10.0.0.1:80").tunnel(Tunnel::gre().checksum()),
            server("10.0.0.1:80").local_node().weight(i32::MAX as u32),
            server("10.0.0.1:80")
                .upper_threshold(10)
                .lower_threshold(10),
        ] {
            good.validate(web()).unwrap();
            assert_eq!(good.warnings(web()), [""; 0]);
        }
        let mark = ServiceKey::firewall_mark(std::num::NonZeroU32::MIN, Family::Ipv4);
        let routed = server("10.0.0.1:0").direct_routing();
        routed.validate(mark).unwrap();
        assert_eq!(routed.warnings(mark), [""; 0]);
    }

    #[test]
    fn what_the_kernel_takes_and_what_makes_no_sense_is_a_warning() {
        let flags = TunnelFlags::from_bits_retain(4);
        for (odd, word) in [
            (
                server("10.0.0.1:81").direct_routing(),
                "direct routing leaves the packet's port 80 as it is; the server's port 81",
            ),
            (server("10.0.0.1:81").tunnel(Tunnel::Ipip), "port 81"),
            (
                server("10.0.0.1:80").tunnel(Tunnel::gre().remote_checksum()),
                "no remote checksum",
            ),
            (
                server("10.0.0.1:80").tunnel(Tunnel::Gue { port: 1, flags }),
                "0x4",
            ),
            (
                server("10.0.0.1:80").tunnel(Tunnel::from_parts(9, 1, flags)),
                "type 9",
            ),
            (
                server("10.0.0.1:80").forwarding(ForwardingMethod::Bypass),
                "bypass",
            ),
            (
                server("10.0.0.1:80").forwarding(ForwardingMethod::Other(7)),
                "7",
            ),
            (
                server("10.0.0.1:80").upper_threshold(u32::MAX),
                "2147483647",
            ),
        ] {
            odd.validate(web()).unwrap();
            let warnings = odd.warnings(web());
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
        let highest = server("10.0.0.1:80").upper_threshold(MAX);
        assert!(highest.warnings(web()).is_empty());
    }

    #[test]
    fn what_is_refused_says_value_and_limit() {
        assert_eq!(
            refusal(server("[fd00::1]:80").direct_routing()),
            "validate server -t 10.100.0.1:80 -r [fd00::1]:80: the service is IPv4 and the server is \
             IPv6: that needs a tunnel, and this is direct routing"
        );
        for (wrong, word) in [
            (server("[fd00::1]:80"), "this is masquerading"),
            (server("224.0.0.1:80"), "224.0.0.1 is not a unicast"),
            (server("0.0.0.0:80"), "not a unicast"),
            (server("255.255.255.255:80"), "not a unicast"),
            (server("[fe80::1%3]:80").tunnel(Tunnel::Ipip), "scope"),
            (server("10.0.0.1:80").weight(1 << 31), "2147483648"),
            (server("10.0.0.1:80").lower_threshold(1), "which is 0"),
            (server("10.0.0.1:80").tunnel(Tunnel::gue(0)), "1 to 65535"),
        ] {
            let why = refusal(wrong);
            assert!(why.contains(word), "{why}");
        }
    }
}
