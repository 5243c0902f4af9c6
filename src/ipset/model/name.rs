use std::borrow::Cow;
use std::fmt;
use std::str::{self, FromStr};

use crate::wire::Malformed;
use crate::{Error, Result};

use crate::ipset::text::{Escaped, Shown};
use crate::ipset::{IpSet, SetType};

/// `IPSET_MAXNAMELEN`, which includes the terminating zero byte.
const SIZE: usize = 32;

/// The name of a set: 1 to 31 bytes.
///
/// The kernel accepts all bytes except zero. [`SetName::new`] refuses blanks, control characters,
/// commas, double quotes, and a dash at the start, so that the `ipset` tool can save and restore
/// the sets that this crate creates. [`SetName::existing`] accepts every name, because the sets of
/// other programs may have any.
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
    /// The name, padded with zeros, so that comparing the arrays compares the names.
    bytes: [u8; SIZE],
}

impl SetName {
    /// The length of the longest name, in bytes.
    pub const MAX_LENGTH: usize = SIZE - 1;

    /// Creates a name for a new set.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is empty, longer than 31 bytes,
    /// or contains a character that the `ipset` tool cannot save and restore, see [`SetName`].
    pub fn new(name: &str) -> Result<Self> {
        if name.starts_with('-') {
            let why = "the ipset tool would read a dash at the start as an option";
            return Err(refused(name.as_bytes(), why));
        }
        let bad = |byte: &u8| byte.is_ascii_control() || matches!(byte, b' ' | b'"' | b',');
        match name.bytes().find(|byte| bad(byte)) {
            Some(bad) => Err(refused(
                name.as_bytes(),
                format!(
                    "{:?} is ambiguous in the text of `ipset save`",
                    char::from(bad)
                ),
            )),
            None => Self::existing(name),
        }
    }

    /// Creates a name for a set of another program, from any bytes except zero.
    ///
    /// ```
    /// use ipvset::ipset::SetName;
    ///
    /// let name = SetName::existing(b"two w\xf6rds")?;
    /// assert_eq!(name.as_bytes(), b"two w\xf6rds");
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is empty, longer than 31 bytes,
    /// or contains a zero byte.
    pub fn existing(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        match name.len() {
            0 => Err(refused(name, "the name is empty")),
            length if length > Self::MAX_LENGTH => {
                let most = Self::MAX_LENGTH;
                let why = format!("the name is {length} bytes long, {most} is the limit");
                Err(refused(name, why))
            }
            _ if name.contains(&0) => Err(refused(name, "the name contains a zero byte")),
            _ => Ok(Self::padded(name)),
        }
    }

    /// Creates a name from the bytes that the kernel reports, which may be any.
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

    /// Returns the bytes of the name. They are not necessarily UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        &self.bytes[..end.unwrap_or(SIZE)]
    }

    /// Returns the name as text. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Returns the name with a terminating zero byte, as in the kernel's attributes.
    pub(crate) fn with_zero(&self) -> &[u8] {
        &self.bytes[..self.as_bytes().len() + 1]
    }
}

fn refused(name: &[u8], why: impl Into<Cow<'static, str>>) -> Error {
    let start = name.get(..64).unwrap_or(name);
    Error::refused("name a set", why).object(format_args!("\"{}\"", Shown(start)))
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
    /// Writes the name unchanged if possible.
    ///
    /// A name that is not UTF-8, or that contains a double quote or a line end, is escaped, so that
    /// it cannot be mistaken for another name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.as_bytes();
        match str::from_utf8(name) {
            Ok(text) if !text.contains(['"', '\n']) => f.pad(text),
            _ => Escaped(name).fmt(f),
        }
    }
}

impl fmt::Debug for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Shown(self.as_bytes()))
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

/// A value that names a set: an [`IpSet`], a [`SetName`], or a string.
pub trait ToSetName {
    /// Returns the name of the set.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the string is not valid as a
    /// [`SetName`].
    fn set_name(&self) -> Result<SetName>;
}

impl ToSetName for SetName {
    fn set_name(&self) -> Result<SetName> {
        Ok(*self)
    }
}

impl ToSetName for str {
    fn set_name(&self) -> Result<SetName> {
        SetName::new(self)
    }
}

impl ToSetName for String {
    fn set_name(&self) -> Result<SetName> {
        SetName::new(self)
    }
}

impl<T: SetType> ToSetName for IpSet<T> {
    fn set_name(&self) -> Result<SetName> {
        Ok(*self.name())
    }
}

impl<N: ToSetName + ?Sized> ToSetName for &N {
    fn set_name(&self) -> Result<SetName> {
        (**self).set_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_kernel_is_at_most_so_long() {
        let longest = [b'a'; SetName::MAX_LENGTH];
        let name = SetName::from_kernel(&longest).unwrap();
        assert_eq!(name.as_str().as_bytes(), longest);
        assert!(SetName::from_kernel(&[b'a'; SetName::MAX_LENGTH + 1]).is_err());
        assert_eq!(SetName::from_kernel(b"\xff").unwrap().as_str(), "\u{fffd}");
    }

    #[test]
    fn names_are_what_text_can_carry() {
        // These blanks do not separate words for the tool.
        let other_blanks = "a\u{a0}b\u{85}\u{2003}";
        for good in [
            "a",
            "KUBE-6-LOOP-BACK",
            "ü.;'#[",
            other_blanks,
            &"x".repeat(31),
        ] {
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
        assert_eq!(SetName::existing(b"two \xffwords").unwrap(), odd);
        assert_eq!(odd.to_string(), "\"two \\xffwords\"(escaped)");
        assert_eq!(format!("{odd:?}"), "\"two \\xffwords\"");
        assert_eq!(
            SetName::existing("a \" b").unwrap().to_string(),
            "\"a \\\" b\"(escaped)"
        );
        assert_eq!(
            SetName::existing("two words").unwrap().to_string(),
            "two words"
        );
        assert!(SetName::existing("a\0b").unwrap_err().is_invalid_input());
        assert_eq!(odd.with_zero(), b"two \xffwords\0");
        assert!(SetName::from_kernel(&[b'x'; 32]).is_err());
    }

    #[test]
    fn names_are_ordered_as_their_bytes_are() {
        let name = |name| SetName::new(name).unwrap();
        assert!(name("a") < name("ab") && name("ab") < name("b"));
    }
}
