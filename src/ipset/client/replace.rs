//! Replaces the whole content of a set at once.

use std::time::Duration;

use super::change_all::Change;
use crate::ipset::client::Client;
use crate::ipset::message::code::Command;
use crate::ipset::model::types::Takes;
use crate::ipset::{CreateOptions, Entry, IpSet, Revision, SetName, SetType};
use crate::netlink::Transport;
use crate::trace::Began;
use crate::{Error, OnFailure, Result};

/// The maximum number of buckets of the temporary set. A quarter million of them takes 2 MiB.
const MOST_BUCKETS: u32 = 1 << 24;

impl<T: Transport> Client<T> {
    /// Fills a temporary set, swaps the two sets, and destroys the one with the old content.
    pub(crate) async fn replace<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        let began = Began::now();
        let entries = entries.into_iter();
        self.destroy_left_over().await;
        let (mut options, revision) = self.options_of(set).await?;
        if set.definition().options.contains(Takes::HASH) {
            options.hashsize = Some(buckets(entries.size_hint().0, &options));
            // The temporary set gets a hash seed of its own.
            options.initval = None;
        }
        let mut temporary = Temporary {
            name: None,
            client: self,
        };
        let new = temporary.create(set, options, revision).await?;
        let swapped = temporary.client.fill_and_swap(set, &new, entries).await;
        // It holds the old content now, or the part of the new content that was added.
        let destroyed = temporary.destroy().await;
        match (swapped, destroyed) {
            (swapped, Ok(())) => {
                let count = swapped?;
                began.done(REPLACE, Some(set.name()), count);
                Ok(count)
            }
            (Ok(_), Err(error)) => Err(error.during(REPLACE).object(set.name()).note(format!(
                "the set has its new content; the old one is still in the set {}, which the next \
                 replacement destroys",
                new.name()
            ))),
            (Err(error), Err(_)) => Err(error.note(format!(
                "the set {} was left behind; the next replacement destroys it",
                new.name()
            ))),
        }
    }

    async fn fill_and_swap<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        new: &IpSet<K>,
        entries: impl Iterator<Item = E>,
    ) -> Result<usize> {
        let outcome = self
            .change_all_as(Change::Put, new, set.name(), entries, OnFailure::Stop)
            .await;
        let count = outcome
            .into_result()
            .map_err(|error| error.during("replace set: add entry"))?;
        self.when_free(Command::Swap, set.name(), Some(new.name()))
            .await?;
        Ok(count)
    }

    /// Swaps two sets or destroys one as soon as nobody lists them. Gives up after a while.
    async fn when_free(
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
    /// the next replacement tries again.
    async fn destroy_left_over(&mut self) {
        for name in self.names().await.unwrap_or_default() {
            if self.claim.is_left_over(&name) {
                let _ = self.with_set(Command::Destroy, true, &name).await;
            }
        }
    }

    /// Returns the options and the revision that a set has in the kernel.
    async fn options_of<K: SetType>(
        &mut self,
        set: &IpSet<K>,
    ) -> Result<(CreateOptions, Revision)> {
        let info = self.info(set).await?;
        match info.set {
            Some(there) if there.type_name() == set.type_name() => {
                Ok((there.options().clone(), Revision::Number(info.revision)))
            }
            _ => {
                let why = format!("its type is {}, not {}", info.type_name, set.type_name());
                Err(Error::refused(REPLACE, why).object(set.name()))
            }
        }
    }
}

const REPLACE: &str = "replace set";

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
        options: CreateOptions,
        revision: Revision,
    ) -> Result<IpSet<K>> {
        let name = self.client.claim.name()?;
        let new = IpSet::from_parts(name, like.kind().clone(), options);
        // Set before the kernel is asked, since the set may exist even if the future is dropped.
        self.name = Some(name);
        let created = self.client.create(&new, revision).await;
        if created.as_ref().is_err_and(Error::is_already_exists) {
            // The set belongs to another program.
            self.name = None;
        }
        created.map(|()| new)
    }

    async fn destroy(mut self) -> Result<()> {
        let Some(name) = self.name else {
            return Ok(());
        };
        let destroyed = self.client.when_free(Command::Destroy, &name, None).await;
        self.name = None;
        match destroyed {
            Err(error) if error.is_not_found() => Ok(()),
            destroyed => destroyed,
        }
    }
}

impl<T: Transport> Drop for Temporary<'_, T> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.client.destroy_and_forget(name);
        }
    }
}

/// Returns as many buckets as there will be entries. A table that need not grow is filled in half
/// the time.
fn buckets(entries: usize, options: &CreateOptions) -> u32 {
    let most = options.maxelem.unwrap_or(u32::MAX).min(MOST_BUCKETS);
    let entries = u32::try_from(entries)
        .unwrap_or(u32::MAX)
        .clamp(64, most.max(64));
    entries.next_power_of_two()
}
