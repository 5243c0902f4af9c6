//! The serialized form of values (feature `serde`). A type with a text form is serialized as that
//! text, a duration as whole seconds, and flags as their names.
//!
//! Most types derive their implementations, and use the modules here for their fields. A type
//! whose constructor checks its value checks a deserialized value too. Other values are checked
//! when they are used.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::Visitor;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(test)]
mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod ipset;
mod ipvs;
mod protocol;
#[cfg(test)]
mod tests;

/// Serializes types as their text.
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

/// Serializes flags as their names, in the form of `bitflags`.
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

/// Serializes the marker of a set type as the type's name.
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

/// Reads a text and converts it with `parse`.
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
            let why = format!("{duration:?} is not a number of whole seconds");
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

/// Defines a module for an optional value, from the module for the value.
macro_rules! optional {
    ($(#[$doc:meta])* $name:ident, $with:literal, $type:ty) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use super::*;

            #[derive(Serialize, Deserialize)]
            struct Value(#[serde(with = $with)] $type);

            pub(crate) fn serialize<S: Serializer>(
                value: &Option<$type>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                value.map(Value).serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<$type>, D::Error> {
                let value = Option::<Value>::deserialize(deserializer)?;
                Ok(value.map(|it| it.0))
            }
        }
    };
}

optional!(
    /// An optional duration as whole seconds.
    optional_seconds, "seconds", Duration
);

/// A time as whole seconds since 1970.
pub(crate) mod unix_seconds {
    use std::time::UNIX_EPOCH;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.duration_since(UNIX_EPOCH).map_err(S::Error::custom)?;
        serializer.serialize_u64(since.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let seconds = u64::deserialize(deserializer)?;
        UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .ok_or_else(|| wrong(format!("{seconds} is not a time")))
    }
}

optional!(
    /// An optional time as whole seconds since 1970.
    optional_unix_seconds, "unix_seconds", SystemTime
);

/// Bytes that usually are text: a text if they are UTF-8, otherwise a sequence of numbers.
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

/// Returns the weight of a server for which none is given.
pub(crate) fn one() -> u32 {
    1
}

/// Returns an error of a deserializer.
fn wrong<E: serde::de::Error>(why: impl fmt::Display) -> E {
    E::custom(why)
}
