//! Reads a set, and compares it with what is wanted.

use super::listing::start_of_any;
use crate::Result;
use crate::ipset::client::Client;
use crate::ipset::plan::{Planning, Policy, SetPlan, Wanted, described};
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::Transport;

impl<T: Transport> Client<T> {
    /// Returns what brings a set to the wanted entries.
    pub(crate) async fn plan<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetPlan<K>> {
        let wanted = self.collect(set, entries, policy).await?;
        self.compare(wanted, policy).await
    }

    /// Collects the wanted entries as a set with the options that it is to have stores them.
    pub(super) async fn collect<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<Wanted<K>> {
        if !policy.keeps_options() {
            return Wanted::collect(set, entries, policy);
        }
        match self.info(set).await {
            Ok(there) => Wanted::collect(&described(set, &there, policy), entries, policy),
            Err(error) if error.is_not_found() => Wanted::collect(set, entries, policy),
            Err(error) => Err(error),
        }
    }

    /// Compares the wanted entries with those that are there, in one listing.
    pub(super) async fn compare<K: SetType>(
        &mut self,
        wanted: Wanted<K>,
        policy: &Policy,
    ) -> Result<SetPlan<K>> {
        let (name, kind) = (*wanted.set().name(), wanted.set().kind().clone());
        let (mut reader, there) = match start_of_any(self, &name).await {
            Ok(started) => started,
            Err(error) if error.is_not_found() => {
                return Ok(Planning::begin(wanted, None, policy)?.finish());
            }
            Err(error) => return Err(error),
        };
        let mut planning = Planning::begin(wanted, Some(&there), policy)?;
        if planning.compares() {
            reader.for_each(&kind, |entry| planning.see(entry)).await?;
        }
        Ok(planning.finish())
    }
}
