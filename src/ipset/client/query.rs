//! Reads sets, and starts listings.

use super::{Client, error, malformed_reply, other_type};
use crate::error::Cause;
use crate::ipset::message::answer::{self, attributes};
use crate::ipset::message::attr::list_flag;
use crate::ipset::message::body;
use crate::ipset::message::code::{About, Command};
use crate::ipset::model::info::{Header, Listed};
use crate::ipset::{AnySet, IpSet, SetInfo, SetName, SetType, ToSetName};
use crate::netlink::{DumpStep, Failure, Transport};
use crate::trace::Began;
use crate::wire::Malformed;
use crate::{Error, Result};

impl<T: Transport> Client<T> {
    /// Returns the type, family and revision of a set, without looking at its entries.
    pub(crate) async fn header(&mut self, set: &(impl ToSetName + ?Sized)) -> Result<SetInfo> {
        let set = set.set_name()?;
        let protocol = self.protocol;
        let payload = self
            .connection
            .query(Command::Header.message(), 0, |writer| {
                body::names(writer, protocol, Some(&set), None);
            })
            .await
            .map_err(|failure| error(Command::Header, About::default(), failure).object(set))?;
        attributes(payload)
            .and_then(Listed::read)
            .and_then(|listed| listed.header.unwrap_or_default().info(set))
            .map_err(|malformed| malformed_reply(Command::Header, malformed).object(set))
    }

    /// Returns what the kernel reports of a set, without its entries.
    pub(crate) async fn info(&mut self, set: &(impl ToSetName + ?Sized)) -> Result<SetInfo> {
        let set = set.set_name()?;
        let info_all = self.info_all(Some(&set)).await?;
        info_all.into_iter().next().ok_or_else(|| {
            malformed_reply(Command::List, Malformed::Missing("the set")).object(set)
        })
    }

    /// Returns what the kernel reports of one set or of all, without entries.
    pub(crate) async fn info_all(&mut self, set: Option<&SetName>) -> Result<Vec<SetInfo>> {
        self.list(list_flag::HEADERS, set, |listed: Listed<'_>| {
            let name = listed.name;
            let info = listed.header.map(|header: Header<'_>| header.info(name));
            info.transpose()
        })
        .await
    }

    /// Returns the names of all sets.
    pub(crate) async fn names(&mut self) -> Result<Vec<SetName>> {
        self.list(list_flag::NAMES, None, |listed| Ok(Some(listed.name)))
            .await
    }

    async fn list<R>(
        &mut self,
        flags: u32,
        set: Option<&SetName>,
        mut read: impl FnMut(Listed<'_>) -> Result<Option<R>, Malformed>,
    ) -> Result<Vec<R>> {
        let began = Began::now();
        let mut found = Vec::new();
        self.start_listing(flags, set).await?;
        while let Some(payload) = self.next_listed(set).await? {
            let one = attributes(self.connection.payload(payload))
                .and_then(Listed::read)
                .and_then(&mut read)
                .map_err(|malformed| malformed_reply(Command::List, malformed))?;
            found.extend(one);
        }
        began.done(Command::List.operation(), set, found.len());
        Ok(found)
    }

    /// Requests a dump of one set or of all.
    pub(crate) async fn start_listing(&mut self, flags: u32, set: Option<&SetName>) -> Result<()> {
        let protocol = self.protocol;
        self.connection
            .dump(Command::List.message(), |writer| {
                body::list(writer, protocol, set, flags);
            })
            .await
            .map_err(|failure| list_error(failure, set))
    }

    /// Receives the next message of the dump.
    pub(crate) async fn next_listed(
        &mut self,
        set: Option<&SetName>,
    ) -> Result<Option<std::ops::Range<usize>>> {
        match self.connection.dump_next().await {
            Ok(DumpStep::Data(payload)) => Ok(Some(payload)),
            Ok(DumpStep::End) => Ok(None),
            Err(failure) => Err(list_error(failure, set)),
        }
    }

    /// Returns the number by which rules refer to a set.
    pub(crate) async fn index(&mut self, set: &(impl ToSetName + ?Sized)) -> Result<u16> {
        self.needs_indices()?;
        let set = set.set_name()?;
        let protocol = self.protocol;
        let payload = self
            .connection
            .query(Command::Index.message(), 0, |writer| {
                body::names(writer, protocol, Some(&set), None);
            })
            .await
            .map_err(|failure| error(Command::Index, About::default(), failure).object(set))?;
        attributes(payload)
            .and_then(answer::index)
            .map_err(|malformed| malformed_reply(Command::Index, malformed).object(set))
    }

    /// Returns the name of the set that rules refer to by a number.
    pub(crate) async fn by_index(&mut self, index: u16) -> Result<SetName> {
        self.needs_indices()?;
        let protocol = self.protocol;
        let object = format!("number {index}");
        let payload = self
            .connection
            .query(Command::Name.message(), 0, |writer| {
                body::index(writer, protocol, index);
            })
            .await
            .map_err(|failure| error(Command::Name, About::default(), failure).object(&object))?;
        attributes(payload)
            .and_then(answer::name)
            .map_err(|malformed| malformed_reply(Command::Name, malformed).object(&object))
    }

    fn needs_indices(&self) -> Result<()> {
        if self.protocol < 7 {
            let why = "numbers of sets need Linux 4.20 or later";
            let cause = Cause::Unavailable(why.into());
            return Err(Error::new(Command::Name.operation(), cause));
        }
        Ok(())
    }

    /// Returns a set as it is in the kernel, if it is of type `K`.
    pub(crate) async fn get<K: SetType + Default>(
        &mut self,
        set: &(impl ToSetName + ?Sized),
    ) -> Result<IpSet<K>> {
        let info = self.info(set).await?;
        let wanted = K::default();
        info.set.as_ref().and_then(AnySet::typed).ok_or_else(|| {
            let operation = Command::Header.operation();
            other_type(operation, &info, wanted.definition().name)
        })
    }
}

fn list_error(failure: Failure, set: Option<&SetName>) -> Error {
    let error = error(Command::List, About::default(), failure);
    match set {
        Some(set) => error.object(set),
        None => error,
    }
}
