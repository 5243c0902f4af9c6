use crate::ipset::client::claim::Claim;
use crate::ipset::client::{Client, connect_failed};
use crate::ipset::message::code::Command;
use crate::ipset::message::encode::Purpose;
use crate::ipset::{
    AnyType, Bulk, Entries, Entry, IpSet, Outcome, Revision, SetInfo, SetName, SetType,
    SetsAndEntries, ToSetName,
};
use crate::netlink::{Failure, Protocol, Socket, ready};
use crate::{Error, Namespace, Result};

/// A connection to the kernel's ipset, in one network namespace.
///
/// Everything needs the capability `CAP_NET_ADMIN` in the user namespace that owns the network
/// namespace, listing too. The kernel carries out one request at a time, whatever namespaces
/// and threads they come from.
///
/// After a fork, open another in the new process: two processes that share a connection receive
/// each other's replies.
///
/// ```no_run
/// use ipvset::ipset::{HashIpPort, IpSet, IpSets, tcp};
/// use std::net::Ipv4Addr;
///
/// let mut sets = IpSets::connect()?;
/// let web = IpSet::<HashIpPort>::new("web")?;
/// sets.create(&web)?;
/// sets.add(&web, (Ipv4Addr::new(10, 0, 0, 11), tcp(8080)))?;
/// for entry in sets.list(&web)? {
///     println!("{}", entry?);
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug)]
pub struct IpSets {
    client: Client<Socket>,
}

impl IpSets {
    /// Connects in the calling thread's network namespace.
    ///
    /// # Errors
    /// `Unavailable` if the kernel has no ipset, `PermissionDenied` without the capability.
    pub fn connect() -> Result<Self> {
        Self::over(Socket::open(Protocol::Netfilter), Claim::open())
    }

    /// Connects in another network namespace. The calling thread stays in its own.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and those of entering the namespace.
    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        let claim = namespace
            .enter(Claim::open)
            .map_err(|it| connect_failed(it.into()))?;
        Self::over(namespace.socket(Protocol::Netfilter), claim)
    }

    fn over(socket: Result<Socket, Failure>, claim: Claim) -> Result<Self> {
        let socket = socket.map_err(connect_failed)?;
        Ok(Self {
            client: ready(Client::connect(socket, claim))?,
        })
    }

    /// The version of the protocol that is spoken: 6, or 7 from Linux 4.20 on.
    pub fn protocol(&self) -> u8 {
        self.client.protocol()
    }

    /// The lowest and the highest revision of a set type that the kernel has. It loads the
    /// type's module if it can.
    ///
    /// # Errors
    /// `Unavailable` if the kernel does not have the type.
    pub fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        ready(self.client.revisions(kind))
    }

    /// Creates a set, with the lowest revision of its type that can express its options. So older
    /// versions of `ipset` can list it. [`create_with`](Self::create_with) takes another.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidInput` for an option that the type does not take or a value
    /// beyond its limit; `Unavailable` for a type or option that the kernel does not have.
    pub fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        self.create_with(set, Revision::Lowest)
    }

    /// Creates a set with a revision of its type: see [`Revision`].
    ///
    /// # Errors
    /// As [`create`](Self::create); `Unavailable` for a revision that the kernel does not have.
    pub fn create_with<T: SetType>(&mut self, set: &IpSet<T>, revision: Revision) -> Result<()> {
        ready(self.client.create(set, revision))
    }

    /// Creates a set unless it exists already; true if it was created.
    ///
    /// # Errors
    /// As [`create`](Self::create), but `AlreadyExists` only if the set that is there differs in
    /// type, family, range, maxelem, size, a mask, or in what its entries have, and says in
    /// which. How entries are spread (hashsize, bucketsize, initval) does not matter.
    pub fn create_if_absent<T: SetType>(&mut self, set: &IpSet<T>) -> Result<bool> {
        ready(self.client.create_if_absent(set))
    }

    /// Destroys a set and its entries.
    ///
    /// # Errors
    /// `NotFound`; `Busy` if a rule or a list uses it, or it is being listed.
    pub fn destroy(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Destroy, true, &set))
    }

    /// Destroys a set if it is there.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy), without `NotFound`.
    pub fn destroy_if_present(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Destroy, false, &set))
    }

    /// Destroys all sets of the network namespace, or none.
    ///
    /// # Errors
    /// `Busy` if a rule or a list uses one of them; then all stay.
    pub fn destroy_all(&mut self) -> Result<()> {
        ready(self.client.with_all(Command::Destroy))
    }

    /// Removes all entries of a set.
    ///
    /// # Errors
    /// `NotFound` if there is no such set.
    pub fn flush(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Flush, true, &set))
    }

    /// Removes all entries of all sets.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn flush_all(&mut self) -> Result<()> {
        ready(self.client.with_all(Command::Flush))
    }

    /// Gives a set another name.
    ///
    /// # Errors
    /// `NotFound`; `AlreadyExists` if there is a set of the new name; `Busy` if a rule or a list
    /// uses the set.
    pub fn rename(&mut self, from: impl ToSetName, to: impl ToSetName) -> Result<()> {
        ready(self.client.with_two(Command::Rename, &from, &to))
    }

    /// Exchanges the contents of two sets: rules that use one see the other's from then on.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` if the sets differ in family or in what their entries are made
    /// of, `hash:ip` and `bitmap:ip` are alike; `Busy` while one is listed.
    pub fn swap(&mut self, one: impl ToSetName, other: impl ToSetName) -> Result<()> {
        ready(self.client.with_two(Command::Swap, &one, &other))
    }

    /// Type, family and revision of a set, at little cost. Options, references and memory are
    /// what [`info`](Self::info) adds.
    ///
    /// # Errors
    /// `NotFound`
    pub fn header(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        ready(self.client.header(&set))
    }

    /// What the kernel says of a set beside its entries. The kernel counts the entries of a hash
    /// for it: about 30 ms for a million.
    ///
    /// # Errors
    /// `NotFound`
    pub fn info(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        ready(self.client.info(&set))
    }

    /// What the kernel says of all sets beside their entries. See [`info`](Self::info).
    ///
    /// # Errors
    /// Those of the connection.
    pub fn info_all(&mut self) -> Result<Vec<SetInfo>> {
        ready(self.client.info_all(None))
    }

    /// The names of all sets.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn names(&mut self) -> Result<Vec<SetName>> {
        ready(self.client.names())
    }

    /// Opens a set as it is in the kernel: with its family, counters and other options.
    /// [`info`](Self::info) does it for a set whose type is only known at run time.
    ///
    /// ```no_run
    /// use ipvset::ipset::{HashNet, IpSets};
    ///
    /// let mut sets = IpSets::connect()?;
    /// let blocked = sets.get::<HashNet>("blocked6")?;
    /// sets.add(&blocked, "2001:db8::/32".parse::<ipnet::IpNet>().unwrap())?;
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` if it is of another type.
    pub fn get<T: SetType + Default>(&mut self, set: impl ToSetName) -> Result<IpSet<T>> {
        ready(self.client.get(&set))
    }

    /// The number by which rules (`xt_set`, `em_ipset`) refer to a set (Linux 4.20 or later).
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` on an older kernel.
    pub fn index(&mut self, set: impl ToSetName) -> Result<u16> {
        ready(self.client.index(&set))
    }

    /// The set that rules refer to by a number (Linux 4.20 or later).
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` on an older kernel.
    pub fn by_index(&mut self, index: u16) -> Result<SetName> {
        ready(self.client.by_index(index))
    }

    /// The entries of a set, as they come.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` if it is of another type than `set`.
    pub fn list<T: SetType>(&mut self, set: &IpSet<T>) -> Result<Entries<'_, T>> {
        Entries::start(&mut self.client, set)
    }

    /// All sets with their entries, as they come.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn list_all(&mut self) -> Result<SetsAndEntries<'_>> {
        SetsAndEntries::start(&mut self.client)
    }

    /// Whether an entry is in a set.
    ///
    /// In types with networks an address is in the set if the longest network that has it is no
    /// exception. A network that is tested has to be there as it is.
    ///
    /// # Errors
    /// `NotFound` if there is no such set; `InvalidInput` for an entry that no set of the type
    /// can have, and if the set is of another type or family than described. The kernel would say
    /// "not in the set". So it is asked for type and family before this says no. `InvalidInput` too
    /// for ranges, and for networks where the type stores single addresses. Of these the kernel
    /// would test the first address alone, as `ipset test` does in `hash:ip`.
    pub fn test<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<bool> {
        ready(self.client.test(set, entry))
    }

    /// Whether each of many entries is in a set, in their order: what [`IpSets::test`] says of
    /// it, with hundreds of them in a system call.
    ///
    /// # Errors
    /// Those of [`IpSets::test`], for the first entry that has one; `RepliesLost` where the
    /// kernel dropped answers. Then nothing is said of any entry.
    pub fn test_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Vec<bool>> {
        ready(self.client.test_all(set, entries))
    }

    /// Adds an entry. Of a range that meets an entry which is there, the part before it stays
    /// added.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotFound` if there is no such set; `Full`; `InvalidInput` for what the
    /// set does not take.
    pub fn add<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.add(set, entry))
    }

    /// Adds an entry, or gives the one that is there the options of this one. Counters that are
    /// not given stay as they are. All else that is not given is reset: the comment and packet
    /// metadata are cleared, the timeout starts again with the set's default, and `nomatch` is as
    /// it is here.
    ///
    /// The counters of a new entry start at zero, if the set is described with
    /// [`counters`](IpSet::counters). Then two requests are sent for an entry that is there.
    ///
    /// # Errors
    /// As [`add`](Self::add), without `AlreadyExists`.
    pub fn put<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.put(set, entry))
    }

    /// Removes an entry. Its options are not looked at.
    ///
    /// # Errors
    /// `NotFound` if the entry or the set is not there; `InvalidInput` for what no set of the
    /// type can have.
    pub fn remove<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.remove(true, set, entry))
    }

    /// Removes an entry if it is there.
    ///
    /// # Errors
    /// `NotFound` if there is no such set; otherwise as [`remove`](Self::remove).
    pub fn remove_if_present<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        ready(self.client.remove(false, set, entry))
    }

    /// Adds many entries, in messages of about a thousand, and gives their number.
    ///
    /// # Errors
    /// Of the first entry that is refused, with its position: those before it are added, it and
    /// those after it are not. [`add_all_with`](Self::add_all_with) tells more and can go on.
    pub fn add_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        self.add_all_with(set, entries, Bulk::new()).into_result()
    }

    /// Adds many entries, and says what became of each.
    pub fn add_all_with<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<T> {
        ready(self.client.bulk(Purpose::Add, set, entries, how))
    }

    /// Removes many entries, and gives their number.
    ///
    /// # Errors
    /// As for [`add_all`](Self::add_all).
    pub fn remove_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        self.remove_all_with(set, entries, Bulk::new())
            .into_result()
    }

    /// Removes many entries, and says what became of each.
    pub fn remove_all_with<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<T> {
        ready(self.client.bulk(Purpose::Remove, set, entries, how))
    }

    /// Gives a set a whole new content at once, and tells how many entries that were: a packet
    /// sees either all of the old one or all of the new one. Rules and lists that use the set go
    /// on using it.
    ///
    /// It fills a set with a name of its own (`ipvset-` and a random number), made as the set is
    /// in the kernel and with buckets for the entries that the iterator announces, and swaps the
    /// two. An entry that comes twice is there once, with the options of the last.
    ///
    /// The kernel swaps no set that is being listed and destroys none, so both are tried again for
    /// some seconds. A set that a process left behind when it was killed is destroyed by the next
    /// replacement in the same network namespace. A process that may not open Unix sockets has to
    /// destroy such sets itself.
    ///
    /// # Errors
    /// `NotFound`; `Busy` if somebody lists one of the sets all the time; those of
    /// [`create`](Self::create), [`add_all`](Self::add_all) and [`swap`](Self::swap). Then the set
    /// has its old content, and the other set is destroyed, unless the error says otherwise.
    pub fn replace<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<u64> {
        ready(self.client.replace(set, entries))
    }
}

const _: fn() = || {
    fn sent<T: Send>() {}
    sent::<IpSets>();
    sent::<Error>();
};
