//! The wanted entries, each once and as the set stores it.

use super::index::Index;
use super::policy::{Duplicates, Policy};
use super::way::{PLAN, room};
use crate::ipset::model::value::Elements;
use crate::ipset::{Entry, EntryOptions, IpSet, Neighbor, SetType};
use crate::{Error, Result};

/// The wanted entries of a set.
///
/// The entries are not kept as they were given: most have no options, which take more memory than
/// the elements.
#[derive(Debug, Clone)]
pub(in crate::ipset) struct Wanted<T: SetType> {
    set: IpSet<T>,
    values: Vec<T::Value>,
    /// The options as they were given, for as many entries as the last one that has any.
    options: Vec<EntryOptions>,
    /// For each entry the index of the given one that it comes from.
    origins: Vec<u32>,
    index: Index,
    /// The positions in the order in which the entries are added, if that matters.
    order: Option<Vec<u32>>,
    duplicates: Duplicates,
    /// How many entries fit, and whether others are left out.
    most: usize,
    cuts: bool,
    left_out: u64,
    given: u32,
}

impl<T: SetType> Wanted<T> {
    /// Collects as many entries as fit. More are an error, or are left out, as the policy says.
    pub(in crate::ipset) fn collect<E: Into<Entry<T>>>(
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<Self> {
        let (most, cuts) = room(set, policy);
        let entries = entries.into_iter();
        let most = most.min(Index::MOST);
        let about = entries.size_hint().0.min(most);
        let mut wanted = Self {
            set: set.clone(),
            values: Vec::with_capacity(about),
            options: Vec::new(),
            origins: Vec::with_capacity(about),
            index: Index::for_about(about),
            order: set.definition().has_members().then(Vec::new),
            duplicates: policy.duplicates(),
            most,
            cuts,
            left_out: 0,
            given: 0,
        };
        for entry in entries {
            wanted.insert(entry.into())?;
        }
        Ok(wanted)
    }

    fn insert(&mut self, entry: Entry<T>) -> Result<()> {
        let (mut value, mut options) = entry.into_parts();
        let neighbor = value.member_mut().and_then(|it| it.place().copied());
        options.drop_empty();
        for single in self.set.singles(value) {
            let hash = self.hash(&single);
            match self.position(hash, &single) {
                Some(position) => self.repeat(position, single, options.clone())?,
                None if self.values.len() < self.most => {
                    let neighbor = neighbor.as_ref();
                    self.append(hash, single, options.clone(), neighbor)?;
                }
                None if self.cuts => self.left_out += 1,
                None => return Err(self.too_many()),
            }
        }
        self.given = self.given.saturating_add(1);
        Ok(())
    }

    fn append(
        &mut self,
        hash: u32,
        value: T::Value,
        options: EntryOptions,
        neighbor: Option<&Neighbor>,
    ) -> Result<()> {
        let position = self.values.len() as u32;
        if let Some(mut order) = self.order.take() {
            let place = self.place(&order, neighbor)?;
            order.insert(place, position);
            self.order = Some(order);
        }
        self.values.push(value);
        self.origins.push(self.given);
        self.set_options(position, options);
        self.index.insert(hash, position);
        Ok(())
    }

    /// Handles an entry that is wanted already.
    fn repeat(&mut self, position: u32, value: T::Value, options: EntryOptions) -> Result<()> {
        let place = position as usize;
        if self.duplicates == Duplicates::Refuse && self.origins[place] != self.given {
            let (first, second) = (self.origins[place], self.given);
            let why = format!("the entries of index {first} and {second} are the same");
            let object = Entry::<T>::from_parts(value, options).in_set(self.set.name());
            return Err(Error::refused(PLAN, why).object(object));
        }
        self.values[place] = value;
        self.origins[place] = self.given;
        self.set_options(position, options);
        Ok(())
    }

    /// Returns the place in a list where a member is added.
    fn place(&self, order: &[u32], neighbor: Option<&Neighbor>) -> Result<usize> {
        let (name, behind) = match neighbor {
            None => return Ok(order.len()),
            Some(Neighbor::Before(name)) => (name, 0),
            Some(Neighbor::After(name)) => (name, 1),
        };
        let is_it = |position: &u32| {
            let mut value = self.values[*position as usize].clone();
            value.member_mut().is_some_and(|it| it.name() == name)
        };
        match order.iter().position(is_it) {
            Some(place) => Ok(place + behind),
            None => {
                let why = format!("{name}, next to which a member is wanted, is not wanted before");
                Err(Error::refused(PLAN, why).object(self.set.name()))
            }
        }
    }

    fn set_options(&mut self, position: u32, options: EntryOptions) {
        let place = position as usize;
        if let Some(there) = self.options.get_mut(place) {
            *there = options;
        } else if options != EntryOptions::default() {
            if self.options.is_empty() {
                self.options.reserve(self.values.capacity());
            }
            self.options.resize_with(place, EntryOptions::default);
            self.options.push(options);
        }
    }

    fn too_many(&self) -> Error {
        let most = self.most;
        let why = format!("more than {most} entries are wanted, which is all that fit (maxelem)");
        Error::refused(PLAN, why).object(self.set.name())
    }

    fn hash(&self, value: &T::Value) -> u32 {
        let dimensions = self.set.definition().dimensions;
        self.index
            .hash(|hasher| value.hash_entry(dimensions, hasher))
    }

    fn position(&self, hash: u32, value: &T::Value) -> Option<u32> {
        let dimensions = self.set.definition().dimensions;
        let is_it = |it: u32| self.values[it as usize].is_same_entry(value, dimensions);
        self.index.find(hash, is_it)
    }

    /// Returns the position of the wanted entry that is the same as one in the set.
    #[inline]
    pub(super) fn find(&self, value: &T::Value) -> Option<u32> {
        self.position(self.hash(value), value)
    }

    pub(in crate::ipset) fn set(&self) -> &IpSet<T> {
        &self.set
    }

    pub(super) fn set_mut(&mut self) -> &mut IpSet<T> {
        &mut self.set
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn value(&self, position: u32) -> &T::Value {
        &self.values[position as usize]
    }

    pub(super) fn set_value(&mut self, position: u32, value: T::Value) {
        self.values[position as usize] = value;
    }

    /// Returns the options as they were given, or `None` if there are none.
    pub(super) fn options(&self, position: u32) -> Option<&EntryOptions> {
        self.options.get(position as usize)
    }

    /// Returns the index of the given entry that a wanted one comes from.
    pub(super) fn origin(&self, position: u32) -> u32 {
        self.origins[position as usize]
    }

    /// Sets the order in which the entries are added.
    pub(super) fn set_order(&mut self, order: Vec<u32>) {
        self.order = Some(order);
    }

    /// Returns the positions in the order in which the entries are added, if it is not that of the
    /// positions.
    pub(super) fn order(&self) -> Option<&[u32]> {
        self.order.as_deref()
    }
}
