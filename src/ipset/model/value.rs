use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::element::{Dimension, Element, Fields, Masks};
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::{Flaw, Parts, Text, ValueText};
use crate::ipset::{
    Addresses, AnyElement, Interface, Ipv4Range, MacAddress, Mark, Member, OptionalMac, Port,
    PortRange, SetName, SetRange,
};
use crate::wire::Malformed;

/// The elements of an entry: one element, a tuple of two or three, or [`AnyValue`].
pub(crate) trait Elements: Sized {
    fn encode(&self, dimensions: &[Dimension], encoder: &mut Encoder<'_>) -> Result<(), Refusal>;

    fn decode(dimensions: &[Dimension], fields: &Fields<'_>) -> Result<Self, Malformed>;

    /// Reduces the elements to the first of the entries that a set stores for them. Calls `rest`
    /// for each element that stands for several, with its place and with the elements of the
    /// entries that follow. The elements before that place are single ones then.
    fn take_first(
        &mut self,
        dimensions: &[Dimension],
        masks: &Masks,
        rest: impl FnMut(usize, Self),
    );

    /// Returns the elements of the last of the entries that a set without masks stores for them.
    fn last(&self, dimensions: &[Dimension]) -> Self;

    /// Returns how many entries a set stores for the elements, as far as a `u64` can count them.
    fn count(&self, dimensions: &[Dimension], masks: &Masks) -> u64;

    /// Returns true if the first element is within the range of a bitmap.
    fn is_within(&self, range: &SetRange) -> bool;

    /// Returns true if a set has only one entry for both.
    fn is_same_entry(&self, other: &Self, dimensions: &[Dimension]) -> bool;

    /// Hashes what [`Elements::is_same_entry`] compares.
    fn hash_entry<H: Hasher>(&self, dimensions: &[Dimension], state: &mut H);

    /// Returns true if the elements of the same entry in a set need not change for these.
    fn is_met_by(&self, there: &Self, dimensions: &[Dimension]) -> bool;

    /// Returns the member of a list, if that is what the entry is.
    fn member_mut(&mut self) -> Option<&mut Member>;

    /// Parses the elements from the syntax of the `ipset` tool.
    fn from_text(dimensions: &[Dimension], parts: &mut Parts<'_>) -> Result<Self, Flaw>;

    /// Returns the same elements with their kinds known only at run time.
    fn untyped(&self) -> AnyValue;

    /// Visits the elements, in order.
    fn each(&self, visit: &mut dyn FnMut(&dyn Text));
}

/// Conversion to the elements of an entry from anything that the elements can be made from.
///
/// [`Entry::new`](crate::ipset::Entry::new) and the `From` implementations of
/// [`Entry`](crate::ipset::Entry) use it.
#[diagnostic::on_unimplemented(
    message = "an entry of this type of set cannot be made from `{Parts}`",
    label = "not the elements of the set's entries"
)]
pub trait FromParts<Parts> {
    /// Converts the parts into elements.
    fn from_parts(parts: Parts) -> Self;
}

#[cold]
fn wrong_count(found: usize, dimensions: &[Dimension]) -> Refusal {
    let meant = dimensions.len();
    Refusal::new(format!("expected {meant} elements, found {found}"))
}

impl<A: Element> Elements for A {
    #[inline(always)]
    fn encode(&self, dimensions: &[Dimension], encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        let [dimension] = dimensions else {
            return Err(wrong_count(1, dimensions));
        };
        Element::write(self, dimension, encoder)
    }

    #[inline]
    fn decode(dimensions: &[Dimension], fields: &Fields<'_>) -> Result<Self, Malformed> {
        let [dimension] = dimensions else {
            return Err(Malformed::Missing("an element"));
        };
        Element::read(dimension, fields)
    }

    #[inline]
    fn take_first(
        &mut self,
        dimensions: &[Dimension],
        masks: &Masks,
        mut rest: impl FnMut(usize, Self),
    ) {
        if let [dimension] = dimensions {
            if let Some(it) = Element::take_first(self, dimension, masks) {
                rest(0, it);
            }
        }
    }

    fn last(&self, dimensions: &[Dimension]) -> Self {
        match dimensions {
            [dimension] => Element::last(self, dimension),
            _ => self.clone(),
        }
    }

    fn count(&self, dimensions: &[Dimension], masks: &Masks) -> u64 {
        match dimensions {
            [dimension] => Element::count(self, dimension, masks),
            _ => 1,
        }
    }

    fn is_within(&self, range: &SetRange) -> bool {
        Element::is_within(self, range)
    }

    #[inline]
    fn is_same_entry(&self, other: &Self, _: &[Dimension]) -> bool {
        self == other
    }

    #[inline]
    fn hash_entry<H: Hasher>(&self, _: &[Dimension], state: &mut H) {
        self.hash(state);
    }

    #[inline]
    fn is_met_by(&self, _: &Self, _: &[Dimension]) -> bool {
        true
    }

    fn member_mut(&mut self) -> Option<&mut Member> {
        Element::member_mut(self)
    }

    #[inline]
    fn from_text(dimensions: &[Dimension], parts: &mut Parts<'_>) -> Result<Self, Flaw> {
        match dimensions {
            [dimension] => Text::parse(parts, dimension),
            _ => Err(parts.miscounted()),
        }
    }

    fn untyped(&self) -> AnyValue {
        std::iter::once(self.clone()).collect()
    }

    fn each(&self, visit: &mut dyn FnMut(&dyn Text)) {
        visit(self);
    }
}

macro_rules! tuple {
    ($count:literal: $($element:ident $part:ident $from:ident $place:tt),*) => {
        impl<$($element: Element),*> Elements for ($($element),*) {
            #[inline(always)]
            #[allow(non_snake_case)]
            fn encode(
                &self,
                dimensions: &[Dimension],
                encoder: &mut Encoder<'_>,
            ) -> Result<(), Refusal> {
                let ($($element),*) = self;
                let [$($part),*] = dimensions else {
                    return Err(wrong_count($count, dimensions));
                };
                $($element.write($part, encoder)?;)*
                Ok(())
            }

            #[inline]
            fn decode(dimensions: &[Dimension], fields: &Fields<'_>) -> Result<Self, Malformed> {
                let [$($part),*] = dimensions else {
                    return Err(Malformed::Missing("an element"));
                };
                Ok(($($element::read($part, fields)?),*))
            }

            #[inline]
            #[allow(non_snake_case)]
            fn take_first(
                &mut self,
                dimensions: &[Dimension],
                masks: &Masks,
                mut rest: impl FnMut(usize, Self),
            ) {
                let [$($part),*] = dimensions else {
                    return;
                };
                $(if let Some(it) = self.$place.take_first($part, masks) {
                    let mut behind = self.clone();
                    behind.$place = it;
                    rest($place, behind);
                })*
            }

            #[allow(non_snake_case)]
            fn last(&self, dimensions: &[Dimension]) -> Self {
                let ($($element),*) = self;
                match dimensions {
                    [$($part),*] => ($($element.last($part)),*),
                    _ => self.clone(),
                }
            }

            #[allow(non_snake_case)]
            fn count(&self, dimensions: &[Dimension], masks: &Masks) -> u64 {
                let [$($part),*] = dimensions else {
                    return 1;
                };
                let counts = [$(self.$place.count($part, masks)),*];
                counts.into_iter().fold(1, u64::saturating_mul)
            }

            fn is_within(&self, range: &SetRange) -> bool {
                self.0.is_within(range)
            }

            #[inline]
            #[allow(non_snake_case)]
            fn is_same_entry(&self, other: &Self, dimensions: &[Dimension]) -> bool {
                let [$($part),*] = dimensions else {
                    return self == other;
                };
                $((!$part.identifies() || self.$place == other.$place))&&*
            }

            #[inline]
            #[allow(non_snake_case)]
            fn hash_entry<S: Hasher>(&self, dimensions: &[Dimension], state: &mut S) {
                let [$($part),*] = dimensions else {
                    return;
                };
                $(if $part.identifies() {
                    self.$place.hash(state);
                })*
            }

            #[inline]
            #[allow(non_snake_case)]
            fn is_met_by(&self, there: &Self, dimensions: &[Dimension]) -> bool {
                let [$($part),*] = dimensions else {
                    return true;
                };
                $((
                    $part.identifies() || self.$place.is_open() || self.$place == there.$place
                ))&&*
            }

            fn member_mut(&mut self) -> Option<&mut Member> {
                None
            }

            #[inline]
            #[allow(non_snake_case)]
            fn from_text(dimensions: &[Dimension], parts: &mut Parts<'_>) -> Result<Self, Flaw> {
                let [$($part),*] = dimensions else {
                    return Err(parts.miscounted());
                };
                Ok(($($element::parse(parts, $part)?),*))
            }

            #[allow(non_snake_case)]
            fn untyped(&self) -> AnyValue {
                let ($($element),*) = self.clone();
                [$(Into::<AnyElement>::into($element)),*].into_iter().collect()
            }

            #[allow(non_snake_case)]
            fn each(&self, visit: &mut dyn FnMut(&dyn Text)) {
                let ($($element),*) = self;
                $(visit($element);)*
            }
        }

        impl<$($element, $from: Into<$element>),*> FromParts<($($from),*)> for ($($element),*) {
            #[inline]
            fn from_parts(($($part),*): ($($from),*)) -> Self {
                ($($part.into()),*)
            }
        }

        impl<$($from: Into<AnyElement>),*> FromParts<($($from),*)> for AnyValue {
            #[inline]
            fn from_parts(($($part),*): ($($from),*)) -> Self {
                [$($part.into()),*].into_iter().collect()
            }
        }
    };
}

tuple!(2: A a X 0, B b Y 1);
tuple!(3: A a X 0, B b Y 1, C c Z 2);

impl From<AnyValue> for crate::ipset::AnyEntry {
    /// Creates an entry without options from elements whose kinds are only known at run time.
    fn from(value: AnyValue) -> Self {
        Self::new(value)
    }
}

/// Implements the conversions to a single element, so that a set of networks takes a plain address.
macro_rules! single {
    ($($element:ty: $($part:ty),*;)*) => {$($(
        impl FromParts<$part> for $element {
            #[inline]
            fn from_parts(part: $part) -> Self {
                part.into()
            }
        }

        impl<T: crate::ipset::SetType<Value: FromParts<$part>>> From<$part> for crate::ipset::Entry<T> {
            #[inline]
            fn from(part: $part) -> Self {
                Self::new(part)
            }
        }
    )*)*};
}

single! {
    Addresses: Ipv4Addr, Ipv6Addr, IpAddr, Ipv4Range, Ipv4Net, Ipv6Net, IpNet, Addresses;
    Port: Port;
    PortRange: u16, std::ops::RangeInclusive<u16>, PortRange;
    MacAddress: MacAddress;
    OptionalMac: OptionalMac;
    Mark: Mark;
    Interface: Interface;
    Member: SetName, Member;
}

impl<T, X, Y> From<(X, Y)> for crate::ipset::Entry<T>
where
    T: crate::ipset::SetType<Value: FromParts<(X, Y)>>,
{
    #[inline]
    fn from(parts: (X, Y)) -> Self {
        Self::new(parts)
    }
}

impl<T, X, Y, Z> From<(X, Y, Z)> for crate::ipset::Entry<T>
where
    T: crate::ipset::SetType<Value: FromParts<(X, Y, Z)>>,
{
    #[inline]
    fn from(parts: (X, Y, Z)) -> Self {
        Self::new(parts)
    }
}

/// The largest number of elements that an entry of any type has.
pub(crate) const MOST: usize = 3;

/// The elements of an entry whose type is only known at run time.
///
/// ```
/// use ipvset::ipset::elements::{AnyElement, AnyValue, tcp};
/// use std::net::Ipv4Addr;
///
/// let address = Ipv4Addr::new(10, 0, 0, 11);
/// let value: AnyValue = [AnyElement::from(address), tcp(80).into()].into_iter().collect();
/// assert_eq!(value.to_string(), "10.0.0.11,tcp:80");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnyValue {
    elements: [Option<AnyElement>; MOST],
    /// How many elements were given. More than `MOST` are too many for every set type.
    count: usize,
}

impl AnyValue {
    /// Returns true if there are more elements than an entry of any type has.
    #[cfg(feature = "serde")]
    pub(crate) fn is_too_long(&self) -> bool {
        self.count > MOST
    }

    /// Returns the elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &AnyElement> {
        self.elements.iter().flatten()
    }
}

impl<E: Into<AnyElement>> FromIterator<E> for AnyValue {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Self {
        let mut value = Self {
            elements: [None, None, None],
            count: 0,
        };
        for element in elements {
            if let Some(place) = value.elements.get_mut(value.count) {
                *place = Some(element.into());
            }
            value.count += 1;
        }
        value
    }
}

impl FromParts<Self> for AnyValue {
    #[inline]
    fn from_parts(value: Self) -> Self {
        value
    }
}

impl<E: Into<AnyElement>> FromParts<E> for AnyValue {
    #[inline]
    fn from_parts(part: E) -> Self {
        [part].into_iter().collect()
    }
}

impl Elements for AnyValue {
    #[inline(always)]
    fn encode(&self, dimensions: &[Dimension], encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        // The MAC address of a bitmap:ip,mac entry may be left out.
        let least = dimensions
            .iter()
            .filter(|dimension| !matches!(dimension, Dimension::OptionalMac))
            .count();
        if self.count > dimensions.len() || self.count < least {
            return Err(wrong_count(self.count, dimensions));
        }
        for (element, dimension) in self.elements().zip(dimensions) {
            element.write(dimension, encoder)?;
        }
        Ok(())
    }

    #[inline]
    fn decode(dimensions: &[Dimension], fields: &Fields<'_>) -> Result<Self, Malformed> {
        let mut value = Self {
            elements: [None, None, None],
            count: dimensions.len(),
        };
        for (place, dimension) in value.elements.iter_mut().zip(dimensions) {
            *place = Some(AnyElement::read(dimension, fields)?);
        }
        Ok(value)
    }

    fn take_first(
        &mut self,
        dimensions: &[Dimension],
        masks: &Masks,
        mut rest: impl FnMut(usize, Self),
    ) {
        for (place, dimension) in dimensions.iter().enumerate().take(MOST) {
            let Some(element) = &mut self.elements[place] else {
                // A MAC address that was left out.
                if matches!(dimension, Dimension::OptionalMac) && place == self.count {
                    self.elements[place] = Some(OptionalMac(None).into());
                    self.count += 1;
                }
                return;
            };
            if let Some(it) = Element::take_first(element, dimension, masks) {
                let mut behind = self.clone();
                behind.elements[place] = Some(it);
                rest(place, behind);
            }
        }
    }

    fn last(&self, dimensions: &[Dimension]) -> Self {
        let mut last = self.clone();
        for (element, dimension) in last.elements.iter_mut().flatten().zip(dimensions) {
            *element = Element::last(element, dimension);
        }
        last
    }

    fn count(&self, dimensions: &[Dimension], masks: &Masks) -> u64 {
        let elements = self.elements().zip(dimensions);
        let counts = elements.map(|(element, it)| Element::count(element, it, masks));
        counts.fold(1, u64::saturating_mul)
    }

    fn is_within(&self, range: &SetRange) -> bool {
        self.elements()
            .take(1)
            .all(|it| Element::is_within(it, range))
    }

    fn is_same_entry(&self, other: &Self, dimensions: &[Dimension]) -> bool {
        let pairs = self.elements.iter().zip(&other.elements).zip(dimensions);
        let mut identifying = pairs.filter(|(_, dimension)| dimension.identifies());
        identifying.all(|((one, other), _)| one == other)
    }

    fn hash_entry<H: Hasher>(&self, dimensions: &[Dimension], state: &mut H) {
        let elements = self.elements().zip(dimensions);
        for (element, _) in elements.filter(|(_, dimension)| dimension.identifies()) {
            element.hash(state);
        }
    }

    fn is_met_by(&self, there: &Self, dimensions: &[Dimension]) -> bool {
        let pairs = self.elements().zip(there.elements()).zip(dimensions);
        let mut others = pairs.filter(|(_, dimension)| !dimension.identifies());
        others.all(|((wanted, there), _)| wanted.is_open() || wanted == there)
    }

    fn member_mut(&mut self) -> Option<&mut Member> {
        Element::member_mut(self.elements[0].as_mut()?)
    }

    #[inline]
    fn from_text(dimensions: &[Dimension], parts: &mut Parts<'_>) -> Result<Self, Flaw> {
        let mut value = Self {
            elements: [None, None, None],
            count: dimensions.len(),
        };
        for (place, dimension) in value.elements.iter_mut().zip(dimensions) {
            *place = Some(AnyElement::parse(parts, dimension)?);
        }
        Ok(value)
    }

    fn untyped(&self) -> AnyValue {
        self.clone()
    }

    fn each(&self, visit: &mut dyn FnMut(&dyn Text)) {
        for element in self.elements() {
            visit(element);
        }
    }
}

impl fmt::Display for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ValueText(self).fmt(f)
    }
}

impl fmt::Debug for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.elements()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::DefaultHasher;

    use super::*;
    use crate::ipset::{AnyEntry, AnySet, SetType};

    fn values(set: &str, entries: [&str; 2]) -> ([AnyValue; 2], &'static [Dimension]) {
        let set: AnySet = set.parse().unwrap();
        let values = entries.map(|it| set.parse_entry(it).unwrap().into_parts().0);
        (values, set.kind().definition().dimensions)
    }

    #[test]
    fn entries_are_the_same_if_what_identifies_them_is() {
        for (set, entries, same) in [
            ("s hash:ip", ["10.0.0.1", "10.0.0.1"], true),
            ("s hash:ip", ["10.0.0.1", "10.0.0.2"], false),
            ("s hash:ip,mark", ["10.0.0.1,1", "10.0.0.1,2"], false),
            (
                "s bitmap:ip,mac range 10.0.0.0/24",
                ["10.0.0.1,02:00:00:00:00:01", "10.0.0.1,02:00:00:00:00:02"],
                true,
            ),
        ] {
            let ([one, other], dimensions) = values(set, entries);
            assert_eq!(one.is_same_entry(&other, dimensions), same, "{set}");
            let hash = |value: &AnyValue| {
                let mut hasher = DefaultHasher::new();
                value.hash_entry(dimensions, &mut hasher);
                hasher.finish()
            };
            assert_eq!(hash(&one) == hash(&other), same, "{set}");
        }
        let (one, other) = (
            std::net::Ipv4Addr::new(10, 0, 0, 1),
            std::net::Ipv4Addr::LOCALHOST,
        );
        let (one, other) = (std::net::IpAddr::from(one), std::net::IpAddr::from(other));
        assert!(one.is_same_entry(&one, &[]) && !one.is_same_entry(&other, &[]));
    }

    #[test]
    fn an_entry_has_as_many_elements_as_its_type() {
        let elements = |entry: &str| {
            let set: AnySet = "s hash:ip,port,ip".parse().unwrap();
            let (value, _) = set.parse_entry(entry).unwrap().into_parts();
            value.elements().cloned().collect::<Vec<_>>()
        };
        let three = elements("10.0.0.1,tcp:80,10.0.0.2");
        for (set, taken) in [
            ("s hash:ip", [false, true, false, false]),
            ("s hash:ip,port", [false, false, true, false]),
            ("s hash:ip,port,ip", [false, false, false, true]),
        ] {
            let set: AnySet = set.parse().unwrap();
            for (count, is_taken) in taken.into_iter().enumerate() {
                let value: AnyValue = three.iter().take(count).cloned().collect();
                let entry = AnyEntry::from_parts(value, Default::default());
                assert_eq!(
                    set.validate_entry(entry).is_ok(),
                    is_taken,
                    "{set}: {count}"
                );
            }
        }
    }
}
