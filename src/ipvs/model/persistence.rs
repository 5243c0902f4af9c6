use std::net::Ipv4Addr;
use std::time::Duration;

use crate::Family;
use crate::wire::Malformed;

/// The persistence of a virtual service: how long a client stays with one server, and which
/// clients count as one.
///
/// [`VirtualService::persistent`](crate::ipvs::VirtualService::persistent),
/// [`persistence_granularity`](crate::ipvs::VirtualService::persistence_granularity) and
/// [`persistence_mask`](crate::ipvs::VirtualService::persistence_mask) set it.
///
/// ```
/// use std::time::Duration;
/// use ipvset::ipvs::VirtualService;
///
/// let web = VirtualService::tcp("10.0.0.1:443".parse()?)
///     .persistent(Duration::from_secs(600))
///     .persistence_granularity(24); // a /24 is one client
/// let persistence = web.persistence.unwrap();
/// assert_eq!(persistence.prefix_length(), Some(24));
/// assert_eq!(persistence.mask(), Some("255.255.255.0".parse()?));
/// assert_eq!(web.to_string(), "-t 10.0.0.1:443 -s wlc -p 600 -M 255.255.255.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Persistence {
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    timeout: Duration,
    granularity: Granularity,
}

/// The part of a client's address that identifies the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
enum Granularity {
    /// A mask. The kernel accepts any mask for IPv4.
    Ipv4(Ipv4Addr),
    /// A prefix length.
    Ipv6(u8),
    /// A prefix length above 32 for IPv4. [`Persistence::check`] refuses it.
    #[cfg_attr(feature = "serde", serde(skip))]
    Impossible(u8),
}

impl Persistence {
    /// The timeout that `ipvsadm -p` uses if none is given: 360 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(360);

    /// The longest timeout that works on every kernel: 4,294,967 seconds, nearly 50 days.
    ///
    /// The kernel counts ticks in 32 bits and does not notice an overflow (`ip_vs_add_service` in
    /// net/netfilter/ipvs/ip_vs_ctl.c). A tick is 1/1000 second or longer. The crate sends a
    /// longer timeout, and
    /// [`VirtualService::warnings`](crate::ipvs::VirtualService::warnings) reports it.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(4_294_967);

    pub(in crate::ipvs) fn new(timeout: Duration, family: Family) -> Self {
        Self {
            timeout,
            granularity: Granularity::host(family),
        }
    }

    pub(in crate::ipvs) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub(in crate::ipvs) fn with_prefix(self, prefix: u8, family: Family) -> Self {
        let granularity = match family {
            Family::Ipv4 => match 32u32.checked_sub(prefix.into()) {
                Some(host) => {
                    let mask = u32::MAX.checked_shl(host).unwrap_or(0);
                    Granularity::Ipv4(mask.into())
                }
                None => Granularity::Impossible(prefix),
            },
            Family::Ipv6 => Granularity::Ipv6(prefix),
        };
        Self {
            granularity,
            ..self
        }
    }

    pub(in crate::ipvs) fn with_mask(self, mask: Ipv4Addr) -> Self {
        Self {
            granularity: Granularity::Ipv4(mask),
            ..self
        }
    }

    /// Returns how long a client stays with a server after its last connection to it.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns the length of the prefix that clients have in common if they count as one.
    ///
    /// The length is 32 (IPv4) or 128 (IPv6) if each address is a client of its own. The result
    /// is `None` for an IPv4 mask that is not a prefix.
    pub fn prefix_length(&self) -> Option<u8> {
        match self.granularity {
            Granularity::Ipv4(mask) => {
                let ones = mask.to_bits().leading_ones();
                (ones == mask.to_bits().count_ones()).then_some(ones as u8)
            }
            Granularity::Ipv6(prefix) | Granularity::Impossible(prefix) => Some(prefix),
        }
    }

    /// Returns the mask that is applied to the addresses of IPv4 clients, or `None` for IPv6.
    pub fn mask(&self) -> Option<Ipv4Addr> {
        match self.granularity {
            Granularity::Ipv4(mask) => Some(mask),
            Granularity::Ipv6(_) | Granularity::Impossible(_) => None,
        }
    }

    /// Returns true if each address is a client of its own.
    pub fn is_per_client(&self) -> bool {
        [Family::Ipv4, Family::Ipv6]
            .map(Granularity::host)
            .contains(&self.granularity)
    }

    /// Checks the values for a service of this family. The error says why one is invalid.
    pub(in crate::ipvs) fn check(&self, family: Family) -> Result<(), String> {
        let most = u32::MAX;
        if self.timeout > Duration::from_secs(most.into()) || self.timeout.subsec_nanos() != 0 {
            return Err(format!(
                "a persistence timeout is whole seconds up to {most}, not {:?}",
                self.timeout
            ));
        }
        match (self.granularity, family) {
            (Granularity::Ipv4(_), Family::Ipv4) => Ok(()),
            (Granularity::Ipv6(1..=128), Family::Ipv6) => Ok(()),
            (Granularity::Impossible(prefix), _) => Err(format!(
                "the persistence granularity of IPv4 is a prefix length from 0 to 32, not {prefix}"
            )),
            (Granularity::Ipv6(prefix), Family::Ipv6) => Err(format!(
                "the persistence granularity of IPv6 is a prefix length from 1 to 128, not {prefix}"
            )),
            (_, family) => Err(format!(
                "the service is {family}, and its persistence granularity is not"
            )),
        }
    }

    /// Returns a warning about values that the kernel accepts although they are not useful.
    pub(in crate::ipvs) fn warning(&self) -> Option<String> {
        if self.timeout.is_zero() {
            return Some("a persistence timeout of 0 s keeps no client at its server".into());
        }
        (self.timeout > Self::MAX_TIMEOUT).then(|| {
            let (seconds, most) = (self.timeout.as_secs(), Self::MAX_TIMEOUT.as_secs());
            format!(
                "kernels with 1000 ticks a second shorten a persistence timeout above {most} s; it \
                 is {seconds} s"
            )
        })
    }

    /// Returns the timeout in seconds, as the kernel expects it.
    pub(in crate::ipvs) fn seconds(&self) -> u32 {
        u32::try_from(self.timeout.as_secs()).unwrap_or(u32::MAX)
    }

    /// Returns the bytes of the kernel's netmask field: a mask in network byte order for IPv4, a
    /// prefix length in host byte order for IPv6.
    pub(in crate::ipvs) fn netmask(&self) -> [u8; 4] {
        self.granularity.bytes()
    }

    /// Returns the bytes of the netmask field for a service without persistence. The kernel
    /// requires a valid value there too.
    pub(in crate::ipvs) fn no_netmask(family: Family) -> [u8; 4] {
        Granularity::host(family).bytes()
    }

    /// Returns the persistence that the kernel reports.
    pub(in crate::ipvs) fn reported(
        seconds: u32,
        netmask: [u8; 4],
        family: Family,
    ) -> Result<Self, Malformed> {
        let granularity = match family {
            Family::Ipv4 => Granularity::Ipv4(netmask.into()),
            Family::Ipv6 => {
                let prefix = u32::from_ne_bytes(netmask);
                match u8::try_from(prefix) {
                    Ok(prefix @ 0..=128) => Granularity::Ipv6(prefix),
                    _ => {
                        return Err(Malformed::Value {
                            what: "the prefix length of a service's persistence",
                            value: prefix.into(),
                        });
                    }
                }
            }
        };
        Ok(Self {
            timeout: Duration::from_secs(seconds.into()),
            granularity,
        })
    }
}

impl Granularity {
    /// Returns the granularity in which each address is a client of its own.
    fn host(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4(Ipv4Addr::BROADCAST),
            Family::Ipv6 => Self::Ipv6(128),
        }
    }

    fn bytes(self) -> [u8; 4] {
        match self {
            Self::Ipv4(mask) => mask.octets(),
            Self::Ipv6(prefix) | Self::Impossible(prefix) => u32::from(prefix).to_ne_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_with_gaps_is_no_prefix() {
        let hour = Persistence::new(Duration::from_secs(3600), Family::Ipv4);
        for prefix in [0, 1, 24, 32] {
            let persistence = hour.with_prefix(prefix, Family::Ipv4);
            assert_eq!(persistence.prefix_length(), Some(prefix));
        }
        let gap = hour.with_mask([255, 0, 255, 0].into());
        assert_eq!(gap.prefix_length(), None);
        assert_eq!(gap.check(Family::Ipv4), Ok(()));
    }

    #[test]
    fn a_timeout_has_whole_seconds_in_32_bits() {
        let most = Duration::from_secs(u32::MAX.into());
        let check = |timeout| Persistence::new(timeout, Family::Ipv6).check(Family::Ipv6);
        assert_eq!(check(most), Ok(()));
        check(most + Duration::from_secs(1)).unwrap_err();
        check(Duration::from_millis(1)).unwrap_err();
    }
}
