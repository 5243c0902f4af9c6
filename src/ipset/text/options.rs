//! The options that text can have, by set type.

use super::piece::{Flaw, Piece};
use crate::ipset::AnyType;
use crate::ipset::model::types::{Definition, Families, SetType, Takes};

/// An option with its value, as the tool writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionText {
    /// The name, such as `maxelem`.
    pub name: &'static str,
    /// The value, if the option has one.
    pub value: Option<String>,
}

/// The name of an option that sets or entries of a type can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionName {
    /// The name, such as `maxelem`.
    pub name: &'static str,
    /// Whether a value follows the name.
    pub has_value: bool,
}

const fn value(name: &'static str) -> OptionName {
    OptionName {
        name,
        has_value: true,
    }
}

const fn flag(name: &'static str) -> OptionName {
    OptionName {
        name,
        has_value: false,
    }
}

/// Returns whether sets of a type take an option.
type TakenBy = fn(&Definition) -> bool;

/// The options of sets, in the order in which the tool lists them, except for the masks of types
/// that got them later.
static CREATE: &[(OptionName, TakenBy)] = &[
    (value("range"), |it| it.options.intersects(Takes::RANGE)),
    (value("family"), has_family),
    (flag("-4"), has_family),
    (flag("-6"), has_family),
    (value("markmask"), |it| it.options.contains(Takes::MARKMASK)),
    (value("hashsize"), is_hash),
    (value("maxelem"), is_hash),
    (value("size"), |it| it.options.contains(Takes::SIZE)),
    (value("netmask"), |it| {
        let netmask = Takes::NETMASK.union(Takes::NETMASK_LATE);
        it.options.intersects(netmask)
    }),
    (value("bitmask"), |it| it.options.contains(Takes::BITMASK)),
    (value("timeout"), any),
    (flag("counters"), any),
    (flag("comment"), any),
    (flag("forceadd"), is_hash),
    (flag("skbinfo"), any),
    (value("bucketsize"), is_hash),
    (value("initval"), is_hash),
];

static ENTRY: &[(OptionName, TakenBy)] = &[
    (value("timeout"), any),
    (flag("nomatch"), |it| it.nomatch),
    (flag("wildcard"), Definition::has_interface),
    (value("before"), Definition::has_members),
    (value("after"), Definition::has_members),
    (value("packets"), any),
    (value("bytes"), any),
    (value("comment"), any),
    (value("skbmark"), any),
    (value("skbprio"), any),
    (value("skbqueue"), any),
];

fn any(_: &Definition) -> bool {
    true
}

fn has_family(definition: &Definition) -> bool {
    definition.families == Families::Both
}

fn is_hash(definition: &Definition) -> bool {
    definition.options.contains(Takes::HASH)
}

impl OptionName {
    pub(super) fn of_sets(definition: &Definition) -> impl Iterator<Item = Self> {
        let taken = CREATE.iter().filter(move |(_, takes)| takes(definition));
        taken.map(|(name, _)| *name)
    }

    pub(super) fn of_entries(definition: &Definition) -> impl Iterator<Item = Self> {
        let taken = ENTRY.iter().filter(move |(_, takes)| takes(definition));
        taken.map(|(name, _)| *name)
    }
}

impl AnyType {
    /// Returns the options with which sets of the type can be created.
    pub fn create_options(&self) -> impl Iterator<Item = OptionName> + use<> {
        OptionName::of_sets(self.definition())
    }

    /// Returns the options that entries of the type can have.
    ///
    /// Which of them a set accepts also depends on the options with which it was created.
    pub fn entry_options(&self) -> impl Iterator<Item = OptionName> + use<> {
        OptionName::of_entries(self.definition())
    }
}

/// Removes the two dashes that may precede an option's name.
pub(super) fn without_dashes(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"--").unwrap_or(word)
}

/// Returns the error for a word that is not an option of the type.
#[cold]
pub(super) fn unknown(word: Piece<'_>, definition: &Definition) -> Flaw {
    let (name, word_shown) = (definition.name, word.shown());
    word.flaw(format!("{name} has no option '{word_shown}'"))
}
