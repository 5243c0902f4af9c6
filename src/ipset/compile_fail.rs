//! What must not compile, each after the like of it that does, so that it fails for no other
//! reason. The tests are of documentation, because they need not be told what the compiler says,
//! which changes with its version.

/// An entry has the elements of its set's type.
///
/// ```
/// use ipvset::ipset::*;
/// use ipvset::ipset::elements::*;
/// use ipvset::ipset::types::*;
/// let server = std::net::Ipv4Addr::new(10, 0, 0, 11);
/// let mac = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);
/// IpSet::<HashIpPortIp>::new("web")?.validate_entry((server, tcp(8080), server))?;
/// IpSet::<HashIpMac>::new("web")?.validate_entry((server, mac))?;
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::*;
/// use ipvset::ipset::elements::*;
/// use ipvset::ipset::types::*;
/// let server = std::net::Ipv4Addr::new(10, 0, 0, 11);
/// let mac = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);
/// IpSet::<HashIpPortIp>::new("web")?.validate_entry((server, tcp(8080), mac))?;
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::*;
/// use ipvset::ipset::elements::*;
/// use ipvset::ipset::types::*;
/// let server = std::net::Ipv4Addr::new(10, 0, 0, 11);
/// let mac = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);
/// IpSet::<HashIpPortIp>::new("web")?.validate_entry((server, mac))?;
/// # Ok::<(), ipvset::Error>(())
/// ```
mod another_element {}

/// The elements come in order.
///
/// ```
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::Entry;
/// Entry::<HashIpPort>::new((std::net::Ipv4Addr::LOCALHOST, tcp(80)));
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::Entry;
/// Entry::<HashIpPort>::new((tcp(80), std::net::Ipv4Addr::LOCALHOST));
/// ```
mod another_order {}

/// A network has no place where a single address is meant, nor a range in `hash:ip,mac`.
///
/// ```
/// use ipvset::ipset::*;
/// use ipvset::ipset::elements::*;
/// use ipvset::ipset::types::*;
/// let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap());
/// Entry::<HashIpMark>::new((Ipv4Range::new(one, other), Mark(1)));
/// Entry::<HashIpMac>::new((one, MacAddress([2, 0, 0, 0, 0, 1])));
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::*;
/// use ipvset::ipset::elements::*;
/// use ipvset::ipset::types::*;
/// let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap());
/// Entry::<HashIpMac>::new((Ipv4Range::new(one, other), MacAddress([2, 0, 0, 0, 0, 1])));
/// ```
mod several_addresses {}

/// Options that the type does not take, and a range of another kind.
///
/// ```
/// use ipvset::ipset::types::{BitmapPort, HashIp, HashNet};
/// use ipvset::ipset::IpSet;
/// IpSet::<HashIp>::new("set")?.maxelem(100).netmask(24);
/// IpSet::<BitmapPort>::new("set")?.range(1..=1024);
/// IpSet::<HashNet>::new("set")?.inet6();
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::BitmapPort;
/// use ipvset::ipset::IpSet;
/// IpSet::<BitmapPort>::new("set")?.maxelem(100);
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::HashNet;
/// use ipvset::ipset::IpSet;
/// IpSet::<HashNet>::new("set")?.netmask(24);
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::BitmapPort;
/// use ipvset::ipset::IpSet;
/// IpSet::<BitmapPort>::new("set")?.inet6();
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::BitmapIp;
/// use ipvset::ipset::IpSet;
/// IpSet::<BitmapIp>::new("set")?.range(1..=1024);
/// # Ok::<(), ipvset::Error>(())
/// ```
mod another_option {}

/// Exceptions where the type has none.
///
/// ```
/// use ipvset::ipset::types::HashNet;
/// use ipvset::ipset::Entry;
/// Entry::<HashNet>::new(std::net::Ipv4Addr::LOCALHOST).nomatch();
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::HashIp;
/// use ipvset::ipset::Entry;
/// Entry::<HashIp>::new(std::net::Ipv4Addr::LOCALHOST).nomatch();
/// ```
mod no_exceptions {}

/// An entry for a set of another type.
///
/// ```
/// use ipvset::ipset::types::{HashIp, HashNet};
/// use ipvset::ipset::{Entry, IpSet};
/// let entry = Entry::<HashNet>::new(std::net::Ipv4Addr::LOCALHOST);
/// IpSet::<HashNet>::new("set")?.validate_entry(entry)?;
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// ```compile_fail
/// use ipvset::ipset::types::{HashIp, HashNet};
/// use ipvset::ipset::{Entry, IpSet};
/// let entry = Entry::<HashNet>::new(std::net::Ipv4Addr::LOCALHOST);
/// IpSet::<HashIp>::new("set")?.validate_entry(entry)?;
/// # Ok::<(), ipvset::Error>(())
/// ```
mod another_set {}
