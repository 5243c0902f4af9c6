//! Replaces the whole content of a set at once.

use super::second_set::{left_behind, size_table};
use crate::ipset::client::{Client, other_type};
use crate::ipset::{Entry, IpSet, Revision, SetType};
use crate::netlink::Transport;
use crate::trace::Began;
use crate::{OnFailure, Result};

const REPLACE: &str = "replace set";
const ADD: &str = "replace set: add entry";

impl<T: Transport> Client<T> {
    /// Gives a set a new content through a second set with the same options.
    pub(crate) async fn replace<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        let began = Began::now();
        let entries = entries.into_iter();
        self.destroy_left_over().await;
        let (mut there, revision) = self.as_it_is(set).await?;
        let options = there.options_mut();
        // The second set gets a hash seed and a size of its own.
        (options.initval, options.hashsize) = (None, None);
        size_table(&mut there, entries.size_hint().0);
        let swapped = self
            .swap_in(&there, revision, entries, OnFailure::Stop)
            .await?;
        match (swapped.outcome.into_result(), swapped.left_behind) {
            (Ok(count), None) => {
                began.done(REPLACE, Some(set.name()), count);
                Ok(count)
            }
            (Ok(_), Some((name, error))) => {
                Err(error.during(REPLACE).object(set.name()).note(format!(
                    "the set has its new content; the old one is still in the set {name}, which \
                     the next replacement destroys"
                )))
            }
            (Err(error), None) => Err(error.during(ADD)),
            (Err(error), Some((name, _))) => Err(left_behind(error.during(ADD), &name)),
        }
    }

    /// Returns a set as it is in the kernel, and its revision.
    async fn as_it_is<K: SetType>(&mut self, set: &IpSet<K>) -> Result<(IpSet<K>, Revision)> {
        let info = self.info(set).await?;
        match info.set {
            Some(there) if there.type_name() == set.type_name() => {
                let mut set = set.clone();
                *set.options_mut() = there.options().clone();
                Ok((set, Revision::Number(info.revision)))
            }
            _ => Err(other_type(REPLACE, &info, set.type_name())),
        }
    }
}
