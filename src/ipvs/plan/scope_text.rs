//! The text of a scope.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::scope::{AddressRange, Rule, Scope};
use crate::{Error, Protocol, Result};

impl FromStr for Scope {
    type Err = Error;

    /// Reads scopes that are separated by commas.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a part has none of the forms.
    fn from_str(text: &str) -> Result<Self> {
        text.split(',')
            .map(|part| rule(part).map(Self::of))
            .collect()
    }
}

fn rule(text: &str) -> Result<Rule> {
    let rule = match text {
        "named" => Some(Rule::Named),
        "recorded" => Some(Rule::Recorded),
        "everything" => Some(Rule::Everything),
        _ => match text.strip_prefix("mark:") {
            Some(marks) => firewall_marks(marks),
            None => address_range(text).map(Rule::Addresses),
        },
    };
    rule.ok_or_else(|| {
        let why = format!(
            "`{text}` is not `named`, `recorded`, `everything`, `CIDR[:PORT[-PORT]]` with an IPv6 \
             CIDR in brackets if a port follows, or `mark:VALUE[/MASK]`"
        );
        Error::refused("read scope", why)
    })
}

fn firewall_marks(text: &str) -> Option<Rule> {
    let (value, mask) = text.split_once('/').unwrap_or((text, text));
    let (value, mask) = (number(value)?, number(mask)?);
    // Bits outside of the mask would never match.
    (value & !mask == 0).then_some(Rule::FirewallMarks { value, mask })
}

/// Reads a decimal number or a hexadecimal one with `0x`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn address_range(text: &str) -> Option<AddressRange> {
    if let Some(network) = network(text) {
        return Some(AddressRange::new(network));
    }
    if let Some((name, rest)) = text.split_once(':') {
        if let Ok(protocol) = name.parse::<Protocol>() {
            return address_range(rest).map(|range| range.protocol(protocol));
        }
    }
    let (address, ports) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, ports) = rest.split_once(']')?;
            (address, ports.strip_prefix(':'))
        }
        None => {
            let (address, ports) = text.split_once(':')?;
            (address, Some(ports))
        }
    };
    let range = AddressRange::new(network(address)?);
    let Some(ports) = ports else {
        // Nothing may follow the bracket.
        return text.ends_with(']').then_some(range);
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then(|| range.ports(first..=last))
}

/// Reads a network, or an address without a prefix length.
fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for rule in &self.rules {
            write!(f, "{comma}{rule}")?;
            comma = ",";
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("named"),
            Self::Recorded => f.write_str("recorded"),
            Self::Everything => f.write_str("everything"),
            Self::Addresses(range) => range.fmt(f),
            Self::FirewallMarks { value, mask } => write!(f, "mark:{value:#x}/{mask:#x}"),
            Self::Predicate(_) => f.write_str("a predicate"),
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(protocol) = self.protocol {
            write!(f, "{protocol}:")?;
        }
        let (network, ports) = (self.network, &self.ports);
        if *ports == Self::ALL_PORTS && self.protocol.is_none() {
            return network.fmt(f);
        }
        match network {
            IpNet::V4(network) => network.fmt(f)?,
            IpNet::V6(network) => write!(f, "[{network}]")?,
        }
        match (ports.start(), ports.end()) {
            _ if *ports == Self::ALL_PORTS => Ok(()),
            (first, last) if first == last => write!(f, ":{first}"),
            (first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_print_as_they_are_read() {
        for text in [
            "named",
            "recorded",
            "everything",
            "10.0.0.0/8",
            "10.0.0.0/8:80",
            "10.0.0.0/8:80-90",
            "10.0.0.1/32:0",
            "fd00::/8",
            "[fd00::/8]:80",
            "udp:10.0.0.0/8:53",
            "sctp:10.0.0.0/8",
            "tcp:[fd00::/8]:1-2",
            "253:[fd00::/8]",
            "mark:0x100/0xff00",
            "named,10.0.0.0/8,mark:0x1/0x1",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for (text, printed) in [
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("[fd00::1]", "fd00::1/128"),
            ("[fd00::1/128]:5-5", "[fd00::1/128]:5"),
            ("10.0.0.1:80", "10.0.0.1/32:80"),
            ("TCP:10.0.0.1", "tcp:10.0.0.1/32"),
            ("mark:7", "mark:0x7/0x7"),
            ("mark:256/0xff00", "mark:0x100/0xff00"),
            ("mark:0/0", "mark:0x0/0x0"),
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn everything_else_is_refused_with_words() {
        for wrong in [
            "",
            "all",
            "10.0.0.0/33",
            "10.0.0.0/8:",
            "10.0.0.0/8:90-80",
            "10.0.0.0/8:65536",
            "fd00::/8:80",
            "[fd00::/8",
            "[fd00::/8]80",
            "xyz:10.0.0.0/8",
            "mark:",
            "mark:x",
            "mark:0x300/0x100",
            "everything,",
        ] {
            let error = wrong.parse::<Scope>().unwrap_err();
            assert!(error.is_invalid_input());
            assert!(error.to_string().contains("CIDR"), "{error}");
        }
    }
}
