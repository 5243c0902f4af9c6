use std::fmt;

use super::{Dimension, Element, Fields, Masks};
use crate::Result;
use crate::ipset::message::attr::{cadt_flag, data};
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::print_element;
use crate::ipset::{SetName, ToSetName};
use crate::wire::Malformed;

/// A set in a `list:set`, with the position where it is added.
///
/// ```
/// use ipvset::ipset::elements::Member;
///
/// let last = Member::new("blocked")?;
/// let first = Member::new("allowed")?.before("blocked")?;
/// assert_eq!(first.to_string(), "allowed before blocked");
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Member {
    name: SetName,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    place: Option<Neighbor>,
}

/// The position where a [`Member`] is added. Listed members have none, they are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Neighbor {
    /// Directly before this member.
    Before(SetName),
    /// Directly after this member.
    After(SetName),
}

impl Member {
    /// Creates a member that is added at the end of the list.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the string is not valid as a
    /// [`SetName`].
    pub fn new(set: impl ToSetName) -> Result<Self> {
        Ok(set.set_name()?.into())
    }

    /// Adds the member directly before another one.
    ///
    /// If the member is removed or tested, it has to be at this position.
    ///
    /// # Errors
    /// The errors of [`Member::new`].
    pub fn before(mut self, other: impl ToSetName) -> Result<Self> {
        self.place = Some(Neighbor::Before(other.set_name()?));
        Ok(self)
    }

    /// Adds the member directly after another one.
    ///
    /// If the member is removed or tested, it has to be at this position.
    ///
    /// # Errors
    /// The errors of [`Member::new`].
    pub fn after(mut self, other: impl ToSetName) -> Result<Self> {
        self.place = Some(Neighbor::After(other.set_name()?));
        Ok(self)
    }

    pub(crate) fn with_neighbor(mut self, place: Option<Neighbor>) -> Self {
        self.place = place;
        self
    }

    /// Returns the name of the set.
    pub fn name(&self) -> &SetName {
        &self.name
    }

    /// Returns the position where the member is added, or `None` for the end of the list.
    pub fn place(&self) -> Option<&Neighbor> {
        self.place.as_ref()
    }
}

impl From<SetName> for Member {
    fn from(name: SetName) -> Self {
        Self { name, place: None }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_element(self, f)
    }
}

impl Element for Member {
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        encoder.writer.attribute(data::NAME, self.name.with_zero());
        match &self.place {
            None => {}
            Some(Neighbor::Before(other)) => {
                encoder.writer.attribute(data::NAMEREF, other.with_zero());
                encoder.flags |= cadt_flag::BEFORE;
            }
            Some(Neighbor::After(other)) => {
                encoder.writer.attribute(data::NAMEREF, other.with_zero());
            }
        }
        Ok(())
    }

    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let name = fields.name.ok_or(Malformed::Missing("a member's name"))?;
        let other = fields.nameref.map(SetName::from_kernel).transpose()?;
        Ok(Self {
            name: SetName::from_kernel(name)?,
            place: other.map(|other| match fields.flags & cadt_flag::BEFORE {
                0 => Neighbor::After(other),
                _ => Neighbor::Before(other),
            }),
        })
    }

    /// A set does not store where a member was added.
    fn take_first(&mut self, _: &Dimension, _: &Masks) -> Option<Self> {
        self.place = None;
        None
    }

    fn member_mut(&mut self) -> Option<&mut Self> {
        Some(self)
    }
}
