//! Commands on sets and entries that the kernel answers with an ACK.

use super::change_all::Change;
use super::{Client, about, error, or_gone};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, About, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{Entry, IpSet, SetName, SetType, ToSetName};
use crate::netlink::{Failure, Transport, flag};
use crate::{Error, Missing, OnFailure, Result};

impl<T: Transport> Client<T> {
    /// Sends a command whose only argument is a set.
    pub(crate) async fn with_set(
        &mut self,
        command: Command,
        exclusive: bool,
        set: &(impl ToSetName + ?Sized),
    ) -> Result<()> {
        let set = set.set_name()?;
        match self.with_names(command, exclusive, Some(&set), None).await {
            // Linux before 6.1 answers this even to a request without NLM_F_EXCL.
            Err(error) if !exclusive && error.missing() == Some(Missing::Set) => Ok(()),
            outcome => outcome.map_err(|error| error.object(set)),
        }
    }

    /// Destroys a set without waiting for the answer.
    pub(crate) fn destroy_and_forget(&mut self, set: &SetName) {
        let protocol = self.protocol;
        self.connection
            .send_and_forget(Command::Destroy.message(), |writer| {
                body::names(writer, protocol, Some(set), None);
            });
    }

    /// Sends a command for all sets.
    pub(crate) async fn with_all(&mut self, command: Command) -> Result<()> {
        self.with_names(command, true, None, None).await
    }

    /// Renames or swaps.
    pub(crate) async fn with_two(
        &mut self,
        command: Command,
        first: &(impl ToSetName + ?Sized),
        second: &(impl ToSetName + ?Sized),
    ) -> Result<()> {
        let (first, second) = (first.set_name()?, second.set_name()?);
        let conjunction = if command == Command::Swap {
            "and"
        } else {
            "to"
        };
        self.with_names(command, true, Some(&first), Some(&second))
            .await
            .map_err(|error| error.object(format_args!("{first} {conjunction} {second}")))
    }

    async fn with_names(
        &mut self,
        command: Command,
        exclusive: bool,
        first: Option<&SetName>,
        second: Option<&SetName>,
    ) -> Result<()> {
        let flags = if exclusive { flag::EXCL } else { 0 };
        let protocol = self.protocol;
        self.connection
            .command(command.message(), flags, |writer| {
                body::names(writer, protocol, first, second);
            })
            .await
            .map_err(|failure| error(command, About::default(), failure))
    }

    /// Adds an entry that is not in the set.
    pub(crate) async fn add<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        entry: impl Into<Entry<K>>,
    ) -> Result<()> {
        self.entry(Purpose::Add, true, set, &entry.into())
            .await
            .map(drop)
    }

    /// Adds an entry, or updates the one that is in the set.
    pub(crate) async fn put<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        entry: impl Into<Entry<K>>,
    ) -> Result<()> {
        let entry = entry.into();
        let lacks = entry.options().counters_not_given();
        if set.options().counters && !lacks.is_empty() {
            // See `put.rs`.
            if entry.is_several(set.definition().dimensions) {
                return self.put_several(set, entry).await;
            }
            match self.entry(Purpose::Add, true, set, &entry).await {
                Err(error) if error.ipset_code() == Some(code::EXIST) => {}
                added => return added.map(drop),
            }
        }
        self.entry(Purpose::Put, false, set, &entry).await.map(drop)
    }

    /// Does the same for an entry with several elements, such as a range.
    async fn put_several<K: SetType>(&mut self, set: &IpSet<K>, entry: Entry<K>) -> Result<()> {
        let object = entry.in_set(set.name());
        let outcome = self
            .change_all(Change::Put, set, [entry], OnFailure::Stop)
            .await;
        let operation = Command::Add.operation();
        let put = outcome.into_result().map(drop);
        put.map_err(|error| error.during(operation).object(object))
    }

    /// Removes an entry. If `exclusive` is false, the entry need not be in the set.
    pub(crate) async fn remove<K: SetType>(
        &mut self,
        exclusive: bool,
        set: &IpSet<K>,
        entry: impl Into<Entry<K>>,
    ) -> Result<()> {
        self.entry(Purpose::Remove, exclusive, set, &entry.into())
            .await
            .map(drop)
    }

    /// Returns true if an entry is in a set.
    pub(crate) async fn test<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        entry: impl Into<Entry<K>>,
    ) -> Result<bool> {
        self.entry(Purpose::Test, true, set, &entry.into()).await
    }

    /// Writes an entry to the scratch buffer, so that nothing is sent if it is refused.
    pub(super) fn write_entry<K: SetType>(
        &mut self,
        purpose: Purpose,
        set: &IpSet<K>,
        entry: &Entry<K>,
    ) -> Result<()> {
        self.scratch.truncate(0);
        entry
            .write(set, purpose, &mut self.scratch)
            .map_err(|refusal| {
                let operation = Command::from(purpose).operation();
                Error::refused(operation, refusal.0).object(entry.in_set(set.name()))
            })
    }

    /// Adds, removes or tests one entry. Returns false only for a test of an entry that is not in
    /// the set.
    async fn entry<K: SetType>(
        &mut self,
        purpose: Purpose,
        exclusive: bool,
        set: &IpSet<K>,
        entry: &Entry<K>,
    ) -> Result<bool> {
        let command = Command::from(purpose);
        let flags = if exclusive { flag::EXCL } else { 0 };
        let protocol = self.protocol;
        self.write_entry(purpose, set, entry)?;
        let scratch = &self.scratch;
        let sent = self
            .connection
            .command(command.message(), flags, |writer| {
                body::entry(writer, protocol, set.name(), scratch.bytes());
            })
            .await;
        match sent {
            Ok(()) => Ok(true),
            Err(Failure::Rejected(rejection))
                if purpose == Purpose::Test && rejection.code == code::EXIST =>
            {
                self.not_in(set).await.map(|()| false)
            }
            Err(failure) => {
                let failure = or_gone(&mut self.connection, failure).await;
                let error = error(command, about(set), failure);
                let error = error.object(entry.in_set(set.name()));
                Err(self.explain(set, error).await)
            }
        }
    }
}
