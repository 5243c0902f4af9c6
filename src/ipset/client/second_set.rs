//! Gives a set another content, and other options, through a second set that is swapped with it or,
//! if the type is another one, takes its name.

use std::time::Duration;

use super::change_all::Change;
use crate::ipset::client::Client;
use crate::ipset::message::code::Command;
use crate::ipset::model::types::Takes;
use crate::ipset::plan::SetReport;
use crate::ipset::{Entry, IpSet, Revision, SetName, SetType};
use crate::netlink::Transport;
use crate::trace::Began;
use crate::{Error, ErrorKind, OnFailure, Outcome, Result};

/// The maximum number of buckets of the temporary set. A quarter million of them takes 2 MiB.
const MOST_BUCKETS: u32 = 1 << 24;

/// What became of a second set.
pub(super) struct Swapped<K: SetType> {
    /// What became of the entries. If some were not tried, the second set did not take the place of
    /// the first.
    pub(super) outcome: Outcome<Entry<K>>,
    /// The error because of which the set with the old content, or with a part of the new one, was
    /// left behind, and that set's name.
    pub(super) left_behind: Option<(SetName, Error)>,
}

impl<T: Transport> Client<T> {
    /// Fills a temporary set with the options of `set`, swaps the two sets, and destroys the one
    /// with the old content. If some entries were not tried, only the temporary set is destroyed.
    pub(super) async fn swap_in<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        revision: Revision,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Result<Swapped<K>> {
        let entries = entries.into_iter();
        let mut temporary = Temporary {
            name: None,
            client: self,
        };
        let new = temporary.create(set, revision).await?;
        let client = &mut *temporary.client;
        let filled = client.fill_and_swap(set, &new, entries, on_failure).await;
        // It holds the old content now, or the part of the new content that was added.
        temporary.swapped(filled).await
    }

    async fn fill_and_swap<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        new: &IpSet<K>,
        entries: impl Iterator<Item = E>,
        on_failure: OnFailure,
    ) -> Result<Outcome<Entry<K>>> {
        let outcome = self
            .change_all_as(Change::Put, new, set.name(), entries, on_failure)
            .await;
        if is_filled(&outcome) {
            self.when_free(Command::Swap, set.name(), Some(new.name()))
                .await?;
        }
        Ok(outcome)
    }

    /// Fills a temporary set, destroys the set that has the name of `set` and another type, and
    /// gives that name to the temporary one.
    ///
    /// The old set is destroyed last, since the kernel may lack the new type or one of its options,
    /// or the new set may have no room.
    pub(super) async fn put_instead<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        entries: impl Iterator<Item = Entry<K>>,
        report: &mut SetReport<K>,
    ) -> Result<Swapped<K>> {
        let mut temporary = Temporary {
            name: None,
            client: self,
        };
        let put = temporary.fill_and_put_instead(set, entries, report).await;
        temporary.swapped(put).await
    }

    /// Destroys a set of another type, and enters into the report that it is gone, or may be.
    async fn destroy_other<K: SetType>(
        &mut self,
        name: &SetName,
        report: &mut SetReport<K>,
    ) -> Result<()> {
        let destroyed = self.destroy_when_free(name).await;
        let kind = destroyed.as_ref().err().map(Error::kind);
        if matches!(kind, None | Some(ErrorKind::RepliesLost | ErrorKind::Io)) {
            report.set_gone();
        }
        destroyed
    }

    /// Destroys a set as soon as nobody lists it, unless it is gone already.
    async fn destroy_when_free(&mut self, name: &SetName) -> Result<()> {
        match self.when_free(Command::Destroy, name, None).await {
            Err(error) if error.is_not_found() => Ok(()),
            destroyed => destroyed,
        }
    }

    /// Swaps two sets, or destroys or renames one, as soon as nobody lists them. Gives up after a
    /// while.
    pub(super) async fn when_free(
        &mut self,
        command: Command,
        one: &SetName,
        other: Option<&SetName>,
    ) -> Result<()> {
        let began = Began::now();
        let mut attempts = 0;
        let mut pauses = pauses();
        loop {
            attempts += 1;
            let done = match other {
                Some(other) => self.with_two(command, one, other).await,
                None => self.with_set(command, true, one).await,
            };
            match (done, pauses.next()) {
                (Err(error), Some(pause)) if error.is_busy() => {
                    self.connection.pause(pause).await;
                }
                (done, _) => {
                    began.tried(command.operation(), Some(one), attempts);
                    return done;
                }
            }
        }
    }

    /// Destroys temporary sets whose handles do not exist any more. If one cannot be destroyed now,
    /// the next run tries again.
    pub(super) async fn destroy_left_over(&mut self) {
        for name in self.names().await.unwrap_or_default() {
            if self.claim.is_left_over(&name) {
                let _ = self.with_set(Command::Destroy, true, &name).await;
            }
        }
    }
}

/// Returns how long to wait after each attempt at a set that is being listed: two and a half
/// seconds in all. A program that lists sets in a loop leaves them free only for moments, so the
/// pauses stay short.
fn pauses() -> impl Iterator<Item = Duration> {
    let growing = (0..6).map(|step| Duration::from_micros(250 << step));
    growing.chain(std::iter::repeat_n(Duration::from_millis(10), 250))
}

/// A set that is destroyed when the replacement ends, even if its future is dropped or the
/// caller's iterator panics.
struct Temporary<'a, T: Transport> {
    client: &'a mut Client<T>,
    name: Option<SetName>,
}

impl<T: Transport> Temporary<'_, T> {
    async fn create<K: SetType>(
        &mut self,
        like: &IpSet<K>,
        revision: Revision,
    ) -> Result<IpSet<K>> {
        let name = self.client.claim.name()?;
        let new = IpSet::from_parts(name, like.kind().clone(), like.options().clone());
        // Set before the kernel is asked, since the set may exist even if the future is dropped.
        self.name = Some(name);
        let mut created = self.client.create(&new, revision).await;
        if exists(&created) && self.client.claim.is_left_over(&name) {
            // An earlier one was left behind, because another program listed it.
            self.client.destroy_when_free(&name).await?;
            created = self.client.create(&new, revision).await;
        }
        if exists(&created) {
            // The set belongs to another program.
            self.name = None;
        }
        created.map(|()| new)
    }

    async fn fill_and_put_instead<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        entries: impl Iterator<Item = Entry<K>>,
        report: &mut SetReport<K>,
    ) -> Result<Outcome<Entry<K>>> {
        let new = self.create(set, Revision::Lowest).await?;
        let outcome = self
            .client
            .change_all_as(Change::Put, &new, set.name(), entries, OnFailure::Continue)
            .await;
        if is_filled(&outcome) {
            self.client.destroy_other(set.name(), report).await?;
            self.rename(&new, set.name()).await?;
            report.set_created();
        }
        Ok(outcome)
    }

    async fn rename<K: SetType>(&mut self, new: &IpSet<K>, name: &SetName) -> Result<()> {
        let (command, new) = (Command::Rename, new.name());
        self.client.when_free(command, new, Some(name)).await?;
        self.name = None;
        Ok(())
    }

    /// Destroys the set if it still exists, and returns what became of the entries.
    async fn swapped<K: SetType>(self, filled: Result<Outcome<Entry<K>>>) -> Result<Swapped<K>> {
        match (filled, self.destroy().await) {
            (Err(error), Some((name, _))) => Err(left_behind(error, &name)),
            (filled, left_behind) => Ok(Swapped {
                outcome: filled?,
                left_behind,
            }),
        }
    }

    /// Destroys the set. If that fails, returns its name and the error.
    async fn destroy(mut self) -> Option<(SetName, Error)> {
        let name = self.name?;
        let destroyed = self.client.destroy_when_free(&name).await;
        self.name = None;
        destroyed.err().map(|error| (name, error))
    }
}

impl<T: Transport> Drop for Temporary<'_, T> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.client.destroy_and_forget(name);
        }
    }
}

fn exists(created: &Result<()>) -> bool {
    created.as_ref().is_err_and(Error::is_already_exists)
}

/// Returns true if all entries were tried.
fn is_filled<I>(outcome: &Outcome<I>) -> bool {
    outcome.stopped().is_none() && outcome.untried_from().is_none()
}

/// Adds to an error that a temporary set was left behind.
pub(super) fn left_behind(error: Error, name: &SetName) -> Error {
    error.note(format!(
        "the set {name} was left behind; the next replacement destroys it"
    ))
}

/// Gives a hash as many buckets as there will be entries, unless the options say how many. A table
/// that need not grow is filled in half the time.
pub(super) fn size_table<K: SetType>(set: &mut IpSet<K>, entries: usize) {
    if !set.definition().options.contains(Takes::HASH) || set.options().hashsize.is_some() {
        return;
    }
    let options = set.options_mut();
    let most = options.maxelem.unwrap_or(u32::MAX).min(MOST_BUCKETS);
    let entries = u32::try_from(entries)
        .unwrap_or(u32::MAX)
        .clamp(64, most.max(64));
    options.hashsize = Some(entries.next_power_of_two());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_at_a_set_that_is_listed_go_on_for_so_long() {
        let pauses: Vec<_> = pauses().collect();
        assert!(pauses.is_sorted());
        assert_eq!(
            pauses.iter().sum::<Duration>(),
            Duration::from_micros(2_515_750)
        );
    }
}
