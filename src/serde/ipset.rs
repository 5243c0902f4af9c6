//! The serialized form of ipset's types that do not derive it.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{TextOrBytes, as_text, from_text, text_or_bytes, wrong};
use crate::ipset::message::encode::Purpose;
use crate::ipset::model::value::Elements;
use crate::ipset::text::{read_skb_mark, read_skb_priority, read_whole_port};
use crate::ipset::{
    Addresses, AnyElement, AnyEntry, AnySet, AnyType, AnyValue, CreateOptions, Entry, EntryOptions,
    Interface, IpSet, Ipv4Range, MacAddress, Port, PortRange, SetName, SetRange, SetType, SkbMark,
    SkbPriority,
};
use crate::wire::{Attributes, Writer};

as_text!(AnyType, MacAddress);

/// Serializes types as their text, which a function reads. The literal completes the error for a
/// text that the function cannot read.
macro_rules! as_text_by {
    ($($type:ty => $read:expr, $not:literal;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_text(deserializer, |text| {
                    $read(text).ok_or_else(|| format!("{text:?} is {}", $not))
                })
            }
        }
    )+};
}

as_text_by! {
    Ipv4Range => read_range, "not a range of IPv4 addresses";
    Addresses => read_addresses, "not an address, a range of IPv4 addresses or a network";
    PortRange => read_whole_ports, "not a port or a range of ports";
    Port => read_whole_port, "not a port with its protocol";
    SetRange => read_set_range, "not a range of IPv4 addresses or ports";
    SkbMark => read_skb_mark, "not one or two hexadecimal marks such as 0x10/0xff";
    SkbPriority => read_skb_priority, "not a class such as 1:a0, in hexadecimal";
}

fn read_range(text: &str) -> Option<Ipv4Range> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
    Some(Ipv4Range::new(first, last))
}

fn read_addresses(text: &str) -> Option<Addresses> {
    if let Some(range) = read_range(text) {
        return Some(range.into());
    }
    let network = |text: &str| text.parse::<IpNet>().ok().map(Addresses::from);
    let address = text.parse::<IpAddr>().ok().map(Addresses::from);
    address.or_else(|| network(text))
}

fn read_whole_ports(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(PortRange::new(first.parse().ok()?, last.parse().ok()?))
}

fn read_set_range(text: &str) -> Option<SetRange> {
    let addresses = read_range(text).map(SetRange::from);
    addresses.or_else(|| read_whole_ports(text).map(SetRange::from))
}

/// Serialized as a text, or as a sequence of bytes if the name is not UTF-8.
impl Serialize for SetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text_or_bytes::serialize(self.as_bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for SetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = text_or_bytes::deserialize(deserializer)?;
        Self::existing(name).map_err(wrong)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Interface", deny_unknown_fields)]
struct InterfaceForm<'a> {
    name: TextOrBytes<'a>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    physdev: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    wildcard: bool,
}

impl Serialize for Interface {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = InterfaceForm {
            name: self.name().into(),
            physdev: self.is_physdev(),
            wildcard: self.is_wildcard(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Interface {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = InterfaceForm::deserialize(deserializer)?;
        let mut interface = Self::existing(Vec::from(form.name)).map_err(wrong)?;
        if form.physdev {
            interface = interface.physdev();
        }
        if form.wildcard {
            interface = interface.wildcard();
        }
        Ok(interface)
    }
}

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_too_long() {
            return Err(serde::ser::Error::custom(
                "an entry has at most three elements",
            ));
        }
        serializer.collect_seq(self.elements())
    }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = Vec::<AnyElement>::deserialize(deserializer)?;
        let value: Self = elements.into_iter().collect();
        match value.is_too_long() {
            true => Err(wrong("an entry has at most three elements")),
            false => Ok(value),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Entry", deny_unknown_fields)]
struct EntryForm<V, O> {
    value: V,
    #[serde(flatten)]
    options: O,
}

/// The value of an entry. It is a text, including `before`, `after` and `wildcard`, which are
/// options in the tool's syntax. It is a list of elements if no text can express it, or if the
/// text cannot be read without knowing the type.
struct Value<'a, T: SetType>(&'a Entry<T>);

impl<T: SetType> Serialize for Value<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &dyn Any = self.0.value();
        match (value.downcast_ref::<AnyValue>(), self.0.whole_value_text()) {
            (Some(value), _) => value.serialize(serializer),
            (None, Some(text)) => serializer.collect_str(&text),
            (None, None) => self.0.value().untyped().serialize(serializer),
        }
    }
}

/// A value of known type, in either form.
#[derive(Deserialize)]
#[serde(untagged)]
enum ValueForm {
    Text(String),
    Elements(AnyValue),
}

/// Converts elements to a value of a type, by writing and reading the kernel's bytes for it.
fn typed<T: SetType + Default>(elements: AnyValue) -> Result<T::Value, String> {
    let kind = T::default();
    let mut options = CreateOptions::default();
    elements.each(&mut |element| {
        options.family = element.family().unwrap_or(options.family);
    });
    let name = SetName::existing("any").map_err(|error| error.reason())?;
    let set = AnySet::from_parts(name, AnyType::of(&kind), options);
    let mut bytes = Writer::default();
    AnyEntry::new(elements)
        .write(&set, Purpose::Add, &mut bytes)
        .map_err(|refusal| refusal.0.into_owned())?;
    let entry = Entry::<T>::read(&kind, Attributes::new(bytes.bytes()));
    entry.map(Entry::into_value).map_err(|it| it.to_string())
}

impl<T: SetType> Serialize for Entry<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = EntryForm {
            value: Value(self),
            options: self.options(),
        };
        form.serialize(serializer)
    }
}

impl<'de, T: SetType + Default> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = EntryForm::<ValueForm, EntryOptions>::deserialize(deserializer)?;
        let text = match form.value {
            ValueForm::Text(text) => text,
            ValueForm::Elements(elements) => {
                let value = typed::<T>(elements).map_err(wrong)?;
                return Ok(Self::from_parts(value, form.options));
            }
        };
        let entry: Self = text.parse().map_err(wrong)?;
        if *entry.options() != EntryOptions::default() {
            let why = format!("{text:?} has options; they are fields of their own");
            return Err(wrong(why));
        }
        Ok(Self::from_parts(entry.into_value(), form.options))
    }
}

impl<'de> Deserialize<'de> for AnyEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = EntryForm::<AnyValue, EntryOptions>::deserialize(deserializer)?;
        Ok(Self::from_parts(form.value, form.options))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "IpSet", deny_unknown_fields)]
struct SetForm<K, O> {
    name: SetName,
    #[serde(rename = "type")]
    kind: K,
    #[serde(flatten)]
    options: O,
}

impl<T: SetType> Serialize for IpSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = SetForm {
            name: *self.name(),
            kind: self.type_name(),
            options: self.options(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = SetForm::<AnyType, CreateOptions>::deserialize(deserializer)?;
        let set = Self::from_parts(form.name, form.kind, form.options);
        set.validate().map_err(wrong)?;
        Ok(set)
    }
}

impl<'de, T: SetType + Default> Deserialize<'de> for IpSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set = AnySet::deserialize(deserializer)?;
        set.typed().ok_or_else(|| {
            let (found, meant) = (set.type_name(), T::default().definition().name);
            wrong(format!("its type is {found}, not {meant}"))
        })
    }
}
