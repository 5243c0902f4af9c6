use std::borrow::Cow;
use std::fmt;

use super::counts::Counts;
use super::difference::{Difference, Fate};
use super::interfaces;
use super::policy::Policy;
use super::wanted::Wanted;
use super::way::{PLAN, Way, choose, described, keep_options, maxelem};
use crate::ipset::message::encode::Purpose;
use crate::ipset::model::value::Elements;
use crate::ipset::{Entry, IpSet, Neighbor, Revision, SetInfo, SetName, SetType};
use crate::wire::Writer;
use crate::{Error, Result};

/// What brings a set to the wanted entries.
///
/// It is calculated from what is wanted and what is there, without asking the kernel.
/// [`Display`](fmt::Display) writes it as the lines that `ipset restore` would take, and
/// [`summary`](Self::summary) in one line.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use ipvset::ipset::plan::{Policy, SetPlan};
/// use ipvset::ipset::types::HashIp;
/// use ipvset::ipset::IpSet;
///
/// let set = IpSet::<HashIp>::new("blocked")?;
/// let wanted = [Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(192, 0, 2, 9)];
/// let plan = SetPlan::to_create(&set, wanted, &Policy::new())?;
/// assert_eq!(plan.summary().to_string(), "blocked: 2 added, created");
/// assert_eq!(
///     plan.to_string(),
///     "create blocked hash:ip family inet\n\
///      add blocked 192.0.2.7\n\
///      add blocked 192.0.2.9\n"
/// );
/// # Ok::<(), ipvset::Error>(())
/// ```
#[must_use = "a plan does nothing until it is applied"]
pub struct SetPlan<T: SetType> {
    way: Way,
    difference: Difference<T>,
    refused: Vec<(u32, Error)>,
    /// The revision of the set that exists.
    revision: Option<u8>,
    /// The members that are added to a list.
    members: Option<Vec<(u32, Option<Neighbor>)>>,
}

/// A plan in the making: the wanted entries, which are compared with those that are there.
#[derive(Debug)]
pub(in crate::ipset) struct Planning<T: SetType> {
    policy: Policy,
    way: Way,
    difference: Difference<T>,
    revision: Option<u8>,
}

impl<T: SetType> Planning<T> {
    /// Begins a plan for a set that exists as `there`, or does not exist.
    pub(in crate::ipset) fn begin(
        mut wanted: Wanted<T>,
        there: Option<&SetInfo>,
        policy: &Policy,
    ) -> Result<Self> {
        let count = wanted.count();
        if let Some(there) = there {
            keep_options(wanted.set_mut(), there, count, policy)?;
        }
        let way = choose(wanted.set_mut(), there, count, policy)?;
        wanted
            .set()
            .validate()
            .map_err(|error| error.during(PLAN))?;
        let rewrites = way.starts_empty() || policy.is_at_once();
        Ok(Self {
            policy: policy.clone(),
            difference: Difference::new(wanted, policy, rewrites),
            way,
            revision: there.map(|there| there.revision),
        })
    }

    /// Sees an entry that is in the set.
    #[inline]
    pub(in crate::ipset) fn see(&mut self, entry: Entry<T>) {
        self.difference.see(entry);
    }

    /// Returns true if the entries in the set matter.
    pub(in crate::ipset) fn compares(&self) -> bool {
        matches!(self.way, Way::InPlace | Way::SecondSet { .. })
    }

    pub(in crate::ipset) fn finish(mut self) -> SetPlan<T> {
        self.difference.compare_seen();
        let mut plan = SetPlan {
            way: self.way,
            difference: self.difference,
            refused: Vec::new(),
            revision: self.revision,
            members: None,
        };
        let definition = plan.set().definition();
        if definition.has_members() {
            plan.difference.order_members();
        }
        plan.refuse();
        if definition.has_interface() {
            plan.refuse_contradictions();
        }
        plan.sort_refused();
        let counts = plan.counts();
        let second = |why: &'static str| Way::SecondSet { why: why.into() };
        if plan.way == Way::InPlace && !counts.is_unchanged() {
            let moves = counts.added + counts.removed + counts.changed > 0;
            if plan.difference.has_hidden() {
                plan.way =
                    second("the set contains addresses that its mask does not leave as they are");
            } else if definition.has_interface() && interfaces::are_hidden(&plan.difference) {
                plan.way = second("an interface with a wildcard hides others");
            } else if self.policy.is_at_once() && moves {
                plan.way = second("all at once");
            }
        }
        if definition.has_interface() {
            if let Some(order) = interfaces::order(&plan.difference) {
                plan.difference.wanted_mut().set_order(order);
            }
        }
        if definition.has_members() {
            plan.members = Some(plan.place_members());
        }
        plan
    }
}

impl<T: SetType> SetPlan<T> {
    /// Compares the wanted entries of a set with the entries of the set that exists.
    ///
    /// `there` is what the kernel reports of the set, and `entries_there` are its entries, in any
    /// order, for a list in its order. The entries do not matter if the set is created anew.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput)
    /// - if the set exists with another type or family, unless the policy recreates it and nothing
    ///   refers to it,
    /// - if more entries are wanted than fit, and the policy does not say what to do then,
    /// - if an entry is wanted twice, and the policy refuses that,
    /// - if the set's options are invalid,
    /// - if a member of a list is wanted next to one that is not wanted before it.
    pub fn new<E: Into<Entry<T>>>(
        set: &IpSet<T>,
        wanted: impl IntoIterator<Item = E>,
        there: &SetInfo,
        entries_there: impl IntoIterator<Item = Entry<T>>,
        policy: &Policy,
    ) -> Result<Self> {
        let set = described(set, there, policy);
        let wanted = Wanted::collect(&set, wanted, policy)?;
        let mut planning = Planning::begin(wanted, Some(there), policy)?;
        if planning.compares() {
            for entry in entries_there {
                planning.see(entry);
            }
        }
        Ok(planning.finish())
    }

    /// Plans a set that does not exist.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn to_create<E: Into<Entry<T>>>(
        set: &IpSet<T>,
        wanted: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<Self> {
        let wanted = Wanted::collect(set, wanted, policy)?;
        Ok(Planning::begin(wanted, None, policy)?.finish())
    }

    /// Finds the entries that no set of the type takes.
    ///
    /// Those whose elements no set has were found before. What is left are options, and addresses
    /// that the set's mask changes.
    fn refuse(&mut self) {
        let refused = self.difference.wanted().refused();
        self.refused = refused
            .map(|(position, entry, why)| (position, self.refusal(entry, why.clone())))
            .collect();
        let mut scratch = Writer::default();
        for position in 0..self.difference.wanted().count() as u32 {
            if matches!(self.difference.fate(position), Fate::Kept | Fate::Renewed) {
                continue;
            }
            scratch.truncate(0);
            let entry = self.difference.entry(position);
            if let Err(refusal) = entry.write(self.set(), Purpose::Add, &mut scratch) {
                self.refused
                    .push((position, self.refusal(&entry, refusal.0)));
                self.difference.decide(position, Fate::Refused);
            }
        }
    }

    /// Refuses interfaces of which the set can contain only one.
    fn refuse_contradictions(&mut self) {
        for (position, other) in interfaces::contradictions(&self.difference) {
            let entry = self.difference.entry(position);
            let other = self.difference.entry(other);
            let why = format!("a set cannot contain it together with {other}");
            self.refused.push((position, self.refusal(&entry, why)));
            self.difference.give_up(position);
        }
    }

    fn refusal(&self, entry: &Entry<T>, why: impl Into<Cow<'static, str>>) -> Error {
        Error::refused("add entry", why).object(entry.in_set(self.set().name()))
    }

    /// Sorts the refused entries by their indices, and drops all but the first of a range.
    fn sort_refused(&mut self) {
        let mut refused = std::mem::take(&mut self.refused);
        refused.sort_by_key(|(position, _)| self.origin(*position));
        refused.dedup_by_key(|(position, _)| self.origin(*position));
        self.refused = refused;
    }

    /// Returns the set with the options that it will have.
    pub fn set(&self) -> &IpSet<T> {
        self.difference.wanted().set()
    }

    /// Returns how the set becomes the wanted one.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Returns true if nothing is to be done.
    ///
    /// Entries that are refused or left out do not count.
    pub fn is_empty(&self) -> bool {
        self.way == Way::InPlace && self.counts().is_unchanged()
    }

    /// Returns how many entries are to be added, removed, changed and renewed, and how many stay.
    pub fn counts(&self) -> Counts {
        let count = |fate| self.difference.count(fate);
        Counts {
            added: count(Fate::Added),
            removed: self.difference.removed_count(),
            changed: count(Fate::Changed) + count(Fate::Moved),
            renewed: count(Fate::Renewed),
            kept: count(Fate::Kept),
            left_out: self.difference.wanted().left_out(),
        }
    }

    /// Returns the wanted entries that no set of the type takes, in their order: the index of the
    /// entry among the wanted ones, and the error.
    ///
    /// An entry whose elements no set of the type has, such as an address of the other family or
    /// one outside of a bitmap's range, needs no room in the set. One that is refused because of its
    /// options is counted like the others, since it stays if it is in the set.
    pub fn refused(&self) -> impl Iterator<Item = (usize, &Error)> {
        let refused = self.refused.iter();
        refused.map(|(position, error)| (self.origin(*position), error))
    }

    /// Returns the entries that are to be added, as the set stores them.
    ///
    /// Members of a list come with the place where they are added. Those that are in another place
    /// are among them, and among the [`removals`](Self::removals).
    pub fn additions(&self) -> impl Iterator<Item = Entry<T>> {
        let added = self.placed_positions();
        added.map(|(position, neighbor)| {
            let entry = self.difference.rewritten(position);
            match neighbor {
                Some(_) => placed(entry, neighbor),
                None => entry,
            }
        })
    }

    /// Returns the entries whose options are to be changed, or whose timeouts are to be renewed.
    /// They have no counters, which the kernel keeps.
    pub fn updates(&self) -> impl Iterator<Item = Entry<T>> {
        self.updated_positions()
            .map(|position| self.difference.update(position))
    }

    /// Returns the entries that are to be removed, without options.
    pub fn removals(&self) -> impl Iterator<Item = Entry<T>> {
        let moved = self.difference.positions(&[Fate::Moved]);
        let moved = moved.map(|position| self.difference.wanted().value(position));
        let values = self.difference.removed().chain(moved);
        values.map(|value| Entry::from_parts(value.clone(), Default::default()))
    }

    /// Returns all entries that the set will have, in the order in which a second set is filled.
    /// Those that stay bring along their counters and the times that they have left.
    pub fn content(&self) -> impl Iterator<Item = Entry<T>> {
        self.content_positions()
            .map(|position| self.difference.rewritten(position))
    }

    /// Returns the revision to create a second set with: that of the set that exists, if it can
    /// express the options.
    pub(in crate::ipset) fn revision(&self) -> Revision {
        let there = self
            .revision
            .filter(|it| *it >= self.set().lowest_revision());
        there.map_or(Revision::Lowest, Revision::Number)
    }

    /// Returns true if removals come before additions: if both together have no room, or if
    /// additions may meet what is to be removed.
    pub(in crate::ipset) fn removes_first(&self) -> bool {
        let counts = self.counts();
        let most = counts.kept + counts.changed + counts.renewed + counts.removed + counts.added;
        let definition = self.set().definition();
        definition.is_fickle() || most > maxelem(self.set())
    }

    /// Returns the wanted entries, to be compared again.
    pub(in crate::ipset) fn into_wanted(self) -> Wanted<T> {
        self.difference.into_wanted()
    }

    /// Counts a wanted entry that was written.
    pub(super) fn count(&self, counts: &mut Counts, position: u32) {
        let count = match self.difference.fate(position) {
            Fate::Added => &mut counts.added,
            Fate::Changed | Fate::Moved => &mut counts.changed,
            Fate::Renewed => &mut counts.renewed,
            Fate::Kept => &mut counts.kept,
            Fate::Refused => return,
        };
        *count += 1;
    }

    /// Returns a wanted entry as it was given.
    pub(super) fn given(&self, position: u32) -> Entry<T> {
        match self.difference.wanted().refused_entry(position) {
            Some(refused) => refused.clone(),
            None => self.difference.entry(position),
        }
    }

    /// Returns the errors of the entries that no set of the type takes, with their positions.
    pub(super) fn take_refused(&mut self) -> Vec<(u32, Error)> {
        std::mem::take(&mut self.refused)
    }

    pub(in crate::ipset) fn added_positions(&self) -> impl Iterator<Item = u32> {
        self.placed_positions().map(|(position, _)| position)
    }

    /// Returns the positions of the entries that are added, and for a list the member next to which
    /// each is added.
    fn placed_positions(&self) -> impl Iterator<Item = (u32, Option<Neighbor>)> {
        let members = self.members.iter().flatten().copied();
        let list = self.members.is_some();
        let all = self.difference.positions(&[Fate::Added, Fate::Moved]);
        let others = all.filter(move |_| !list).map(|position| (position, None));
        members.chain(others)
    }

    pub(in crate::ipset) fn updated_positions(&self) -> impl Iterator<Item = u32> {
        self.difference.positions(&[Fate::Changed, Fate::Renewed])
    }

    pub(in crate::ipset) fn content_positions(&self) -> impl Iterator<Item = u32> {
        use Fate::{Added, Changed, Kept, Moved, Renewed};
        self.difference
            .positions(&[Added, Changed, Kept, Moved, Renewed])
    }

    /// Returns the members that are added to a list, in an order in which each is added next to one
    /// that stays. So none depends on another.
    fn place_members(&self) -> Vec<(u32, Option<Neighbor>)> {
        let wanted = self.difference.wanted();
        let name = |position| {
            wanted
                .value(position)
                .clone()
                .member_mut()
                .map(|it| *it.name())
        };
        let mut placed = Vec::new();
        let mut stayed = None;
        let mut run = Vec::new();
        for position in self.content_positions() {
            if self.difference.fate(position).is_written_anew() {
                run.push(position);
                continue;
            }
            let stays = name(position);
            match stayed {
                None => placed.extend(run.drain(..).map(|it| (it, stays.map(Neighbor::Before)))),
                Some(_) => {
                    let neighbor = stayed.map(Neighbor::After);
                    placed.extend(run.drain(..).rev().map(|it| (it, neighbor)));
                }
            }
            stayed = stays;
        }
        let neighbor = stayed.map(Neighbor::After);
        match neighbor {
            Some(_) => placed.extend(run.drain(..).rev().map(|it| (it, neighbor))),
            None => placed.extend(run.drain(..).map(|it| (it, None))),
        }
        placed
    }

    /// Returns the index of the wanted entry that an entry comes from.
    pub(super) fn origin(&self, position: u32) -> usize {
        self.difference.wanted().origin(position) as usize
    }

    /// Returns the plan in one line, such as `blocked: 3 added, 96 kept, in place`.
    pub fn summary(&self) -> impl fmt::Display {
        struct Summary<'a>(&'a SetName, Counts, &'a Way);
        impl fmt::Display for Summary<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(name, counts, way) = self;
                write!(f, "{name}: {counts}, {way}")
            }
        }
        Summary(self.set().name(), self.counts(), &self.way)
    }
}

/// Returns the entry of a list with the place where it is added.
fn placed<T: SetType>(entry: Entry<T>, neighbor: Option<Neighbor>) -> Entry<T> {
    let (mut value, options) = entry.into_parts();
    if let Some(member) = value.member_mut() {
        *member = member.with_neighbor(neighbor);
    }
    Entry::from_parts(value, options)
}

impl<T: SetType> fmt::Display for SetPlan<T> {
    /// Writes the lines that `ipset restore` would take, each with its end.
    ///
    /// Names and comments that are not UTF-8, or that a line cannot represent, are written escaped.
    /// Only this crate refuses to read them: the tool takes the escaped text for the name or the
    /// comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.set().name();
        let second = SetName::new("ipvset-second").unwrap_or(*name);
        let filled = match self.way {
            Way::SecondSet { .. } | Way::Recreate { .. } => &second,
            Way::Create | Way::InPlace => name,
        };
        if self.way.starts_empty() {
            let set = self.set().with_name(*filled).map_err(|_| fmt::Error)?;
            writeln!(f, "create {set}")?;
            for entry in self.content() {
                writeln!(f, "add {filled} {entry}")?;
            }
        } else {
            for entry in self.removals() {
                writeln!(f, "del {name} {entry}")?;
            }
            for entry in self.updates() {
                writeln!(f, "add {name} {entry} -exist")?;
            }
            for entry in self.additions() {
                writeln!(f, "add {name} {entry}")?;
            }
        }
        match self.way {
            Way::SecondSet { .. } => {
                writeln!(f, "swap {filled} {name}")?;
                writeln!(f, "destroy {filled}")
            }
            Way::Recreate { .. } => {
                writeln!(f, "destroy {name}")?;
                writeln!(f, "rename {filled} {name}")
            }
            Way::Create | Way::InPlace => Ok(()),
        }
    }
}

impl<T: SetType> fmt::Debug for SetPlan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetPlan")
            .field("set", self.set())
            .field("way", &self.way)
            .field("counts", &self.counts())
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
