use std::fmt;
use std::str::FromStr;

use super::{ALL, Definition, Sealed, SetType};
use crate::ipset::AnyValue;
use crate::{Error, Result};

/// A set type that is only known at run time, parsed from its name.
///
/// ```
/// use ipvset::ipset::types::AnyType;
///
/// let kind: AnyType = "hash:ip,port".parse()?;
/// assert_eq!(kind.name(), "hash:ip,port");
/// assert_eq!(AnyType::all().count(), 16);
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AnyType(&'static Definition);

impl AnyType {
    /// Returns all set types that this crate knows.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|definition| Self(definition))
    }

    /// Returns the set type of a marker such as [`HashIp`](crate::ipset::HashIp).
    pub fn of<T: SetType>(kind: &T) -> Self {
        Self(kind.definition())
    }

    /// Returns the name of the type, such as `hash:ip,port`.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Returns the older names that the `ipset` tool still accepts, such as `ipporthash`.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.0.aliases
    }

    /// Returns the type that has this name or older name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Definition::named(name).map(Self)
    }
}

impl Sealed for AnyType {}

impl SetType for AnyType {
    type Value = AnyValue;

    #[inline]
    fn definition(&self) -> &'static Definition {
        self.0
    }
}

impl FromStr for AnyType {
    type Err = Error;

    /// Parses the name or an older name of a set type.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if this crate knows no type of this name.
    fn from_str(name: &str) -> Result<Self> {
        Self::named(name).ok_or_else(|| {
            Error::refused("find set type", "this crate knows no type of this name").object(name)
        })
    }
}

impl fmt::Display for AnyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for AnyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyType({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_older_names() {
        let kind: AnyType = "hash:ip,port".parse().unwrap();
        assert_eq!(kind.aliases(), ["ipporthash"]);
        for name in kind.aliases() {
            assert_eq!(name.parse::<AnyType>().unwrap(), kind);
        }
        assert_eq!(
            "list:set".parse::<AnyType>().unwrap().aliases(),
            ["setlist"]
        );
        assert!("hash".parse::<AnyType>().is_err());
    }
}
