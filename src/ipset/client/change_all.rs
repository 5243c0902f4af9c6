//! Adds and removes many entries.

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
use crate::trace::Began;
use crate::{Error, FailedChange, OnFailure, Outcome};

/// What is done with each of many entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Adds it. It must not be in the set.
    Add,
    /// Adds it, or updates its options if it is in the set.
    Put,
    /// Updates its options. It is expected to be in the set, and keeps the counters that are not
    /// given.
    Update,
    /// Removes it. It must be in the set.
    Remove,
    /// Removes it if it is in the set.
    RemoveIfPresent,
}

impl Change {
    /// Returns true if the kernel refuses to add what is in the set and to remove what is not.
    pub(in crate::ipset) fn is_exclusive(self) -> bool {
        matches!(self, Self::Add | Self::Remove)
    }
}

/// The minimum number of entries in a message after one was refused.
pub(in crate::ipset) const LEAST_WINDOW: usize = 32;

impl<T: Transport> Client<T> {
    /// Adds or removes all entries.
    pub(crate) async fn change_all<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        change: Change,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<K>> {
        self.change_all_as(change, set, set.name(), entries, on_failure)
            .await
    }

    /// Does the same, but errors name the set `shown`.
    pub(in crate::ipset) async fn change_all_as<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        change: Change,
        set: &IpSet<K>,
        shown: &SetName,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<K>> {
        let began = Began::now();
        let limit = self.connection.send_limit();
        let tries = Tries::of(set, change);
        let purpose = tries.purpose;
        let batch = Batch::new(set, purpose, tries.exclusive, self.protocol, limit);
        let mut run = Run {
            connection: &mut self.connection,
            aside: tries.twice.then(|| Aside::new(&batch, self.protocol)),
            batch,
            set,
            shown,
            purpose,
            on_failure,
            broken: None,
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
            // A refused entry only makes it necessary to send the entries before it if it is the
            // last one that is tried.
            let send = refused.is_none() || on_failure == OnFailure::Stop;
            if send && !run.batch.is_empty() && run.deliver().await.is_err() {
                break;
            }
            if let Some((index, entry, cause)) = refused {
                run.failed(index, entry, cause);
                if on_failure == OnFailure::Stop {
                    run.outcome.untried_from = Some(index + 1);
                    break;
                }
            }
            if end {
                break;
            }
        }
        let operation = run.operation();
        // An entry refused here may be listed before earlier ones that the kernel refused.
        let mut outcome = run.outcome;
        outcome.failures.sort_by_key(|failed| failed.index);
        if let Some(untried) = outcome.untried_from {
            outcome.failures.retain(|failed| failed.index < untried);
        }
        if errors(&mut outcome).any(|error| is_dubious(error)) {
            if let Ok(Some(why)) = self.misdescribed(set).await {
                // A wrong description of the set may explain these.
                for error in errors(&mut outcome).filter(|error| is_dubious(error)) {
                    error.set_reason(why.clone());
                }
            }
        }
        began.changed(operation, Some(shown), &outcome);
        outcome
    }
}

/// Returns all errors of an outcome.
fn errors<I>(outcome: &mut Outcome<I>) -> impl Iterator<Item = &mut Error> {
    let failures = outcome.failures.iter_mut().map(|failed| &mut failed.error);
    failures.chain(&mut outcome.stopped)
}

/// Means that nothing more is to be sent. The outcome contains the reason.
pub(in crate::ipset) struct Stop;

/// A bulk operation in progress.
pub(in crate::ipset) struct Run<'a, T, K: SetType> {
    pub(in crate::ipset) connection: &'a mut Connection<T>,
    pub(in crate::ipset) batch: Batch,
    /// State for entries that are tried twice.
    pub(in crate::ipset) aside: Option<Aside>,
    pub(in crate::ipset) set: &'a IpSet<K>,
    shown: &'a SetName,
    purpose: Purpose,
    pub(in crate::ipset) on_failure: OnFailure,
    /// Why the connection is broken, or why the rest cannot be sent.
    pub(in crate::ipset) broken: Option<Failure>,
    pub(in crate::ipset) outcome: Outcome<Entry<K>>,
}

impl<T: Transport, K: SetType> Run<'_, T, K> {
    async fn deliver(&mut self) -> Result<(), Stop> {
        match self.aside.take() {
            Some(aside) => self.put(aside).await,
            None => self.send().await,
        }
    }

    /// Sends the batch and empties it.
    pub(in crate::ipset) async fn send(&mut self) -> Result<(), Stop> {
        let entries = self.batch.entries();
        let mut at = entries.start;
        let (mut end, mut count) = (entries.end, self.batch.count());
        while at < entries.end {
            let message = self.batch.message(at..end);
            match self.connection.send_ready(message).await {
                Ok(()) => {
                    self.outcome.applied += count;
                    at = end;
                    (end, count) = self.batch.window(at, count.saturating_mul(2));
                }
                Err(failure) => {
                    let culprit = self.refused(at..end, count, failure).await?;
                    at = culprit.place.end;
                    // The kernel echoes the whole message with each refusal, so small messages are
                    // faster if many entries are refused.
                    let window = (culprit.before * 2).max(LEAST_WINDOW);
                    (end, count) = self.batch.window(at, window);
                }
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// Records what a failed message did. Returns the refused entry if the operation can go on.
    pub(in crate::ipset) async fn refused(
        &mut self,
        entries: Range<usize>,
        count: usize,
        failure: Failure,
    ) -> Result<Culprit, Stop> {
        let Failure::Rejected(rejection) = failure else {
            return Err(self.broken(entries, failure));
        };
        let culprit = match self.batch.culprit(entries.start, &rejection) {
            Some(culprit) => culprit,
            None if rejection.code == code::MALFORMED => self.search(entries, count).await?,
            // The kernel had no memory to report the refused entry, or for the whole message.
            None if rejection.code == libc::ENOMEM => {
                return Err(self.broken(entries, Failure::Rejected(rejection)));
            }
            // For example, the set does not exist any more. The kernel checks that before it reads
            // an entry.
            None => {
                self.outcome.untried_from = Some(self.batch.index(entries.start));
                let failure = or_gone(self.connection, Failure::Rejected(rejection)).await;
                return Err(self.stop(failure));
            }
        };
        self.outcome.applied += culprit.before;
        let full = code::is_of_full_set(about(self.set), rejection.code);
        let cause = self.cause(Failure::Rejected(rejection));
        let kind = self.set.kind();
        if let Some(entry) = self.batch.read(kind, culprit.place.clone()) {
            self.failed(culprit.index, entry, cause);
        }
        if full || self.on_failure == OnFailure::Stop {
            self.outcome.untried_from = Some(culprit.index + 1);
            return Err(Stop);
        }
        Ok(culprit)
    }

    /// Finds the entry that the kernel could not read, since the kernel does not report its line.
    ///
    /// The entries before it were applied, and those after it were not. So this sends halves of
    /// the message again, without `NLM_F_EXCL`, until one entry is left. No entry after the
    /// malformed one is applied.
    async fn search(&mut self, entries: Range<usize>, count: usize) -> Result<Culprit, Stop> {
        let all = entries.clone();
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

    /// Records that it is unknown whether the entries at these places were applied.
    pub(in crate::ipset) fn broken(&mut self, places: Range<usize>, failure: Failure) -> Stop {
        self.outcome.untried_from = Some(self.batch.indices(places.clone()).end);
        self.in_doubt(places, &failure);
        self.stop(failure)
    }

    /// Records that entries are in doubt because of a failure.
    pub(in crate::ipset) fn in_doubt(&mut self, places: Range<usize>, failure: &Failure) {
        let kind = self.set.kind();
        let walk = self.batch.walk(places.start).map(|(_, place)| place);
        let places: Vec<_> = walk.take_while(|it| it.end <= places.end).collect();
        for place in places {
            if let Some(entry) = self.batch.read(kind, place.clone()) {
                let cause = self.cause(failure.again());
                let error = Error::new(self.command().operation(), cause);
                self.failed_for(self.batch.index(place.start), entry, error, true);
            }
        }
    }

    /// Records why nothing more can be sent.
    pub(in crate::ipset) fn stop(&mut self, failure: Failure) -> Stop {
        let command = self.command();
        let error = error(command, about(self.set), failure.again());
        self.outcome.stopped = Some(error.during(self.operation()).object(self.shown));
        self.broken = Some(failure);
        Stop
    }

    pub(in crate::ipset) fn failed(&mut self, index: usize, entry: Entry<K>, cause: Cause) {
        let error = Error::new(self.command().operation(), cause);
        self.failed_for(index, entry, error, false);
    }

    pub(in crate::ipset) fn failed_for(
        &mut self,
        index: usize,
        entry: Entry<K>,
        error: Error,
        in_doubt: bool,
    ) {
        let object = format!("{} (index {index})", entry.in_set(self.shown));
        let error = error.object(object);
        self.outcome.failures.push(FailedChange {
            index,
            input: entry,
            error,
            in_doubt,
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

    /// The kernel applies entries, refuses one, and has no memory to report which one.
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
        let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
        let in_doubt: Vec<_> = outcome.in_doubt().map(|it| (it.index, &it.input)).collect();
        let entries: Vec<_> = (1..=9).map(|it| Ipv4Addr::from_bits(it).into()).collect();
        assert!(in_doubt.into_iter().eq(entries.iter().enumerate()));
        assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(9)));
        let stopped = outcome.stopped().unwrap();
        assert_eq!(stopped.errno(), Some(libc::ENOMEM), "{stopped}");
    }
}
