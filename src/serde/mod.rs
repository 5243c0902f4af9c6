//! How values look when they are serialized (feature `serde`): what has a text of its own is
//! that text, durations are whole seconds, flags have their names.
//!
//! Most types derive it, with the modules here for their fields. What is held to something when
//! it is made is held to the same when it is read; the rest is checked when it is used.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::Visitor;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod ipset;
mod ipvs;
#[cfg(test)]
mod tests;

/// Makes a type its text.
macro_rules! as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::serde::from_text(deserializer, str::parse)
            }
        }
    )+};
}
pub(crate) use as_text;

/// Makes flags their names, as `bitflags` writes them.
macro_rules! as_flags {
    ($($type:ty),+ $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                bitflags::serde::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                bitflags::serde::deserialize(deserializer)
            }
        }
    )+};
}
pub(crate) use as_flags;

/// Makes the marker of a type of set the type's name.
macro_rules! as_type_name {
    ($marker:ty) => {
        impl serde::Serialize for $marker {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::ipset::SetType::definition(self).name)
            }
        }

        impl<'de> serde::Deserialize<'de> for $marker {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = $crate::ipset::SetType::definition(&Self).name;
                $crate::serde::from_text(deserializer, |text| match text == name {
                    true => Ok(Self),
                    false => Err(format!("{text:?} is not the type {name}")),
                })
            }
        }
    };
}
pub(crate) use as_type_name;

/// Reads a text and makes a value of it.
pub(crate) fn from_text<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct Text<P>(P);

    impl<T, E: fmt::Display, P: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<P> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<F: serde::de::Error>(self, text: &str) -> Result<T, F> {
            (self.0)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(Text(parse))
}

/// A duration as whole seconds.
pub(crate) mod seconds {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if duration.subsec_nanos() != 0 {
            let why = format!("{duration:?} are not whole seconds");
            return Err(S::Error::custom(why));
        }
        serializer.serialize_u64(duration.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

/// The same where there may be none.
pub(crate) mod optional_seconds {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Seconds(#[serde(with = "seconds")] Duration);

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(Seconds).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<Seconds>::deserialize(deserializer)?;
        Ok(seconds.map(|it| it.0))
    }
}

/// Bytes that are text unless somebody made them something else: a text if they are one, else
/// a sequence of numbers.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TextOrBytes<'a> {
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> From<&'a [u8]> for TextOrBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Bytes(bytes.into()),
        }
    }
}

impl From<TextOrBytes<'_>> for Vec<u8> {
    fn from(it: TextOrBytes<'_>) -> Self {
        match it {
            TextOrBytes::Text(text) => text.into_owned().into_bytes(),
            TextOrBytes::Bytes(bytes) => bytes.into_owned(),
        }
    }
}

pub(crate) mod text_or_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        TextOrBytes::from(bytes).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        TextOrBytes::deserialize(deserializer).map(Into::into)
    }
}

pub(crate) mod optional_text_or_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Box<[u8]>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = bytes.as_deref().map(TextOrBytes::from);
        bytes.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<[u8]>>, D::Error> {
        let bytes = Option::<TextOrBytes<'_>>::deserialize(deserializer)?;
        Ok(bytes.map(|it| Vec::from(it).into_boxed_slice()))
    }
}

/// A server's weight where none is given.
pub(crate) fn one() -> u32 {
    1
}

/// An error for a deserializer.
fn wrong<E: serde::de::Error>(why: impl fmt::Display) -> E {
    E::custom(why)
}
