use crate::ipset::client::change_all::Change;
use crate::ipset::client::claim::Claim;
use crate::ipset::client::{Client, connect_failed};
use crate::ipset::message::code::Command;
use crate::ipset::plan::{Policy, Scope, SetPlan, SetReport, SetsPlan, SetsReport, WantedSets};
use crate::ipset::{
    AnyType, Entries, Entry, IpSet, Revision, SetInfo, SetName, SetType, SetsAndEntries, ToSetName,
};
use crate::netlink::{Failure, Protocol, Socket, ready};
use crate::{Error, Namespace, OnFailure, Outcome, Result};

/// A handle to the kernel's ipset, in one network namespace.
///
/// Every request, including a listing, needs the capability `CAP_NET_ADMIN` in the user namespace
/// that owns the network namespace. The kernel carries out one request at a time, whatever
/// namespaces and threads they come from.
///
/// After a fork, open another handle in the new process. Two processes that share a handle receive
/// each other's replies.
///
/// ```no_run
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::{IpSet, IpSets};
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
    client: Client<Socket>,
}

/// # Connecting
impl IpSets {
    /// Opens a handle in the calling thread's network namespace.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel has no ipset.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the capability
    ///   `CAP_NET_ADMIN`.
    pub fn connect() -> Result<Self> {
        Self::over(Socket::open(Protocol::Netfilter), Claim::open())
    }

    /// Opens a handle in another network namespace. The calling thread stays in its own.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without `CAP_SYS_ADMIN`, which
    /// entering a namespace needs.
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
    pub fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        self.create_with(set, Revision::Lowest)
    }

    /// Creates a set with a revision of its type. See [`Revision`].
    ///
    /// # Errors
    /// Those of [`create`](Self::create), and [`Unavailable`](crate::ErrorKind::Unavailable) for a
    /// revision that the kernel does not have.
    pub fn create_with<T: SetType>(&mut self, set: &IpSet<T>, revision: Revision) -> Result<()> {
        ready(self.client.create(set, revision))
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
    pub fn create_if_absent<T: SetType>(&mut self, set: &IpSet<T>) -> Result<bool> {
        ready(self.client.create_if_absent(set))
    }

    /// Destroys a set and its entries.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses the set, or while it is being
    ///   listed.
    pub fn destroy(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Destroy, true, &set))
    }

    /// Destroys a set if it exists.
    ///
    /// # Errors
    /// Those of [`destroy`](Self::destroy) except [`NotFound`](crate::ErrorKind::NotFound).
    pub fn destroy_if_present(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Destroy, false, &set))
    }

    /// Destroys all sets of the network namespace, or none.
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses one of the sets, or while one is
    /// being listed. Then all sets stay.
    pub fn destroy_all(&mut self) -> Result<()> {
        ready(self.client.with_all(Command::Destroy))
    }

    /// Removes all entries of a set.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub fn flush(&mut self, set: impl ToSetName) -> Result<()> {
        ready(self.client.with_set(Command::Flush, true, &set))
    }

    /// Removes all entries of all sets.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn flush_all(&mut self) -> Result<()> {
        ready(self.client.with_all(Command::Flush))
    }

    /// Renames a set.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no set named `from`.
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if there is a set named `to`.
    /// - [`Busy`](crate::ErrorKind::Busy) if a rule or a list uses the set, or while it is being
    ///   listed.
    pub fn rename(&mut self, from: impl ToSetName, to: impl ToSetName) -> Result<()> {
        ready(self.client.with_two(Command::Rename, &from, &to))
    }

    /// Swaps the contents of two sets. Rules that use one set see the entries of the other from
    /// then on.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if one of the sets does not exist.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the sets differ in family or in the
    ///   elements of their entries. `hash:ip` and `bitmap:ip` have the same elements.
    /// - [`Busy`](crate::ErrorKind::Busy) while one of the sets is being listed.
    pub fn swap(&mut self, one: impl ToSetName, other: impl ToSetName) -> Result<()> {
        ready(self.client.with_two(Command::Swap, &one, &other))
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
    pub fn add<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.add(set, entry))
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
    pub fn put<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.put(set, entry))
    }

    /// Removes an entry. The entry's options are ignored.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the entry or the set does not exist.
    ///   [`Error::missing`](crate::Error::missing) says which.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that no set of the type can
    ///   have.
    pub fn remove<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()> {
        ready(self.client.remove(true, set, entry))
    }

    /// Removes an entry if it is in the set.
    ///
    /// # Errors
    /// Those of [`remove`](Self::remove), but [`NotFound`](crate::ErrorKind::NotFound) only if
    /// there is no such set.
    pub fn remove_if_present<T: SetType>(
        &mut self,
        set: &IpSet<T>,
        entry: impl Into<Entry<T>>,
    ) -> Result<()> {
        ready(self.client.remove(false, set, entry))
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
    pub fn test<T: SetType>(&mut self, set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<bool> {
        ready(self.client.test(set, entry))
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
    ///
    /// ```no_run
    /// use ipvset::OnFailure;
    /// use ipvset::ipset::types::HashIp;
    /// use ipvset::ipset::{IpSet, IpSets};
    /// use std::net::Ipv4Addr;
    ///
    /// let mut sets = IpSets::connect()?;
    /// let blocked = IpSet::<HashIp>::new("blocked")?;
    /// let addresses = (1..100_000).map(Ipv4Addr::from_bits);
    /// let outcome = sets.add_all(&blocked, addresses, OnFailure::Continue);
    /// for failed in outcome.failures() {
    ///     eprintln!("{}: {}", failed.input, failed.error);
    /// }
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    pub fn add_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        ready(
            self.client
                .change_all(Change::Add, set, entries, on_failure),
        )
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
    pub fn put_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        ready(
            self.client
                .change_all(Change::Put, set, entries, on_failure),
        )
    }

    /// Removes many entries. An entry that is not in the set is a failure. See
    /// [`add_all`](Self::add_all).
    pub fn remove_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        ready(
            self.client
                .change_all(Change::Remove, set, entries, on_failure),
        )
    }

    /// Removes those of many entries that are in the set. See [`add_all`](Self::add_all).
    pub fn remove_all_if_present<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        on_failure: OnFailure,
    ) -> Outcome<Entry<T>> {
        ready(
            self.client
                .change_all(Change::RemoveIfPresent, set, entries, on_failure),
        )
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
    pub fn test_all<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Vec<bool>> {
        ready(self.client.test_all(set, entries))
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
    pub fn replace<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        ready(self.client.replace(set, entries))
    }
}

/// # Desired state
impl IpSets {
    /// Returns what brings a set to the wanted entries, and changes nothing.
    ///
    /// This lists the set once. See [`IpSets::apply`] for what is compared.
    ///
    /// ```no_run
    /// use ipvset::ipset::plan::Policy;
    /// use ipvset::ipset::IpSets;
    /// # use ipvset::ipset::{IpSet, types::HashNet};
    /// # let blocked = IpSet::<HashNet>::new("blocked")?;
    /// # let wanted: Vec<ipnet::IpNet> = Vec::new();
    ///
    /// let plan = IpSets::connect()?.plan(&blocked, wanted, &Policy::new())?;
    /// println!("{}", plan.summary()); // blocked: 3 added, 1 removed, 96 kept, in place
    /// print!("{plan}"); // lines for `ipset restore`
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`SetPlan::new`] and [`list`](Self::list), except
    /// [`NotFound`](crate::ErrorKind::NotFound): the plan creates a set that does not exist.
    /// [`Inconsistent`](crate::ErrorKind::Inconsistent) if the policy keeps the set's options, and
    /// another program creates the set meanwhile with another mask or less room.
    pub fn plan<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetPlan<T>> {
        ready(self.client.plan(set, entries, policy))
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
    /// The wanted entries are held in memory, with about half as much again for comparing them.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use ipvset::ipnet::IpNet;
    /// use ipvset::ipset::plan::{Overflow, Policy};
    /// use ipvset::ipset::types::HashNet;
    /// use ipvset::ipset::{IpSet, IpSets};
    ///
    /// let blocked = IpSet::<HashNet>::new("blocked")?.timeout(Duration::from_secs(3600)).counters();
    /// let policy = Policy::new().if_too_many(Overflow::Grow { most: 1_000_000 });
    /// let list: [IpNet; 2] = ["192.0.2.0/24".parse().unwrap(), "198.51.100.0/24".parse().unwrap()];
    /// let report = IpSets::connect()?.apply(&blocked, list, &policy)?;
    /// for failed in report.failures() {
    ///     eprintln!("{}: {}", failed.index, failed.error);
    /// }
    /// println!("{report}"); // blocked: 2 added, created
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`IpSets::plan`]. Then nothing was changed. Errors after that are in the report.
    pub fn apply<T: SetType, E: Into<Entry<T>>>(
        &mut self,
        set: &IpSet<T>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetReport<T>> {
        ready(self.client.apply(set, entries, policy))
    }

    /// Returns what brings all sets of a program to the wanted ones, and changes nothing.
    ///
    /// This lists all sets of the network namespace once. See [`IpSets::apply_all`].
    ///
    /// # Errors
    /// Those of [`list_all`](Self::list_all). A set that cannot be brought to what is wanted is in
    /// the plan, with the reason.
    pub fn plan_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsPlan> {
        ready(self.client.plan_all(wanted, scope, policy))
    }

    /// Brings all sets of a program to the wanted ones, and returns what became of them.
    ///
    /// Each set is brought to its wanted entries as by [`apply`](Self::apply): sets first, then the
    /// lists that contain them. At the end, the sets of the scope that are not wanted are
    /// destroyed, lists first. A set that fails stops no other one, and a set that a rule or a list
    /// still uses is not destroyed. Both are in the report.
    ///
    /// ```no_run
    /// use ipvset::ipset::IpSets;
    /// use ipvset::ipset::plan::{Policy, Scope, WantedSets};
    ///
    /// let wanted = WantedSets::from_saved(std::fs::read("sets").unwrap())?;
    /// let scope = Scope::prefix("web-");
    /// let mut sets = IpSets::connect()?;
    /// print!("{}", sets.plan_all(&wanted, &scope, &Policy::new())?); // lines for `ipset restore`
    /// let report = sets.apply_all(&wanted, &scope, &Policy::new())?;
    /// print!("{report}");
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`plan_all`](Self::plan_all). Then nothing was changed.
    pub fn apply_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsReport> {
        ready(self.client.apply_all(wanted, scope, policy))
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
    pub fn list<T: SetType>(&mut self, set: &IpSet<T>) -> Result<Entries<'_, T>> {
        Entries::start(&mut self.client, set)
    }

    /// Lists all sets with their entries as they arrive from the kernel.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn list_all(&mut self) -> Result<SetsAndEntries<'_>> {
        SetsAndEntries::start(&mut self.client)
    }

    /// Returns a set as it is in the kernel, with its family, counters and other options.
    ///
    /// If the type is only known at run time, use [`info`](Self::info).
    ///
    /// ```no_run
    /// use ipvset::ipset::types::HashNet;
    /// use ipvset::ipset::IpSets;
    ///
    /// let mut sets = IpSets::connect()?;
    /// let blocked = sets.get::<HashNet>("blocked6")?;
    /// sets.add(&blocked, "2001:db8::/32".parse::<ipnet::IpNet>().unwrap())?;
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the set has another type than `T`.
    pub fn get<T: SetType + Default>(&mut self, set: impl ToSetName) -> Result<IpSet<T>> {
        ready(self.client.get(&set))
    }

    /// Returns the type, family and revision of a set.
    ///
    /// This is cheap, since the kernel does not look at the entries. The result lacks the options,
    /// references, memory and number of entries, which [`info`](Self::info) returns.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub fn header(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        ready(self.client.header(&set))
    }

    /// Returns what the kernel reports of a set, without its entries.
    ///
    /// For this, the kernel counts the entries of a hash. That takes about 30 ms for a million
    /// entries.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such set.
    pub fn info(&mut self, set: impl ToSetName) -> Result<SetInfo> {
        ready(self.client.info(&set))
    }

    /// Returns what the kernel reports of each set, without their entries. See
    /// [`info`](Self::info).
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn info_all(&mut self) -> Result<Vec<SetInfo>> {
        ready(self.client.info_all(None))
    }

    /// Returns the names of all sets.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn names(&mut self) -> Result<Vec<SetName>> {
        ready(self.client.names())
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
    pub fn index(&mut self, set: impl ToSetName) -> Result<u16> {
        ready(self.client.index(&set))
    }

    /// Returns the name of the set that rules refer to by a number. Needs Linux 4.20 or later.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if no set has this number.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) before Linux 4.20.
    pub fn by_index(&mut self, index: u16) -> Result<SetName> {
        ready(self.client.by_index(index))
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
    pub fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        ready(self.client.revisions(kind))
    }
}

const _: fn() = || {
    fn sent<T: Send>() {}
    sent::<IpSets>();
    sent::<Error>();
};
