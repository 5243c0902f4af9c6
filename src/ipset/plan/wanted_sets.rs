use std::collections::HashMap;
use std::str::FromStr;

use crate::ipset::text::{Line, Reader};
use crate::ipset::types::{AnyType, SetType};
use crate::ipset::{AnyEntry, AnySet, Entry, IpSet, SetName};
use crate::{Error, Result};

/// The sets that a program wants, with their entries.
///
/// They are built from code, or read from a file in the format of `ipset save`.
///
/// ```
/// use ipvset::ipset::IpSet;
/// use ipvset::ipset::plan::WantedSets;
/// use ipvset::ipset::types::HashIp;
/// use std::net::Ipv4Addr;
///
/// let mut wanted: WantedSets = "\
/// create allowed hash:net
/// add allowed 10.0.0.0/8
/// ".parse()?;
/// wanted.insert(&IpSet::<HashIp>::new("blocked")?, [Ipv4Addr::new(192, 0, 2, 7)])?;
/// assert_eq!(wanted.len(), 2);
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct WantedSets {
    sets: Vec<(AnySet, Vec<AnyEntry>)>,
    places: HashMap<SetName, usize>,
}

const WANT: &str = "want set";

impl WantedSets {
    /// Returns a collection without sets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a set and its entries.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a set of this name is there already, or
    /// if the set's options are invalid.
    pub fn insert<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<()> {
        let entries = entries.into_iter().map(|entry| entry.into().untype());
        self.insert_set(set.untype())?.extend(entries);
        Ok(())
    }

    fn insert_set(&mut self, set: AnySet) -> Result<&mut Vec<AnyEntry>> {
        set.validate()?;
        let name = *set.name();
        if self.places.contains_key(&name) {
            return Err(Error::refused(WANT, "two sets have this name").object(name));
        }
        let place = self.sets.len();
        self.places.insert(name, place);
        self.sets.push((set, Vec::new()));
        Ok(&mut self.sets[place].1)
    }

    /// Returns a wanted set and its entries.
    pub fn get(&self, name: &SetName) -> Option<(&AnySet, &[AnyEntry])> {
        let (set, entries) = self.sets.get(*self.places.get(name)?)?;
        Some((set, entries))
    }

    /// Iterates over the sets with their entries, in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&AnySet, &[AnyEntry])> {
        self.sets.iter().map(|(set, entries)| (set, &entries[..]))
    }

    /// Iterates over the names of the sets.
    pub fn names(&self) -> impl ExactSizeIterator<Item = SetName> {
        self.sets.iter().map(|(set, _)| *set.name())
    }

    /// Returns how many sets are wanted.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Returns true if no set is wanted.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Reads the text of a file of `ipset save`, which is not necessarily UTF-8.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for the first malformed line, with its
    /// [position](Error::position), and for an entry of a set that is not created before it.
    pub fn from_saved(text: impl AsRef<[u8]>) -> Result<Self> {
        let mut wanted = Self::new();
        for line in Reader::new(text.as_ref()) {
            match line? {
                Line::Create(set) => {
                    wanted.insert_set(set)?;
                }
                Line::Add(name, entry) => {
                    let place = wanted.places.get(&name).copied();
                    let set = place.and_then(|place| wanted.sets.get_mut(place));
                    let missing = || Error::refused(WANT, "no line creates the set").object(name);
                    set.ok_or_else(missing)?.1.push(entry);
                }
            }
        }
        Ok(wanted)
    }
}

impl FromStr for WantedSets {
    type Err = Error;

    /// Reads the text as [`from_saved`](Self::from_saved) does.
    fn from_str(text: &str) -> Result<Self> {
        Self::from_saved(text)
    }
}

/// Returns true if a set's entries are other sets.
pub(super) fn is_list(kind: &AnyType) -> bool {
    kind.definition().has_members()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::ipset::types::HashIp;

    #[test]
    fn sets_keep_their_order_and_their_entries() {
        let mut wanted = WantedSets::new();
        assert!(wanted.is_empty());
        let set = IpSet::<HashIp>::new("web").unwrap();
        let addresses = [1, 2].map(|last| std::net::Ipv4Addr::new(192, 0, 2, last));
        wanted.insert(&set, addresses).unwrap();
        let none: [std::net::Ipv4Addr; 0] = [];
        wanted
            .insert(&IpSet::<HashIp>::new("a").unwrap(), none)
            .unwrap();
        assert_eq!((wanted.len(), wanted.is_empty()), (2, false));
        assert!(wanted.names().map(|it| it.to_string()).eq(["web", "a"]));
        let (found, entries) = wanted.get(set.name()).unwrap();
        assert_eq!(found.name(), set.name());
        let entries = entries.iter().map(|it| it.to_string());
        assert!(entries.eq(["192.0.2.1", "192.0.2.2"]));
        assert!(wanted.get(&"other".parse().unwrap()).is_none());
        let error = wanted.insert(&set, addresses).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(wanted.get(set.name()).unwrap().1.len(), 2);
    }

    #[test]
    fn saved_text_is_read_and_its_first_flaw_is_told() {
        let text = "create a hash:net\nadd a 10.0.0.0/8\nadd a 10.1.0.0/16 nomatch\n";
        let wanted: WantedSets = text.parse().unwrap();
        let (_, entries) = wanted.iter().next().unwrap();
        let entries = entries.iter().map(|it| it.to_string());
        assert!(entries.eq(["10.0.0.0/8", "10.1.0.0/16 nomatch"]));
        for (flawed, what) in [
            ("add a 10.0.0.1\n", "creates the set"),
            (
                "create a hash:ip\ncreate a hash:ip\n",
                "two sets have this name",
            ),
            ("create a hash:ip\nadd a 10.0.0.300\n", "10.0.0.300"),
        ] {
            let error = WantedSets::from_saved(flawed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
