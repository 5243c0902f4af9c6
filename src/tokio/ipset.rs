use crate::ipset::client::claim::Claim;
use crate::ipset::client::listing::{Reader, start_of_one};
use crate::ipset::client::{Client, connect_failed};
use crate::ipset::message::code::Command;
use crate::ipset::message::encode::Purpose;
use crate::ipset::{
    AnyType, Bulk, Entry, IpSet, Outcome, Revision, SetInfo, SetName, SetOrEntry, SetType,
    ToSetName,
};
use crate::netlink::{AsyncSocket, Failure, Protocol, Socket};
use crate::{Namespace, Result};

/// A connection to the kernel's ipset, in one network namespace, for programs that run on tokio:
/// what [`ipset::IpSets`](crate::ipset::IpSets) does, in the same exchanges, without blocking the
/// thread.
///
/// ```no_run
/// use ipvset::ipset::{HashIpPort, IpSet, tcp};
/// use ipvset::tokio::IpSets;
/// use std::net::Ipv4Addr;
///
/// # async fn example() -> ipvset::Result<()> {
/// let mut sets = IpSets::connect().await?;
/// let web = IpSet::<HashIpPort>::new("web")?;
/// sets.create(&web).await?;
/// sets.add(&web, (Ipv4Addr::new(10, 0, 0, 11), tcp(8080))).await?;
/// let mut entries = sets.list(&web).await?;
/// while let Some(entry) = entries.next().await {
///     println!("{}", entry?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct IpSets {
    client: Client<AsyncSocket>,
}

impl IpSets {
    /// Connects in the network namespace of the thread that polls this first.
    ///
    /// # Errors
    /// As [`ipset::IpSets::connect`](crate::ipset::IpSets::connect).
    pub async fn connect() -> Result<Self> {
        Self::over(Socket::open(Protocol::Netfilter), Claim::open()).await
    }

    /// Connects in another network namespace.
    ///
    /// # Errors
    /// As [`ipset::IpSets::connect_in`](crate::ipset::IpSets::connect_in).
    pub async fn connect_in(namespace: &Namespace) -> Result<Self> {
        let claim = namespace
            .enter(Claim::open)
            .map_err(|it| connect_failed(it.into()))?;
        Self::over(namespace.socket(Protocol::Netfilter), claim).await
    }

    async fn over(socket: Result<Socket, Failure>, claim: Claim) -> Result<Self> {
        let socket = AsyncSocket::new(socket.map_err(connect_failed)?);
        let client = Client::connect(socket, claim).await?;
        Ok(Self { client })
    }

    /// The version of the protocol that is spoken: 6, or 7 from Linux 4.20 on.
    pub fn protocol(&self) -> u8 {
        self.client.protocol()
    }

    /// The lowest and the highest revision of a set type that the kernel has. It loads the
    /// type's module if it can.
    ///
    /// See [`IpSets::revisions`](crate::ipset::IpSets::revisions).
    pub async fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        self.client.revisions(kind).await
    }

    /// Creates a set.
    ///
    /// See [`IpSets::create`](crate::ipset::IpSets::create).
    pub async fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        self.create_with(set, Revision::Lowest).await
    }

    /// Creates a set with a revision of its type.
    ///
    /// See [`IpSets::create_with`](crate::ipset::IpSets::create_with).
    pub async fn create_with<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        revision: Revision,
    ) -> Result<()> {
        self.client.create(set, revision).await
    }

    /// Creates a set unless it exists already; true if it was created.
    ///
    /// See [`IpSets::create_if_absent`](crate::ipset::IpSets::create_if_absent).
    pub async fn create_if_absent<T: SetType>(&mut self, set: &IpSet<T>) -> Result<bool> {
        self.client.create_if_absent(set).await
    }

    /// Destroys a set and its entries.
    ///
    /// See [`IpSets::destroy`](crate::ipset::IpSets::destroy).
    pub async fn destroy(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Destroy, true, &set).await
    }

    /// Destroys a set if it is there.
    ///
    /// See [`IpSets::destroy_if_present`](crate::ipset::IpSets::destroy_if_present).
    pub async fn destroy_if_present(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Destroy, false, &set).await
    }

    /// Destroys all sets of the network namespace, or none.
    ///
    /// See [`IpSets::destroy_all`](crate::ipset::IpSets::destroy_all).
    pub async fn destroy_all(&mut self) -> Result<()> {
        self.client.with_all(Command::Destroy).await
    }

    /// Removes all entries of a set.
    ///
    /// See [`IpSets::flush`](crate::ipset::IpSets::flush).
    pub async fn flush(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Flush, true, &set).await
    }

    /// Removes all entries of all sets.
    ///
    /// See [`IpSets::flush_all`](crate::ipset::IpSets::flush_all).
    pub async fn flush_all(&mut self) -> Result<()> {
        self.client.with_all(Command::Flush).await
    }

    /// Gives a set another name.
    ///
    /// See [`IpSets::rename`](crate::ipset::IpSets::rename).
    pub async fn rename(&mut self, from: impl ToSetName, to: impl ToSetName) -> Result<()> {
        self.client.with_two(Command::Rename, &from, &to).await
    }

    /// Exchanges the contents of two sets: rules that use one see the other's from then on.
    ///
    /// See [`IpSets::swap`](crate::ipset::IpSets::swap).
    pub async fn swap(&mut self, one: impl ToSetName, other: impl ToSetName) -> Result<()> {
        self.client.with_two(Command::Swap, &one, &other).await
    }

    /// Type, family and revision of a set, at little cost. Options, references and memory are
    /// what [`info`](Self::info) adds.
    ///
    /// See [`IpSets::header`](crate::ipset::IpSets::header).
    pub async fn header(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        self.client.header(&set).await
    }

    /// What the kernel says of a set beside its entries. The kernel counts the entries of a hash
    /// for it: about 30 ms for a million.
    ///
    /// See [`IpSets::info`](crate::ipset::IpSets::info).
    pub async fn info(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        self.client.info(&set).await
    }

    /// What the kernel says of all sets beside their entries. See [`info`](Self::info).
    ///
    /// See [`IpSets::info_all`](crate::ipset::IpSets::info_all).
    pub async fn info_all(&mut self) -> Result<Vec<SetInfo>> {
        self.client.info_all(None).await
    }

    /// The names of all sets.
    ///
    /// See [`IpSets::names`](crate::ipset::IpSets::names).
    pub async fn names(&mut self) -> Result<Vec<SetName>> {
        self.client.names().await
    }

    /// A set that exists, with the options that it has.
    ///
    /// See [`IpSets::get`](crate::ipset::IpSets::get).
    pub async fn get<T: SetType + Default>(&mut self, set: impl ToSetName) -> Result<IpSet<T>> {
        self.client.get(&set).await
    }

    /// The number by which rules (`xt_set`, `em_ipset`) refer to a set (Linux 4.20 or later).
    ///
    /// See [`IpSets::index`](crate::ipset::IpSets::index).
    pub async fn index(&mut self, set: impl ToSetName) -> Result<u16> {
        self.client.index(&set).await
    }

    /// The set that rules refer to by a number (Linux 4.20 or later).
    ///
    /// See [`IpSets::by_index`](crate::ipset::IpSets::by_index).
    pub async fn by_index(&mut self, index: u16) -> Result<SetName> {
        self.client.by_index(index).await
    }

    /// The entries of a set, as they come.
    ///
    /// See [`IpSets::list`](crate::ipset::IpSets::list).
    pub async fn list<T: SetType>(&mut self, set: &IpSet<T>) -> Result<Entries<'_, T>> {
        Entries::start(&mut self.client, set).await
    }

    /// All sets with their entries, as they come.
    ///
    /// See [`IpSets::list_all`](crate::ipset::IpSets::list_all).
    pub async fn list_all(&mut self) -> Result<SetsAndEntries<'_>> {
        SetsAndEntries::start(&mut self.client).await
    }

    /// Whether an entry is in a set.
    ///
    /// See [`IpSets::test`](crate::ipset::IpSets::test).
    pub async fn test<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<bool> {
        self.client.test(set, entry).await
    }

    /// Whether each of many entries is in a set, in their order.
    ///
    /// See [`IpSets::test_all`](crate::ipset::IpSets::test_all).
    pub async fn test_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Vec<bool>> {
        self.client.test_all(set, entries).await
    }

    /// Adds an entry. Of a range that meets an entry which is there, the part before it stays
    /// added.
    ///
    /// See [`IpSets::add`](crate::ipset::IpSets::add).
    pub async fn add<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.add(set, entry).await
    }

    /// Adds an entry, or gives the one that is there the options of this one: what is not given
    /// is reset. The comment and packet metadata are cleared, the timeout starts again with the
    /// set's default, `nomatch` is as it is here, and counters, if the set is known to have
    /// them, start at zero.
    ///
    /// See [`IpSets::put`](crate::ipset::IpSets::put).
    pub async fn put<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.put(set, entry).await
    }

    /// Removes an entry. Its options are not looked at.
    ///
    /// See [`IpSets::remove`](crate::ipset::IpSets::remove).
    pub async fn remove<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.remove(true, set, entry).await
    }

    /// Removes an entry if it is there.
    ///
    /// See [`IpSets::remove_if_present`](crate::ipset::IpSets::remove_if_present).
    pub async fn remove_if_present<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.remove(false, set, entry).await
    }

    /// Adds many entries, in messages of about a thousand, and gives their number.
    ///
    /// See [`IpSets::add_all`](crate::ipset::IpSets::add_all).
    pub async fn add_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        self.add_all_with(set, entries, Bulk::new())
            .await
            .into_result()
    }

    /// Adds many entries, and says what became of each.
    pub async fn add_all_with<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<T> {
        self.client.bulk(Purpose::Add, set, entries, how).await
    }

    /// Removes many entries, and gives their number.
    ///
    /// See [`IpSets::remove_all`](crate::ipset::IpSets::remove_all).
    pub async fn remove_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        self.remove_all_with(set, entries, Bulk::new())
            .await
            .into_result()
    }

    /// Removes many entries, and says what became of each.
    pub async fn remove_all_with<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<T> {
        self.client.bulk(Purpose::Remove, set, entries, how).await
    }

    /// Gives a set a whole new content at once, and tells how many entries that were: a packet
    /// sees either all of the old one or all of the new one. Rules and lists that use the set go
    /// on using it.
    ///
    /// See [`IpSets::replace`](crate::ipset::IpSets::replace).
    pub async fn replace<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        self.client.replace(set, entries).await
    }
}

/// The entries of one set, as they come from the kernel: [`IpSets::list`].
///
/// What [`ipset::Entries`](crate::ipset::Entries) says is true here too. Dropping it early
/// receives what is left of the listing, and drops that.
#[derive(Debug)]
pub struct Entries<'a, T: SetType> {
    reader: Reader<'a, AsyncSocket>,
    kind: T,
    info: Box<SetInfo>,
}

impl<'a, T: SetType> Entries<'a, T> {
    async fn start(client: &'a mut Client<AsyncSocket>, set: &IpSet<T>) -> Result<Self> {
        let (reader, info) = start_of_one(client, set).await?;
        Ok(Self {
            reader,
            kind: set.kind().clone(),
            info,
        })
    }

    /// What the kernel says of the set beside its entries.
    pub fn info(&self) -> &SetInfo {
        &self.info
    }

    /// The next entry; nothing after the last one and after an error. Its future may be dropped:
    /// no entry is lost.
    pub async fn next(&mut self) -> Option<Result<Entry<T>>> {
        self.reader.next_entry(&self.kind).await
    }
}

/// All sets with their entries, as they come from the kernel: [`IpSets::list_all`]. What
/// [`Entries`] says is true here too.
#[derive(Debug)]
pub struct SetsAndEntries<'a> {
    reader: Reader<'a, AsyncSocket>,
    kind: Option<AnyType>,
}

impl<'a> SetsAndEntries<'a> {
    async fn start(client: &'a mut Client<AsyncSocket>) -> Result<Self> {
        Ok(Self {
            reader: Reader::start(client, None).await?,
            kind: None,
        })
    }

    /// The next set or entry, as [`Entries::next`].
    pub async fn next(&mut self) -> Option<Result<SetOrEntry>> {
        self.reader.next_item(&mut self.kind).await
    }
}
