//! How the kernel's set becomes the wanted one, apart from its entries.

use std::borrow::Cow;
use std::fmt;

use super::policy::{Overflow, Policy};
use crate::error::Cause;
use crate::ipset::model::element::Masks;
use crate::ipset::model::options::DEFAULT_MAXELEM;
use crate::ipset::model::types::{Families, Takes};
use crate::ipset::{CreateOptions, IpSet, SetInfo, SetType};
use crate::{Error, Result};

/// How a set becomes the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Way {
    /// The set does not exist and is created.
    Create,
    /// The entries that differ are added, changed and removed. The others are not touched.
    InPlace,
    /// A second set is filled and swapped with the set, which rules and lists keep referring to.
    #[non_exhaustive]
    SecondSet {
        /// The reason, such as `maxelem 1000 instead of 65536`.
        why: Cow<'static, str>,
    },
    /// The set has another type or family. A second set is filled, the first one is destroyed, and
    /// the second one gets its name.
    #[non_exhaustive]
    Recreate {
        /// The reason, such as `type hash:ip instead of hash:net`.
        why: Cow<'static, str>,
    },
}

impl Way {
    /// Returns true if entries that stay have to be written again.
    pub(super) fn starts_empty(&self) -> bool {
        *self != Self::InPlace
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("created"),
            Self::InPlace => f.write_str("in place"),
            Self::SecondSet { why } => write!(f, "by a second set ({why})"),
            Self::Recreate { why } => write!(f, "created anew ({why})"),
        }
    }
}

/// The operation that errors name.
pub(super) const PLAN: &str = "plan set";

/// Returns how many entries a set may have, and whether others are left out instead of refused.
pub(super) fn room<T: SetType>(set: &IpSet<T>, policy: &Policy) -> (usize, bool) {
    let maxelem = maxelem(set);
    let most = match policy.overflow() {
        Overflow::Grow { most } => maxelem.max(most as usize),
        _ => maxelem,
    };
    (most, policy.overflow() == Overflow::Cut)
}

/// Returns how many entries a set with its options may have.
pub(super) fn maxelem<T: SetType>(set: &IpSet<T>) -> usize {
    match set.definition().options.contains(Takes::HASH) {
        true => set.options().maxelem.unwrap_or(DEFAULT_MAXELEM) as usize,
        false => usize::MAX,
    }
}

/// Returns the set's description with the options that it is to have: those of the set that exists
/// if the policy keeps them.
pub(in crate::ipset) fn described<T: SetType>(
    set: &IpSet<T>,
    there: &SetInfo,
    policy: &Policy,
) -> IpSet<T> {
    let mut set = set.clone();
    if let (true, None, Some(kept)) = (policy.keeps_options(), misfit(&set, there), &there.set) {
        *set.options_mut() = kept.options().clone();
    }
    set
}

/// Takes over the options of the set that exists if the policy keeps them. They are other ones than
/// those that `count` entries were collected for if another program created the set since then.
pub(super) fn keep_options<T: SetType>(
    set: &mut IpSet<T>,
    there: &SetInfo,
    count: usize,
    policy: &Policy,
) -> Result<()> {
    let kept = described(set, there, policy);
    let masks = |set: &IpSet<T>| Masks::of(set.definition(), set.options());
    if masks(&kept) != masks(set) || count > room(&kept, policy).0 {
        let error = Error::new(PLAN, Cause::Inconsistent).object(set.name());
        return Err(error.note("another program created it with another mask or less room"));
    }
    *set = kept;
    Ok(())
}

/// Returns how the set in the kernel becomes one that has room for `count` entries, and changes
/// the description's `maxelem` if that has to grow.
pub(super) fn choose<T: SetType>(
    set: &mut IpSet<T>,
    there: Option<&SetInfo>,
    count: usize,
    policy: &Policy,
) -> Result<Way> {
    let definition = set.definition();
    let options_there = there.and_then(|it| it.set.as_ref()).map(|it| it.options());
    let hash = definition.options.contains(Takes::HASH);
    if let (Overflow::Grow { most }, true) = (policy.overflow(), hash) {
        grow(set.options_mut(), options_there, count, most);
    }
    let Some(there) = there else {
        return Ok(Way::Create);
    };
    if let Some(why) = misfit(set, there) {
        if !policy.recreates() {
            let why = format!("the set exists with {why}, which cannot be changed");
            return Err(Error::refused(PLAN, why).object(set.name()));
        }
        if there.references > 0 {
            let why = format!(
                "the set exists with {why}, and {} rules or lists refer to it",
                there.references
            );
            return Err(Error::refused(PLAN, why).object(set.name()));
        }
        return Ok(Way::Recreate { why: why.into() });
    }
    let difference = options_there.and_then(|it| set.options().difference(it, definition));
    Ok(match difference {
        Some(why) => Way::SecondSet { why: why.into() },
        None => Way::InPlace,
    })
}

/// Returns why no swap makes a set the wanted one.
fn misfit<T: SetType>(set: &IpSet<T>, there: &SetInfo) -> Option<String> {
    match &there.set {
        Some(it) if it.type_name() == set.type_name() => {
            let (wanted, found) = (set.family(), it.family());
            let differ = set.definition().families == Families::Both && wanted != found;
            differ.then(|| format!("family {found} instead of {wanted}"))
        }
        _ => Some(format!(
            "type {} instead of {}",
            there.type_name,
            set.type_name()
        )),
    }
}

/// Raises `maxelem` so that there is room for `count` entries, at least to what the set has.
fn grow(wanted: &mut CreateOptions, there: Option<&CreateOptions>, count: usize, most: u32) {
    let maxelem = |it: &CreateOptions| it.maxelem.unwrap_or(DEFAULT_MAXELEM);
    let enough = |it: u32| it as usize >= count;
    let mut least = maxelem(wanted);
    if let Some(there) = there.map(maxelem).filter(|there| *there > least) {
        least = there;
    }
    if !enough(least) {
        let spacious = (count + count / 4).next_power_of_two();
        least = u32::try_from(spacious)
            .unwrap_or(u32::MAX)
            .min(most)
            .max(least);
    }
    if least != maxelem(wanted) {
        wanted.maxelem = Some(least);
    }
}
