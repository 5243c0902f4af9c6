use std::fmt;
use std::net::IpAddr;
use std::ops::{BitOr, RangeInclusive};
use std::sync::Arc;

use ipnet::IpNet;

use crate::Protocol;
use crate::ipvs::model::key::ServiceKey;

/// The services that belong to the program, so that a plan may add, change and remove them.
///
/// A plan touches nothing outside of its scope, even if the wanted table names it: then the plan
/// has a [warning](super::Warning::OutsideScope). A service in the scope belongs to the program
/// with all its servers. With [`Scope::recorded`], only what was applied before does.
///
/// The default, [`Scope::named`], contains the services in the wanted table. No other service is
/// removed, nor one that is no longer wanted.
///
/// Scopes are united with `|`. As text, they have the forms below, separated by commas:
///
/// | text | scope |
/// |--|--|
/// | `named` | [`Scope::named`] |
/// | `recorded` | [`Scope::recorded`] |
/// | `everything` | [`Scope::everything`] |
/// | `10.0.0.0/8`, `10.0.0.1:80`, `[fd00::/8]:8000-8999`, `udp:10.0.0.0/8:53` | [`Scope::addresses`] |
/// | `mark:0x100/0xff00`, `mark:0x100` (the same as `mark:0x100/0x100`) | [`Scope::firewall_marks`] |
///
/// ```
/// use ipvset::ipvs::plan::{AddressRange, Scope};
///
/// let web = AddressRange::new("10.0.0.0/8".parse()?).ports(80..=90);
/// let scope = Scope::addresses(web) | Scope::firewall_marks(0x100, 0xff00);
/// assert_eq!(scope.to_string(), "10.0.0.0/8:80-90,mark:0x100/0xff00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scope {
    /// A service is in the scope if one of these contains it.
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone)]
pub(super) enum Rule {
    Named,
    Recorded,
    Everything,
    Addresses(AddressRange),
    FirewallMarks { value: u32, mask: u32 },
    Predicate(Predicate),
}

pub(super) type Predicate = Arc<dyn Fn(&ServiceKey) -> bool + Send + Sync>;

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What of a service belongs to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ownership {
    /// Nothing.
    Nothing,
    /// What the record contains, and what is wanted.
    Recorded,
    /// The service with all its servers.
    Whole,
}

/// The services whose address is in a network, and whose port is in a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressRange {
    pub(super) network: IpNet,
    pub(super) ports: RangeInclusive<u16>,
    pub(super) protocol: Option<Protocol>,
}

impl AddressRange {
    pub(super) const ALL_PORTS: RangeInclusive<u16> = 0..=u16::MAX;

    /// Returns the range of all services whose address is in the network.
    pub fn new(network: IpNet) -> Self {
        Self {
            network: network.trunc(),
            ports: Self::ALL_PORTS,
            protocol: None,
        }
    }

    /// Restricts the range to some ports.
    #[must_use]
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Restricts the range to a protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Returns true if the service is in the range. A firewall mark never is.
    pub fn contains(&self, service: impl Into<ServiceKey>) -> bool {
        match service.into() {
            ServiceKey::Address { protocol, address } => {
                self.network.contains(&address.ip())
                    && self.ports.contains(&address.port())
                    && self.protocol.is_none_or(|own| own == protocol)
            }
            ServiceKey::FirewallMark { .. } => false,
        }
    }
}

impl From<IpNet> for AddressRange {
    fn from(network: IpNet) -> Self {
        Self::new(network)
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self::new(address.into())
    }
}

impl Scope {
    /// Returns the scope of the services that the wanted table names. This is the default.
    pub fn named() -> Self {
        Self::of(Rule::Named)
    }

    /// Returns the scope of what was applied before, according to the
    /// [`Record`](super::Record), and of what is wanted.
    ///
    /// Only what was once applied is ever removed. In a service that the program shares with
    /// others, their servers stay.
    pub fn recorded() -> Self {
        Self::of(Rule::Recorded)
    }

    /// Returns the scope of all services.
    pub fn everything() -> Self {
        Self::of(Rule::Everything)
    }

    /// Returns the scope of the services with an address and port in a range.
    pub fn addresses(range: impl Into<AddressRange>) -> Self {
        Self::of(Rule::Addresses(range.into()))
    }

    /// Returns the scope of the firewall marks that are equal to `value` in the bits of `mask`.
    pub fn firewall_marks(value: u32, mask: u32) -> Self {
        let value = value & mask;
        Self::of(Rule::FirewallMarks { value, mask })
    }

    /// Returns the scope of the services for which a function returns true.
    pub fn predicate(belongs: impl Fn(&ServiceKey) -> bool + Send + Sync + 'static) -> Self {
        Self::of(Rule::Predicate(Arc::new(belongs)))
    }

    pub(super) fn of(rule: Rule) -> Self {
        Self { rules: vec![rule] }
    }

    /// Returns what of a service belongs to the program. `wanted` and `recorded` say where the
    /// service stands.
    pub(super) fn ownership(&self, key: &ServiceKey, wanted: bool, recorded: bool) -> Ownership {
        let of_rule = |rule: &Rule| match rule {
            Rule::Recorded if wanted || recorded => Ownership::Recorded,
            rule if rule.is_whole(key, wanted) => Ownership::Whole,
            _ => Ownership::Nothing,
        };
        let all = self.rules.iter().map(of_rule);
        all.max().unwrap_or(Ownership::Nothing)
    }
}

impl Rule {
    /// Returns true if the service belongs to the program with all its servers.
    fn is_whole(&self, key: &ServiceKey, wanted: bool) -> bool {
        match self {
            Self::Named => wanted,
            Self::Recorded => false,
            Self::Everything => true,
            Self::Addresses(range) => range.contains(key),
            Self::FirewallMarks { value, mask } => match key {
                ServiceKey::FirewallMark { mark, .. } => mark.get() & mask == *value,
                ServiceKey::Address { .. } => false,
            },
            Self::Predicate(belongs) => belongs(key),
        }
    }
}

impl Default for Scope {
    /// Returns [`Scope::named`].
    fn default() -> Self {
        Self::named()
    }
}

impl BitOr for Scope {
    type Output = Self;

    fn bitor(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }
}

impl FromIterator<Scope> for Scope {
    /// Returns the union. The union of no scopes contains nothing.
    fn from_iter<I: IntoIterator<Item = Self>>(scopes: I) -> Self {
        let rules = scopes.into_iter().flat_map(|it| it.rules).collect();
        Self { rules }
    }
}
