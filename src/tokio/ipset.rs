use crate::ipset::client::change_all::Change;
use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::error::Cause;
use crate::ipset::client::claim::Claim;
use crate::ipset::client::listing::{Reader, sort, start_of_one};
use crate::ipset::client::{Client, connect_failed};
use crate::ipset::message::code::Command;
use crate::ipset::plan::{Policy, Scope, SetPlan, SetReport, SetsPlan, SetsReport, WantedSets};
use crate::ipset::{
    AnyType, Entry, IpSet, Revision, SetInfo, SetName, SetOrEntry, SetType, ToSetName,
};
use crate::netlink::{AsyncSocket, Failure, Protocol, Socket};
use crate::{Error, Namespace, OnFailure, Outcome, Result};

/// A handle to the kernel's ipset, in one network namespace, for programs that run on tokio.
///
/// It has the methods of [`ipset::IpSets`](crate::ipset::IpSets), and sends the same requests.
///
/// ```no_run
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::IpSet;
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
///
/// # Errors
/// Every method that asks the kernel can fail with these kinds:
///
/// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the capability
///   `CAP_NET_ADMIN`.
/// - [`Unavailable`](crate::ErrorKind::Unavailable) if ipset was removed from the kernel in the
///   meantime.
/// - [`RepliesLost`](crate::ErrorKind::RepliesLost) if the kernel's reply was lost. It is then
///   unknown whether the request was carried out.
/// - [`MalformedReply`](crate::ErrorKind::MalformedReply) if the kernel's reply cannot be read.
/// - [`Io`](crate::ErrorKind::Io) if a system call fails.
///
/// The methods list the other kinds.
#[derive(Debug)]
pub struct IpSets {
    client: Client<AsyncSocket>,
}

/// # Connecting
impl IpSets {
    /// Opens a handle in the network namespace of the thread that first polls this future.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel has no ipset.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the capability
    ///   `CAP_NET_ADMIN`.
    pub async fn connect() -> Result<Self> {
        Self::over(Socket::open(Protocol::Netfilter), Claim::open()).await
    }

    /// Connects in another network namespace. The threads of the runtime stay in theirs.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without `CAP_SYS_ADMIN`, which
    /// entering a namespace needs.
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
}

/// # Sets
impl IpSets {
    /// Creates a set with the lowest revision of its type that can express its options.
    ///
    /// Older versions of `ipset` can then list it. [`create_with`](Self::create_with) takes another
    /// revision.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if there is a set with this name.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an option that the type does not
    ///   take, or a value beyond its limit.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) for a type or an option that the kernel
    ///   does not have.
    pub async fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        self.create_with(set, Revision::Lowest).await
    }

    /// Creates a set with a revision of its type. See [`Revision`].
    ///
    /// # Errors
    /// Those of [`create`](Self::create), and [`Unavailable`](crate::ErrorKind::Unavailable) for a
    /// revision that the kernel does not have.
    pub async fn create_with<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        revision: Revision,
    ) -> Result<()> {
        self.client.create(set, revision).await
    }

    /// Creates a set unless it exists. Returns true if the set was created.
    ///
    /// A set that exists has to be the same in its type, family, range, `maxelem`, `size` and
    /// masks, in the timeout, counters, comment and `skbinfo` of its entries, and in `forceadd`.
    /// `hashsize`, `bucketsize` and `initval` may differ.
    ///
    /// # Errors
    /// Those of [`create`](Self::create), but [`AlreadyExists`](crate::ErrorKind::AlreadyExists)
    /// only if the set that exists is not the same. The error names the difference.
    pub async fn create_if_absent<T: SetType>(&mut self, set: &IpSet<T>) -> Result<bool> {
        self.client.create_if_absent(set).await
    }

    /// Destroys a set and its entries.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses the set, or while it is being
    ///   listed.
    pub async fn destroy(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Destroy, true, &set).await
    }

    /// Destroys a set if it exists.
    ///
    /// # Errors
    /// Those of [`destroy`](Self::destroy) except [`NotFound`](crate::ErrorKind::NotFound).
    pub async fn destroy_if_present(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Destroy, false, &set).await
    }

    /// Destroys all sets of the network namespace, or none.
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses one of the sets, or while one is
    /// being listed. Then all sets stay.
    pub async fn destroy_all(&mut self) -> Result<()> {
        self.client.with_all(Command::Destroy).await
    }

    /// Removes all entries of a set.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub async fn flush(&mut self, set: impl ToSetName) -> Result<()> {
        self.client.with_set(Command::Flush, true, &set).await
    }

    /// Removes all entries of all sets.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn flush_all(&mut self) -> Result<()> {
        self.client.with_all(Command::Flush).await
    }

    /// Renames a set.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no set named `from`.
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if there is a set named `to`.
    /// - [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses the set, or while it is being
    ///   listed.
    pub async fn rename(&mut self, from: impl ToSetName, to: impl ToSetName) -> Result<()> {
        self.client.with_two(Command::Rename, &from, &to).await
    }

    /// Swaps the contents of two sets. Rules that use one set see the entries of the other from
    /// then on.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if one of the sets does not exist.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the sets differ in family or in the
    ///   elements of their entries. `hash:ip` and `bitmap:ip` have the same elements.
    /// - [`Busy`](crate::ErrorKind::Busy) while one of the sets is being listed.
    pub async fn swap(&mut self, one: impl ToSetName, other: impl ToSetName) -> Result<()> {
        self.client.with_two(Command::Swap, &one, &other).await
    }
}

/// # Entries
impl IpSets {
    /// Adds an entry.
    ///
    /// A range is added element by element. If an entry of the range is already in the set, adding
    /// stops there, and the entries before it stay added.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the entry is in the set.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`Full`](crate::ErrorKind::Full) if the set has no room.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that the set does not take.
    pub async fn add<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.add(set, entry).await
    }

    /// Adds an entry, or updates the options of the one that is in the set.
    ///
    /// If the entry is in the set, it keeps the counters that are not given. All other options that
    /// are not given are reset: the comment and the packet metadata are cleared, the timeout starts
    /// again with the set's default, and `nomatch` is removed.
    ///
    /// The counters of a new entry start at zero if the set is described with
    /// [`counters`](IpSet::counters). For such a set, two requests are sent if the entry exists and
    /// a counter is not given.
    ///
    /// # Errors
    /// Those of [`add`](Self::add) except [`AlreadyExists`](crate::ErrorKind::AlreadyExists).
    pub async fn put<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.put(set, entry).await
    }

    /// Removes an entry. The entry's options are ignored.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the entry or the set does not exist.
    ///   [`Error::missing`](crate::Error::missing) says which.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that no set of the type can
    ///   have.
    pub async fn remove<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.remove(true, set, entry).await
    }

    /// Removes an entry if it is in the set.
    ///
    /// # Errors
    /// Those of [`remove`](Self::remove), but [`NotFound`](crate::ErrorKind::NotFound) only if
    /// there is no such set.
    pub async fn remove_if_present<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        self.client.remove(false, set, entry).await
    }

    /// Returns true if an entry is in a set.
    ///
    /// In a set of networks, an address counts as in the set if the longest network that contains
    /// it is not an exception (`nomatch`). A network counts as in the set only if this very network
    /// was added.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that no set of the type can
    ///   have, and for a range, or a network where the type stores single addresses. The kernel
    ///   would test only the first address of those, as `ipset test` does for `hash:ip`.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the kernel's set has another type or
    ///   family than `set`. The kernel would answer that the entry is not in the set, so this
    ///   method compares type and family before it returns false.
    pub async fn test<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<bool> {
        self.client.test(set, entry).await
    }
}

/// # Many entries
impl IpSets {
    /// Adds many entries. An entry that is in the set is a failure.
    ///
    /// About a thousand entries are sent in each message. The [`Outcome`] contains the entries that
    /// failed. [`Outcome::into_result`] turns it into the number of entries or the first error.
    ///
    /// An error that concerns all following entries ends the call also with
    /// [`OnFailure::Continue`]: the set is full or does not exist any more, or the socket failed.
    /// In a `hash:net,iface`, a full set does not end it, because the kernel reports the same if a
    /// single network has too many interfaces.
    pub async fn add_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        self.client
            .change_all(Change::Add, set, entries, on_failure)
            .await
    }

    /// Adds many entries, or updates those that are in the set. See [`put`](Self::put) and
    /// [`add_all`](Self::add_all).
    ///
    /// In a set with counters, new entries need counters of zero, while existing ones must keep
    /// theirs. So entries without given counters are looked up if they seem to exist. This takes
    /// no extra time if all entries are new, two to three times as long if all exist, and four to
    /// five times as long for single addresses in a set of networks. With [`OnFailure::Stop`] the
    /// latter take up to eight times as long, because they are then sent one after the other: no
    /// entry behind the refused one is added.
    pub async fn put_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        self.client
            .change_all(Change::Put, set, entries, on_failure)
            .await
    }

    /// Removes many entries. An entry that is not in the set is a failure. See
    /// [`add_all`](Self::add_all).
    pub async fn remove_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        self.client
            .change_all(Change::Remove, set, entries, on_failure)
            .await
    }

    /// Removes those of many entries that are in the set. See [`add_all`](Self::add_all).
    pub async fn remove_all_if_present<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        self.client
            .change_all(Change::RemoveIfPresent, set, entries, on_failure)
            .await
    }

    /// Returns for each of many entries whether it is in a set, in the same order.
    ///
    /// The results are those of [`test`](Self::test). Hundreds of entries are tested in one system
    /// call.
    ///
    /// # Errors
    /// - Those of [`test`](Self::test), for the first entry that has one.
    /// - [`RepliesLost`](crate::ErrorKind::RepliesLost) if the kernel dropped answers. Then the
    ///   results of all entries are lost.
    pub async fn test_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Vec<bool>> {
        self.client.test_all(set, entries).await
    }

    /// Replaces the whole content of a set at once, and returns the number of entries given.
    ///
    /// A packet sees either all of the old content or all of the new. Rules and lists that use the
    /// set keep using it. An entry that is given twice is added once, with the options of the last
    /// one. Counters that the last one does not give are those that an earlier one gives.
    ///
    /// The entries go into a temporary set, named `ipvset-` and a random number, which is then
    /// swapped with `set` and destroyed. It gets the options that `set` has in the kernel, and as
    /// many buckets as the iterator announces entries, at most 16,777,216.
    ///
    /// The kernel neither swaps nor destroys a set that is being listed, so each is tried again
    /// for about 2.5 seconds. If a process is killed and leaves a temporary set behind, the next
    /// replacement in the same network namespace destroys it. If the process may not open Unix
    /// sockets, it has to destroy such sets itself.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`Busy`](crate::ErrorKind::Busy) if other programs keep listing one of the two sets.
    /// - Those of [`create`](Self::create), [`add_all`](Self::add_all) and [`swap`](Self::swap).
    ///
    /// After an error the set has its old content, and the temporary set is destroyed, unless the
    /// error says otherwise. If the kernel's reply to the exchange of the two sets is missing
    /// ([`RepliesLost`](crate::ErrorKind::RepliesLost) or [`Io`](crate::ErrorKind::Io) of
    /// `swap sets`), the set may have its new content.
    pub async fn replace<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        self.client.replace(set, entries).await
    }
}

/// # Desired state
impl IpSets {
    /// Returns what brings a set to the wanted entries, and changes nothing.
    ///
    /// This lists the set once. See [`IpSets::apply`] for what is compared.
    ///
    /// # Errors
    /// Those of [`SetPlan::new`] and [`list`](Self::list), except
    /// [`NotFound`](crate::ErrorKind::NotFound): the plan creates a set that does not exist.
    /// [`Inconsistent`](crate::ErrorKind::Inconsistent) if the policy keeps the set's options, and
    /// another program creates the set meanwhile with another mask or less room.
    pub async fn plan<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetPlan<T>> {
        self.client.plan(set, entries, policy).await
    }

    /// Brings a set to the wanted entries, and returns what became of them.
    ///
    /// Afterwards the set contains these entries and no others. It is created if it does not exist.
    /// What is compared is what the set stores: ranges as their networks or addresses, without host
    /// bits, and with the set's masks ([`IpSet::stored`]). If the set is as it is wanted, it is
    /// only listed.
    ///
    /// - Entries that stay are not touched: they keep their counters and the times that they have
    ///   left. New entries start with the given counters, or zero.
    /// - A changed comment, packet metadata or `nomatch` is written without a loss of counters.
    /// - Timeouts are renewed if less than half is left, or what the policy says
    ///   ([`Policy::renew_below`]). A time that counts down is no difference.
    /// - If the set's options differ, such as `maxelem` or comments, a second set with the wanted
    ///   options is filled and swapped with the set. Entries that stay bring along their counters
    ///   and times. The policy can ask for that always ([`Policy::at_once`]).
    /// - A set of another type or family is an error, or is created anew if the policy says so
    ///   ([`Policy::recreate`]). Until the new set is complete, the old one stays.
    /// - The members of a list are brought to the wanted order, too.
    ///
    /// Entries that are refused are in the report with their indices, and the others are written.
    /// If another program creates, destroys or fills the set meanwhile, the set is read and changed
    /// again, up to four times in all. While other programs list the set, a swap is tried again for
    /// about 2.5 seconds. Second sets that killed processes left behind are destroyed, as by
    /// [`replace`](Self::replace).
    ///
    /// If the future is dropped, the set may have a part of the changes, or none if a second set
    /// was filled. The second set is destroyed. A set that is created anew may be missing.
    ///
    /// The wanted entries are held in memory, with about half as much again for comparing them.
    ///
    /// # Errors
    /// Those of [`IpSets::plan`]. Then nothing was changed. Errors after that are in the report.
    pub async fn apply<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetReport<T>> {
        self.client.apply(set, entries, policy).await
    }

    /// Returns what brings all sets of a program to the wanted ones, and changes nothing.
    ///
    /// This lists all sets of the network namespace once. See [`IpSets::apply_all`].
    ///
    /// # Errors
    /// Those of [`list_all`](Self::list_all). A set that cannot be brought to what is wanted is in
    /// the plan, with the reason.
    pub async fn plan_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsPlan> {
        self.client.plan_all(wanted, scope, policy).await
    }

    /// Brings all sets of a program to the wanted ones, and returns what became of them.
    ///
    /// Each set is brought to its wanted entries as by [`apply`](Self::apply): sets first, then the
    /// lists that contain them. At the end, the sets of the scope that are not wanted are
    /// destroyed, lists first. A set that fails stops no other one, and a set that a rule or a list
    /// still uses is not destroyed. Both are in the report.
    ///
    /// # Errors
    /// Those of [`plan_all`](Self::plan_all). Then nothing was changed.
    pub async fn apply_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsReport> {
        self.client.apply_all(wanted, scope, policy).await
    }
}

/// # Reading
impl IpSets {
    /// Lists the entries of a set as they arrive from the kernel.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the kernel's set has another type than
    ///   `set`.
    pub async fn list<T: SetType>(&mut self, set: &IpSet<T>) -> Result<Entries<'_, T>> {
        Entries::start(&mut self.client, set).await
    }

    /// Lists all sets with their entries as they arrive from the kernel.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn list_all(&mut self) -> Result<SetsAndEntries<'_>> {
        SetsAndEntries::start(&mut self.client).await
    }

    /// Returns a set as it is in the kernel, with its family, counters and other options.
    ///
    /// If the type is only known at run time, use [`info`](Self::info).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the set has another type than `T`.
    pub async fn get<T: SetType + Default>(&mut self, set: impl ToSetName) -> Result<IpSet<T>> {
        self.client.get(&set).await
    }

    /// Returns the type, family and revision of a set.
    ///
    /// This is cheap, since the kernel does not look at the entries. The result lacks the options,
    /// references, memory and number of entries, which [`info`](Self::info) returns.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub async fn header(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        self.client.header(&set).await
    }

    /// Returns what the kernel reports of a set, without its entries.
    ///
    /// For this, the kernel counts the entries of a hash. That takes about 30 ms for a million
    /// entries.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub async fn info(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        self.client.info(&set).await
    }

    /// Returns what the kernel reports of each set, without their entries. See
    /// [`info`](Self::info).
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn info_all(&mut self) -> Result<Vec<SetInfo>> {
        self.client.info_all(None).await
    }

    /// Returns the names of all sets.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn names(&mut self) -> Result<Vec<SetName>> {
        self.client.names().await
    }
}

/// # The rest
impl IpSets {
    /// Returns the number by which rules (`xt_set`, `em_ipset`) refer to a set. Needs Linux 4.20 or
    /// later.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) before Linux 4.20.
    pub async fn index(&mut self, set: impl ToSetName) -> Result<u16> {
        self.client.index(&set).await
    }

    /// Returns the name of the set that rules refer to by a number. Needs Linux 4.20 or later.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if no set has this number.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) before Linux 4.20.
    pub async fn by_index(&mut self, index: u16) -> Result<SetName> {
        self.client.by_index(index).await
    }

    /// Returns the version of the protocol in use: 6, or 7 from Linux 4.20 on.
    pub fn protocol(&self) -> u8 {
        self.client.protocol()
    }

    /// Returns the lowest and the highest revision of a set type that the kernel supports.
    ///
    /// The kernel loads the type's module if it is installed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel does not have the type.
    pub async fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        self.client.revisions(kind).await
    }
}

/// The maximum number of entries that are sorted on the thread of the runtime: it takes less than a
/// millisecond.
const SORTED_AT_ONCE: usize = 10_000;

/// The entries of one set as they arrive from the kernel, returned by [`IpSets::list`].
///
/// It behaves as [`ipset::Entries`](crate::ipset::Entries) does. If it is dropped early, the
/// listing may end a little later: see [cancellation](crate::tokio#cancellation).
///
/// With the feature `stream`, this is a `futures_core::Stream`.
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

    /// Returns what the kernel reports of the set, without its entries.
    pub fn info(&self) -> &SetInfo {
        &self.info
    }

    /// Returns the next entry, or `None` after the last one and after an error.
    ///
    /// No entry is lost if the future is dropped.
    ///
    /// # Errors
    /// Those that [every method](IpSets#errors) can return.
    pub async fn next(&mut self) -> Option<Result<Entry<T>>> {
        self.reader.next_entry(&self.kind).await
    }

    /// Returns the remaining entries, sorted by their elements.
    ///
    /// Addresses, networks and ports are sorted by number, and names by their bytes. Many entries
    /// are sorted on a thread for blocking operations
    /// ([`spawn_blocking`](tokio::task::spawn_blocking)).
    ///
    /// # Errors
    /// The first error of the listing, and [`Io`](crate::ErrorKind::Io) if the runtime is being
    /// shut down.
    pub async fn sorted(mut self) -> Result<Vec<Entry<T>>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.next().await {
            entries.push(entry?);
        }
        let runtime = Handle::try_current().ok();
        let Some(runtime) = runtime.filter(|_| entries.len() > SORTED_AT_ONCE) else {
            sort(&mut entries);
            return Ok(entries);
        };
        let sorting = runtime.spawn_blocking(move || {
            sort(&mut entries);
            entries
        });
        let failed = |error: JoinError| Cause::Io(error.into());
        let sorted = sorting.await.map_err(failed);
        sorted.map_err(|cause| Error::new("sort entries", cause))
    }
}

/// All sets with their entries as they arrive from the kernel, returned by [`IpSets::list_all`].
///
/// It behaves as [`Entries`] does. With the feature `stream`, this is a
/// `futures_core::Stream`.
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

    /// Returns the next set or entry, or `None` after the last one and after an error.
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// Those that [every method](IpSets#errors) can return.
    pub async fn next(&mut self) -> Option<Result<SetOrEntry>> {
        self.reader.next_item(&mut self.kind).await
    }
}
