use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::wire::Malformed;
use crate::{Error, Result};

use super::{IpSet, SetType};

/// `IPSET_MAXNAMELEN` with its terminating zero byte.
const SIZE: usize = 32;

/// The name of a set: 1 to 31 bytes.
///
/// The kernel takes any bytes but zero. Made from a string, a name is held to what the text of
/// `ipset save` can carry, so that the tool can always save and restore what this crate made: no
/// white space, no control characters, no comma, no double quote, no dash at the start. Names that others
/// gave to their sets are read as they are.
///
/// ```
/// use ipvset::ipset::SetName;
///
/// let name: SetName = "KUBE-LOOP-BACK".parse()?;
/// assert_eq!(name.to_string(), "KUBE-LOOP-BACK");
/// assert!("two words".parse::<SetName>().unwrap_err().is_invalid_input());
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetName {
    /// Zero from the name's end on, so that comparing the arrays compares the names.
    bytes: [u8; SIZE],
}

impl SetName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = SIZE - 1;

    /// A name that text can carry.
    ///
    /// # Errors
    /// `InvalidInput` for every other, see [`SetName`].
    pub fn new(name: &str) -> Result<Self> {
        let refuse = |why: String| Err(Error::refused("name a set", why).object(quoted(name)));
        if name.is_empty() {
            return refuse("the name is empty".into());
        }
        if name.len() > Self::MAX_LENGTH {
            let length = name.len();
            return refuse(format!(
                "the name is {length} bytes long, {} is the limit",
                Self::MAX_LENGTH
            ));
        }
        if name.starts_with('-') {
            return refuse("the ipset tool would read a dash at the start as an option".into());
        }
        let bad = |c: &char| c.is_whitespace() || c.is_control() || matches!(c, '"' | ',');
        if let Some(bad) = name.chars().find(bad) {
            return refuse(format!("the text of `ipset save` cannot carry {bad:?}"));
        }
        Ok(Self::padded(name.as_bytes()))
    }

    /// A name as the kernel gives it, whatever bytes it has.
    pub(crate) fn from_kernel(name: &[u8]) -> Result<Self, Malformed> {
        if name.len() > Self::MAX_LENGTH {
            return Err(Malformed::Value {
                what: "the length of a set's name",
                value: name.len() as u64,
            });
        }
        Ok(Self::padded(name))
    }

    fn padded(name: &[u8]) -> Self {
        let mut bytes = [0; SIZE];
        bytes[..name.len()].copy_from_slice(name);
        Self { bytes }
    }

    /// The bytes of the name, which need not be UTF-8 if another program named the set.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        &self.bytes[..end.unwrap_or(SIZE)]
    }

    /// The name as text; bytes that are not UTF-8 become U+FFFD.
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// With the terminating zero byte, as the kernel's attributes have it.
    pub(crate) fn with_zero(&self) -> &[u8] {
        &self.bytes[..self.as_bytes().len() + 1]
    }
}

/// A refused name, so that what is odd about it can be seen.
fn quoted(name: &str) -> String {
    let shown: String = name.chars().take(64).collect();
    format!("{shown:?}")
}

impl FromStr for SetName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl TryFrom<&str> for SetName {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str())
    }
}

impl fmt::Debug for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl PartialEq<str> for SetName {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for SetName {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// What says which set a command is for: a set, its name, or a string that is one.
pub trait Named {
    /// The set's name.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is no [`SetName`].
    fn set_name(&self) -> Result<SetName>;
}

impl Named for SetName {
    fn set_name(&self) -> Result<SetName> {
        Ok(*self)
    }
}

impl Named for str {
    fn set_name(&self) -> Result<SetName> {
        SetName::new(self)
    }
}

impl Named for String {
    fn set_name(&self) -> Result<SetName> {
        SetName::new(self)
    }
}

impl<T: SetType> Named for IpSet<T> {
    fn set_name(&self) -> Result<SetName> {
        Ok(*self.name())
    }
}

impl<N: Named + ?Sized> Named for &N {
    fn set_name(&self) -> Result<SetName> {
        (**self).set_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_text_can_carry() {
        for good in ["a", "KUBE-6-LOOP-BACK", "ü.;'#[", &"x".repeat(31)] {
            assert_eq!(SetName::new(good).unwrap(), *good);
        }
        for bad in [
            "",
            "a b",
            "a\nb",
            "a\"b",
            "a,b",
            "-a",
            "a\0b",
            &"x".repeat(32),
            "\u{85}",
        ] {
            let error = SetName::new(bad).unwrap_err();
            assert!(error.is_invalid_input(), "{bad:?}");
        }
        let text = SetName::new(&"x".repeat(32)).unwrap_err().to_string();
        assert!(text.contains("32 bytes long, 31 is the limit"), "{text}");
    }

    #[test]
    fn the_kernels_names_may_be_anything() {
        let odd = SetName::from_kernel(b"two \xffwords").unwrap();
        assert_eq!(odd.as_bytes(), b"two \xffwords");
        assert_eq!(odd.to_string(), "two \u{fffd}words");
        assert_eq!(odd.with_zero(), b"two \xffwords\0");
        assert!(SetName::from_kernel(&[b'x'; 32]).is_err());
    }

    #[test]
    fn names_are_ordered_as_their_bytes_are() {
        let name = |name| SetName::new(name).unwrap();
        assert!(name("a") < name("ab") && name("ab") < name("b"));
    }
}
