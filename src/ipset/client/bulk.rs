//! Adding and removing many entries.

use std::ops::Range;

use nix::libc;

use super::put::{Aside, Tries};
use crate::error::Cause;
use crate::ipset::client::describe::is_dubious;
use crate::ipset::client::{Client, about, error, or_gone};
use crate::ipset::message::batch::{Batch, Culprit, Filled};
use crate::ipset::message::code::{self, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{Entry, IpSet, SetName, SetType};
use crate::netlink::{Connection, Failure, Transport, flag, message as netlink};
use crate::{Error, Result};

/// How many entries are added or removed.
///
/// Unless it says otherwise, adding is refused for entries that are there and removing for
/// those that are not, and the first refusal ends it.
///
/// ```no_run
/// use ipvset::ipset::{Bulk, HashIp, IpSet, IpSets};
/// use std::net::Ipv4Addr;
///
/// let mut sets = IpSets::connect()?;
/// let blocked = IpSet::<HashIp>::new("blocked")?;
/// let addresses = (1..100_000).map(Ipv4Addr::from_bits);
/// let outcome = sets.add_all_with(&blocked, addresses, Bulk::new().keep_going());
/// for failure in outcome.failures() {
///     eprintln!("number {}: {}", failure.index, failure.error);
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Bulk {
    tolerant: bool,
    keep_going: bool,
}

impl Bulk {
    /// The first refusal ends it.
    pub fn new() -> Self {
        Self::default()
    }

    /// To add an entry that is there gives it the new options; to remove one that is not there
    /// is fine. See [`put`](crate::ipset::IpSets::put) and
    /// [`remove_if_present`](crate::ipset::IpSets::remove_if_present).
    ///
    /// In a set with counters, entries that are given none are looked up if they seem to be
    /// there, since new ones need zeros and the others must keep theirs. Entries that are all
    /// new take no longer for it, entries that are all there two to three times as long, and
    /// single addresses in a set of networks four to five times.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
        self.tolerant = true;
        self
    }

    pub(in crate::ipset) fn is_tolerant(self) -> bool {
        self.tolerant
    }

    pub(in crate::ipset) fn keeps_going(self) -> bool {
        self.keep_going
    }

    /// Goes on after an entry that is refused. What concerns all that follow ends it nonetheless:
    /// the set is full or gone, the connection is broken. (Of a `hash:net,iface` the kernel says
    /// that it is full when one network is; so that does not end it.)
    #[must_use]
    pub fn keep_going(mut self) -> Self {
        self.keep_going = true;
        self
    }
}

/// What became of each of many entries. Indices count the entries from 0, in the order in which
/// they were given.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T: SetType> {
    pub(in crate::ipset) applied: u64,
    failures: Vec<FailedEntry<T>>,
    pub(in crate::ipset) stopped: Option<Error>,
    pub(in crate::ipset) in_doubt: Range<u64>,
    pub(in crate::ipset) untried: Option<u64>,
}

/// An entry that was refused.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedEntry<T: SetType> {
    /// Its index among those that were given, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry<T>,
    /// Why.
    pub error: Error,
}

impl<T: SetType> Outcome<T> {
    pub(in crate::ipset) fn new() -> Self {
        Self {
            applied: 0,
            failures: Vec::new(),
            stopped: None,
            in_doubt: 0..0,
            untried: None,
        }
    }

    fn errors(&mut self) -> impl Iterator<Item = &mut Error> {
        let failures = self.failures.iter_mut().map(|failed| &mut failed.error);
        failures.chain(&mut self.stopped)
    }

    /// Says why the kernel refused what seems all right.
    fn explain(&mut self, why: &str) {
        for error in self.errors().filter(|error| is_dubious(error)) {
            error.set_reason(why.to_owned());
        }
    }

    /// How many entries were added or removed for certain.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The entries that were refused, in order. Of a range, the part before the address that was
    /// refused is applied; otherwise nothing is.
    pub fn failures(&self) -> &[FailedEntry<T>] {
        &self.failures
    }

    /// What ended it before all entries were tried, if that is no single entry's failure: the set
    /// is gone, the connection is broken.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// The entries of which nobody knows whether they were applied: the kernel's answer got lost,
    /// or it had no memory to say which entry it refused (`ENOMEM`).
    pub fn in_doubt(&self) -> Range<u64> {
        self.in_doubt.clone()
    }

    /// From this index on nothing was tried; `None` if everything was.
    pub fn untried_from(&self) -> Option<u64> {
        self.untried
    }

    /// Whether every entry was applied.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.stopped.is_none()
    }

    /// The number of entries, if every one was applied, else the first error.
    ///
    /// # Errors
    /// That of the first entry that failed, or what ended it.
    pub fn into_result(self) -> Result<u64> {
        let first = self.failures.into_iter().next().map(|failed| failed.error);
        match first.or(self.stopped) {
            Some(error) => Err(error),
            None => Ok(self.applied),
        }
    }
}

/// Entries that a message has at least after one was refused.
pub(in crate::ipset) const LEAST_WINDOW: usize = 32;

impl<T: Transport> Client<T> {
    /// Adds or removes all entries.
    pub(crate) async fn bulk<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        purpose: Purpose,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<K> {
        self.bulk_as(purpose, set, set.name(), entries, how).await
    }

    /// The same, where errors name another set than the one that takes the entries.
    pub(in crate::ipset) async fn bulk_as<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        purpose: Purpose,
        set: &IpSet<K>,
        shown: &SetName,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<K> {
        let limit = self.connection.send_limit();
        let tries = Tries::of(set, purpose, how);
        let purpose = tries.purpose;
        let batch = Batch::new(set, purpose, tries.exclusive, self.protocol, limit);
        let mut run = Run {
            connection: &mut self.connection,
            aside: tries.twice.then(|| Aside::new(&batch, self.protocol)),
            batch,
            set,
            shown,
            purpose,
            how,
            outcome: Outcome::new(),
        };
        let mut entries = entries.into_iter();
        let mut index = 0;
        loop {
            let filled = run.batch.fill(set, purpose, &mut index, &mut entries);
            let end = matches!(filled, Filled::End);
            let refused = match filled {
                Filled::Refused(index, entry, refusal) => {
                    Some((index, entry, Cause::Refused(refusal.0)))
                }
                _ => None,
            };
            // An entry that is refused here is nobody's reason to send what is before it, unless
            // it is the last that is to be tried.
            let send = refused.is_none() || !how.keep_going;
            if send && !run.batch.is_empty() && run.deliver().await.is_err() {
                break;
            }
            if let Some((index, entry, cause)) = refused {
                run.failed(index, entry, cause);
                if !how.keep_going {
                    run.outcome.untried = Some(index + 1);
                    break;
                }
            }
            if end {
                break;
            }
        }
        // What was refused here may stand before what the kernel refused of earlier entries.
        let mut outcome = run.outcome;
        outcome.failures.sort_by_key(|failed| failed.index);
        if let Some(untried) = outcome.untried {
            outcome.failures.retain(|failed| failed.index < untried);
        }
        if outcome.errors().any(|error| is_dubious(error)) {
            if let Ok(Some(why)) = self.misdescribed(set).await {
                outcome.explain(&why);
            }
        }
        outcome
    }
}

/// That nothing more is to be sent; the outcome says why.
pub(in crate::ipset) struct Stop;

/// A bulk operation under way.
pub(in crate::ipset) struct Run<'a, T, K: SetType> {
    pub(in crate::ipset) connection: &'a mut Connection<T>,
    pub(in crate::ipset) batch: Batch,
    /// What entries need that are tried twice.
    pub(in crate::ipset) aside: Option<Aside>,
    pub(in crate::ipset) set: &'a IpSet<K>,
    shown: &'a SetName,
    purpose: Purpose,
    pub(in crate::ipset) how: Bulk,
    pub(in crate::ipset) outcome: Outcome<K>,
}

impl<T: Transport, K: SetType> Run<'_, T, K> {
    async fn deliver(&mut self) -> Result<(), Stop> {
        match self.aside.take() {
            Some(aside) => self.put(aside).await,
            None => self.send().await,
        }
    }

    /// Sends the batch, and empties it.
    pub(in crate::ipset) async fn send(&mut self) -> Result<(), Stop> {
        let entries = self.batch.entries();
        let mut at = entries.start;
        let (mut end, mut count) = (entries.end, self.batch.count());
        while at < entries.end {
            let message = self.batch.message(at..end);
            match self.connection.send_ready(message).await {
                Ok(()) => {
                    self.outcome.applied += count as u64;
                    at = end;
                    (end, count) = self.batch.window(at, count.saturating_mul(2));
                }
                Err(failure) => {
                    let culprit = self.refused(at..end, count, failure).await?;
                    at = culprit.place.end;
                    // The kernel echoes the whole message with each refusal: where many are
                    // refused, small ones are faster.
                    let window = (culprit.before * 2).max(LEAST_WINDOW);
                    (end, count) = self.batch.window(at, window);
                }
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// Says what a failed message did. If it makes sense to go on: which entry was refused.
    pub(in crate::ipset) async fn refused(
        &mut self,
        entries: Range<usize>,
        count: usize,
        failure: Failure,
    ) -> Result<Culprit, Stop> {
        let Failure::Rejected(rejection) = failure else {
            return Err(self.broken(self.batch.indices(entries), failure));
        };
        let culprit = match self.batch.culprit(entries.start, &rejection) {
            Some(culprit) => culprit,
            None if rejection.code == code::MALFORMED => self.search(entries, count).await?,
            // It had no memory to say which entry it refused, or for the message as a whole.
            None if rejection.code == libc::ENOMEM => {
                let indices = self.batch.indices(entries);
                return Err(self.broken(indices, Failure::Rejected(rejection)));
            }
            // The set is gone, say: the kernel looks for that before it looks at an entry.
            None => {
                self.outcome.untried = Some(self.batch.index(entries.start));
                let failure = or_gone(self.connection, Failure::Rejected(rejection)).await;
                return Err(self.stop(failure));
            }
        };
        self.outcome.applied += culprit.before as u64;
        let full = code::is_of_full_set(about(self.set), rejection.code);
        let cause = self.cause(Failure::Rejected(rejection));
        let kind = self.set.kind();
        if let Some(entry) = self.batch.read(kind, culprit.place.clone()) {
            self.failed(culprit.index, entry, cause);
        }
        if full || !self.how.keep_going {
            self.outcome.untried = Some(culprit.index + 1);
            return Err(Stop);
        }
        Ok(culprit)
    }

    /// Finds the entry that the kernel could not make out: of such a one it does not tell the
    /// line. Those before it were applied and those behind it not, so halves are sent again,
    /// and what is there already is fine: never is anything applied that stands behind it.
    async fn search(&mut self, entries: Range<usize>, count: usize) -> Result<Culprit, Stop> {
        let all = self.batch.indices(entries.clone());
        let (mut place, mut left, mut before) = (entries, count, 0);
        while left > 1 {
            let (middle, half) = self.batch.window(place.start, left / 2);
            let message = self.batch.message(place.start..middle);
            let again = netlink::without_flag(message, flag::EXCL);
            match self.connection.send_ready(again).await {
                Ok(()) => {
                    place.start = middle;
                    left -= half;
                    before += half;
                }
                Err(Failure::Rejected(rejection)) if rejection.code == code::MALFORMED => {
                    place.end = middle;
                    left = half;
                }
                Err(failure) => return Err(self.broken(all, failure)),
            }
        }
        Ok(Culprit {
            index: self.batch.index(place.start),
            before,
            place,
        })
    }

    /// What became of these entries is unknown.
    pub(in crate::ipset) fn broken(&mut self, entries: Range<u64>, failure: Failure) -> Stop {
        self.outcome.untried = Some(entries.end);
        self.outcome.in_doubt = entries;
        self.stop(failure)
    }

    pub(in crate::ipset) fn stop(&mut self, failure: Failure) -> Stop {
        let command = self.command();
        let error = error(command, about(self.set), failure);
        self.outcome.stopped = Some(error.during(self.operation()).object(self.shown));
        Stop
    }

    pub(in crate::ipset) fn failed(&mut self, index: u64, entry: Entry<K>, cause: Cause) {
        let error = Error::new(self.command().operation(), cause);
        self.failed_for(index, entry, error);
    }

    pub(in crate::ipset) fn failed_for(&mut self, index: u64, entry: Entry<K>, error: Error) {
        let object = format!("{} (index {index})", entry.in_set(self.shown));
        let error = error.object(object);
        self.outcome.failures.push(FailedEntry {
            index,
            entry,
            error,
        });
    }

    fn cause(&self, failure: Failure) -> Cause {
        let (command, about) = (self.command(), about(self.set));
        Cause::from_failure(failure, |code| code::interpret(command, about, code))
    }

    fn command(&self) -> Command {
        self.purpose.into()
    }

    fn operation(&self) -> &'static str {
        match self.purpose {
            Purpose::Remove => "remove entries from set",
            _ => "add entries to set",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipset::HashIp;
    use crate::ipset::client::claim::Claim;
    use crate::netlink::ready;
    use crate::netlink::scripted::Scripted;

    /// The kernel applies entries, meets one that it refuses, and has no memory to say which.
    #[test]
    fn a_refusal_without_memory_leaves_doubt() {
        let add = Command::Add.message();
        let transport = Scripted::new(move |request| {
            let answer = if request.header.kind == add {
                request.error(libc::ENOMEM)
            } else {
                // nfgenmsg, and the protocol's version.
                request.data(0, &[2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0])
            };
            vec![answer]
        });
        let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
        let set = IpSet::<HashIp>::new("web").unwrap();
        let entries = (1..=9).map(Ipv4Addr::from_bits);
        let how = Bulk::new().keep_going();
        let outcome = ready(client.bulk(Purpose::Add, &set, entries, how));
        assert_eq!(outcome.in_doubt(), 0..9);
        assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(9)));
        let stopped = outcome.stopped().unwrap();
        assert_eq!(stopped.errno(), Some(libc::ENOMEM), "{stopped}");
    }
}
