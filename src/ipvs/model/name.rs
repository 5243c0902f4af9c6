//! Short names that the kernel uses, stored inline instead of on the heap.

use std::fmt;

use crate::wire::Malformed;

/// A name of at most `N` bytes, padded with zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::ipvs) struct Name<const N: usize>([u8; N]);

impl<const N: usize> Name<N> {
    /// Returns a name for a constant. A name that is too long does not compile.
    pub(in crate::ipvs) const fn literal(text: &str) -> Self {
        let text = text.as_bytes();
        let mut bytes = [0; N];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Self(bytes)
    }

    /// Returns a name that a user gives, or the reason why it is invalid.
    pub(in crate::ipvs) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a name may not be empty".into());
        }
        if text.len() > N {
            return Err(format!(
                "`{text}` has {} bytes; such a name has at most {N}",
                text.len()
            ));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "`{}` has characters other than visible ASCII ones",
                text.escape_debug()
            ));
        }
        Ok(Self::padded(text.as_bytes()))
    }

    /// Returns a name that the kernel reports. `what` describes the length in the error.
    pub(in crate::ipvs) fn reported(text: &[u8], what: &'static str) -> Result<Self, Malformed> {
        if text.len() > N || std::str::from_utf8(text).is_err() {
            return Err(Malformed::Value {
                what,
                value: text.len() as u64,
            });
        }
        Ok(Self::padded(text))
    }

    fn padded(text: &[u8]) -> Self {
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Self(bytes)
    }

    pub(in crate::ipvs) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        // Every constructor takes only UTF-8.
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(Name::<4>::new("abcd").unwrap().as_str(), "abcd");
        assert_eq!(Name::<4>::literal("ab"), Name::new("ab").unwrap());
        let error = Name::<4>::new("abcde").unwrap_err();
        assert!(error.contains("5 bytes") && error.contains("at most 4"));
        for wrong in ["", "a b", "ä", "a\0b"] {
            assert!(Name::<4>::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_kernel_is_believed_as_far_as_it_is_text() {
        assert_eq!(Name::<4>::reported(b"a b", "n").unwrap().as_str(), "a b");
        assert!(Name::<4>::reported(b"abcde", "n").is_err());
        assert!(Name::<4>::reported(&[0xff], "n").is_err());
    }
}
