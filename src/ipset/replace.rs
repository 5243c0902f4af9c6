//! A new content for a set, put in place at once.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::bulk::Bulk;
use super::client::Client;
use super::code::Command;
use super::encode::Purpose;
use super::types::Takes;
use super::{CreateOptions, Entry, IpSet, Named, SetName, SetType};
use crate::Result;
use crate::netlink::Transport;

/// The most buckets that are asked for ahead: 2 MiB of pointers for each quarter million.
const MOST_BUCKETS: u32 = 1 << 24;

impl<T: Transport> Client<T> {
    /// Fills a set of another name, swaps the two, and destroys the old content.
    pub(crate) async fn replace<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        let entries = entries.into_iter();
        let mut options = self.options_of(set).await?;
        if set.definition().options.contains(Takes::HASH) {
            options.hashsize = Some(buckets(entries.size_hint().0, &options));
            // The new content is spread by a hash of its own.
            options.initval = None;
        }
        let new = IpSet::from_parts(temporary_name()?, set.kind().clone(), options);
        let mut temporary = Temporary {
            client: self,
            name: Some(*new.name()),
        };
        if let Err(error) = temporary.client.create(&new).await {
            temporary.name = None;
            return Err(error);
        }
        let filled = temporary.client.fill_and_swap(set, &new, entries).await;
        // It holds the old content now, or as much of the new one as went well.
        let destroyed = temporary.destroy().await;
        let count = filled?;
        destroyed.map(|()| count)
    }

    async fn fill_and_swap<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        new: &IpSet<K>,
        entries: impl Iterator<Item = E>,
    ) -> Result<u64> {
        let how = Bulk::new().tolerant();
        let outcome = self
            .bulk_as(Purpose::Add, new, set.name(), entries, how)
            .await;
        let count = outcome
            .into_result()
            .map_err(|error| error.during("replace set"))?;
        self.with_two(Command::Swap, set, new).await?;
        Ok(count)
    }

    /// The options that a set has in the kernel.
    async fn options_of<K: SetType>(&mut self, set: &IpSet<K>) -> Result<CreateOptions> {
        let info = self.info(set).await?;
        match info.set {
            Some(there) if there.type_name() == set.type_name() => Ok(there.options().clone()),
            _ => {
                let why = format!("its type is {}, not {}", info.type_name, set.type_name());
                Err(crate::Error::refused("replace set", why).object(set.name()))
            }
        }
    }
}

/// A set that is not to outlive the replacement, even if nobody waits for its end or the
/// caller's iterator panics.
struct Temporary<'a, T: Transport> {
    client: &'a mut Client<T>,
    name: Option<SetName>,
}

impl<T: Transport> Temporary<'_, T> {
    async fn destroy(mut self) -> Result<()> {
        let Some(name) = self.name else {
            return Ok(());
        };
        let destroyed = self.client.with_set(Command::Destroy, false, &name).await;
        self.name = None;
        destroyed
    }
}

impl<T: Transport> Drop for Temporary<'_, T> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.client.destroy_and_forget(name);
        }
    }
}

/// As many buckets as there will be entries: a table that need not grow is filled in half the
/// time.
fn buckets(entries: usize, options: &CreateOptions) -> u32 {
    let most = options.maxelem.unwrap_or(u32::MAX).min(MOST_BUCKETS);
    let entries = u32::try_from(entries)
        .unwrap_or(u32::MAX)
        .clamp(64, most.max(64));
    entries.next_power_of_two()
}

/// A name that nobody else has.
fn temporary_name() -> Result<SetName> {
    let random = RandomState::new().build_hasher().finish();
    format!("ipvset-{random:016x}").set_name()
}
