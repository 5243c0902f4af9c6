//! The wanted entries, each once and as the set stores it.

use std::borrow::Cow;
use std::hint::black_box;
use std::mem::needs_drop;

use super::index::{Index, TOGETHER};
use super::policy::{Duplicates, Policy};
use super::way::{PLAN, room};
use crate::ipset::message::encode::{Encoder, Purpose, Refusal};
use crate::ipset::model::element::Masks;
use crate::ipset::model::stored::Singles;
use crate::ipset::model::types::Takes;
use crate::ipset::model::value::Elements;
use crate::ipset::{Entry, EntryOptions, IpSet, Neighbor, SetType};
use crate::wire::{ROOM, Writer};
use crate::{Error, Result};

/// How many entries of each range are looked up once the set is full, since they may be wanted
/// already. The others are only counted, so that a range takes a few milliseconds.
const LOOKED_UP: u32 = 1 << 16;

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
    refused: Vec<Refused<T>>,
    index: Index,
    /// The positions in the order in which the entries are added, if that matters.
    order: Option<Vec<u32>>,
    duplicates: Duplicates,
    /// How many entries fit, and whether others are left out.
    most: usize,
    cuts: bool,
    left_out: u64,
}

/// A given entry whose elements no set of the type and range has. It has no place among the others
/// and needs no room.
#[derive(Debug, Clone)]
struct Refused<T: SetType> {
    entry: Entry<T>,
    origin: u32,
    why: Cow<'static, str>,
}

/// An entry that is to be entered.
struct Single<V> {
    value: V,
    options: EntryOptions,
    neighbor: Option<Neighbor>,
    origin: u32,
}

impl<V> Single<V> {
    #[inline]
    fn new(value: V, options: EntryOptions, neighbor: Option<Neighbor>, origin: u32) -> Self {
        Self {
            value,
            options,
            neighbor,
            origin,
        }
    }
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
            refused: Vec::new(),
            index: Index::for_about(about),
            order: set.definition().has_members().then(Vec::new),
            duplicates: policy.duplicates(),
            most,
            cuts,
            left_out: 0,
        };
        let (definition, masks) = (set.definition(), Masks::of(set.definition(), set.options()));
        let dimensions = definition.dimensions;
        let mut waiting = Vec::with_capacity(TOGETHER);
        let mut hashes = Vec::with_capacity(TOGETHER);
        let mut scratch = Writer::default();
        for (origin, entry) in entries.enumerate() {
            let origin = u32::try_from(origin).unwrap_or(u32::MAX);
            let (mut value, mut options) = entry.into().into_parts();
            if let Some(why) = refusal(set, &value, &mut scratch) {
                let entry = Entry::from_parts(value, options);
                wanted.refused.push(Refused { entry, origin, why });
                continue;
            }
            let neighbor = value.member_mut().and_then(|it| it.place().copied());
            options.drop_empty();
            let others = Singles::behind(&mut value, dimensions, &masks);
            let last = others.is_none();
            let first_options = if last {
                std::mem::take(&mut options)
            } else {
                options.clone()
            };
            let first = Single::new(value, first_options, neighbor, origin);
            wanted.push(first, &mut hashes, &mut waiting)?;
            let Some(mut others) = others else {
                continue;
            };
            let mut looked_up = 0;
            while let Some(value) = others.next() {
                let single = Single::new(value, options.clone(), neighbor, origin);
                wanted.push(single, &mut hashes, &mut waiting)?;
                looked_up += u32::from(wanted.is_cut());
                if looked_up == LOOKED_UP {
                    wanted.left_out = wanted.left_out.saturating_add(others.remaining());
                    break;
                }
            }
        }
        wanted.insert(&mut hashes, &mut waiting)?;
        Ok(wanted)
    }

    /// Returns true if further entries are left out.
    fn is_cut(&self) -> bool {
        self.cuts && self.values.len() >= self.most
    }

    /// Enters an entry, together with others that wait for it.
    #[inline]
    fn push(
        &mut self,
        single: Single<T::Value>,
        hashes: &mut Vec<u32>,
        waiting: &mut Vec<Single<T::Value>>,
    ) -> Result<()> {
        hashes.push(self.hash(&single.value));
        waiting.push(single);
        match waiting.len() {
            TOGETHER => self.insert(hashes, waiting),
            _ => Ok(()),
        }
    }

    /// Enters entries with their hashes.
    fn insert(&mut self, hashes: &mut Vec<u32>, singles: &mut Vec<Single<T::Value>>) -> Result<()> {
        black_box(self.index.load(hashes));
        for (hash, single) in hashes.drain(..).zip(singles.drain(..)) {
            match self.position(hash, &single.value) {
                Some(position) => self.repeat(position, single)?,
                None if self.values.len() < self.most => self.append(hash, single)?,
                None if self.cuts => self.left_out = self.left_out.saturating_add(1),
                None => return Err(self.too_many()),
            }
        }
        Ok(())
    }

    fn append(&mut self, hash: u32, single: Single<T::Value>) -> Result<()> {
        let position = self.values.len() as u32;
        if let Some(mut order) = self.order.take() {
            let place = self.place(&order, single.neighbor.as_ref())?;
            order.insert(place, position);
            self.order = Some(order);
        }
        self.values.push(single.value);
        self.origins.push(single.origin);
        self.set_options(position, single.options);
        self.index.insert(hash, position);
        Ok(())
    }

    /// Handles an entry that is wanted already.
    fn repeat(&mut self, position: u32, single: Single<T::Value>) -> Result<()> {
        let place = position as usize;
        let Single {
            value,
            options,
            origin,
            ..
        } = single;
        if self.duplicates == Duplicates::Refuse && self.origins[place] != origin {
            let (first, second) = (self.origins[place], origin);
            let why = format!("the entries of index {first} and {second} are the same");
            let object = Entry::<T>::from_parts(value, options).in_set(self.set.name());
            return Err(Error::refused(PLAN, why).object(object));
        }
        self.values[place] = value;
        self.origins[place] = origin;
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

    /// Finds the positions of the wanted entries that are the same as some in the set.
    pub(super) fn find(&self, entries: &[Entry<T>], found: &mut Vec<Option<u32>>) {
        let mut hashes = [0; TOGETHER];
        for entries in entries.chunks(TOGETHER) {
            let hashes = &mut hashes[..entries.len()];
            for (hash, entry) in hashes.iter_mut().zip(entries) {
                *hash = self.hash(entry.value());
            }
            self.load(&self.index.load(hashes));
            let hashed = hashes.iter().zip(entries);
            found.extend(hashed.map(|(hash, entry)| self.position(*hash, entry.value())));
        }
    }

    /// Loads the entries at these positions into the processor's caches, as [`Index::load`] does.
    fn load(&self, positions: &[u32]) {
        // A value on the heap would have to be copied to be read.
        if !needs_drop::<T::Value>() {
            for position in positions {
                black_box(self.values.get(*position as usize).cloned());
            }
        }
        if !self.options.is_empty() {
            let bytes = positions.iter().map(|position| {
                let options = self.options.get(*position as usize);
                let comment = options.and_then(EntryOptions::comment_bytes);
                comment.and_then(<[u8]>::first).copied().unwrap_or_default()
            });
            black_box(bytes.fold(0, |all, it| all ^ it));
        }
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
        match self.refused_at(position) {
            Some(refused) => refused.origin,
            None => self.origins[position as usize],
        }
    }

    /// Returns the entries that were refused as they were given, with the reasons. Their positions
    /// are those behind the other entries.
    pub(super) fn refused(&self) -> impl Iterator<Item = (u32, &Entry<T>, &Cow<'static, str>)> {
        let positions = self.count() as u32..;
        let refused = positions.zip(&self.refused);
        refused.map(|(position, it)| (position, &it.entry, &it.why))
    }

    /// Returns the entry at a position if it is one that was [`refused`](Self::refused).
    pub(super) fn refused_entry(&self, position: u32) -> Option<&Entry<T>> {
        self.refused_at(position).map(|refused| &refused.entry)
    }

    fn refused_at(&self, position: u32) -> Option<&Refused<T>> {
        let place = (position as usize).checked_sub(self.count())?;
        self.refused.get(place)
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

/// Writes the elements of an entry. `scratch` is overwritten.
#[inline(always)]
fn write<T: SetType>(
    set: &IpSet<T>,
    value: &T::Value,
    purpose: Purpose,
    scratch: &mut Writer,
) -> Result<(), Refusal> {
    scratch.truncate(0);
    scratch.tail(ROOM, |tail| {
        tail.append(|room| {
            let mut encoder = Encoder::new(room, set.family(), purpose);
            value.encode(set.definition().dimensions, &mut encoder)?;
            Ok(encoder.finish())
        })
    })
}

/// Returns why no set of these options can have any of the entries that these elements stand for.
#[inline(always)]
fn refusal<T: SetType>(
    set: &IpSet<T>,
    value: &T::Value,
    scratch: &mut Writer,
) -> Option<Cow<'static, str>> {
    match write(set, value, Purpose::Add, scratch) {
        Err(Refusal(why)) if is_in_no_set(set, value, scratch) => Some(why),
        _ => is_outside(set, value).then(|| outside(set)),
    }
}

/// Returns true if some of it is outside of the range of a bitmap, which takes none of it then.
#[inline(always)]
fn is_outside<T: SetType>(set: &IpSet<T>, value: &T::Value) -> bool {
    let range = set.options().range;
    set.definition().options.intersects(Takes::RANGE)
        && !range.is_some_and(|range| value.is_within(&range))
}

#[cold]
fn outside<T: SetType>(set: &IpSet<T>) -> Cow<'static, str> {
    match set.options().range {
        Some(range) => format!("it is not within the set's range {range}").into(),
        None => "the set has no range".into(),
    }
}

/// Returns true if a set can have none of the entries that these elements stand for.
///
/// A range may only be refused because of its first address, or because the kernel would walk it
/// badly. Its entries are added one by one. A single entry that cannot be added may be in the set,
/// where another program put it.
#[cold]
fn is_in_no_set<T: SetType>(set: &IpSet<T>, value: &T::Value, scratch: &mut Writer) -> bool {
    let last = value.last(set.definition().dimensions);
    let purpose = match last == *value {
        true => Purpose::Remove,
        false => Purpose::Add,
    };
    write(set, &last, purpose, scratch).is_err()
}
