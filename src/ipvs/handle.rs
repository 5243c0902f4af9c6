use std::net::SocketAddr;

use crate::ipvs::client::Client;
use crate::ipvs::client::control::Sockets;
use crate::ipvs::client::table::TableEntries;
use crate::ipvs::model::control_interface::ControlInterface;
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::{Info, ServerInfo, ServiceInfo, TableEntry};
use crate::ipvs::model::scheduler::{Scheduler, SchedulerFlags};
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::plan::{ApplyReport, Keeper, Kept, Plan, Planner, Record, WantedTable};
use crate::ipvs::proc::growth::Growth;
use crate::netlink::{Socket, ready};
use crate::{Namespace, OnFailure, Outcome, Result};

/// A handle to the IPVS of one network namespace.
///
/// A handle owns its sockets. They stay in the namespace in which they were opened. A handle
/// carries out one call at a time, so open another one for another thread. After a fork, open
/// another one in the new process: two processes that share a handle receive each other's
/// replies.
///
/// Every request needs `CAP_NET_ADMIN`, reading included: in the initial user namespace, or in the
/// one that owns the network namespace. In the latter case the handle uses an older interface of
/// the kernel, which can do less: see [`ControlInterface`].
///
/// ```no_run
/// use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};
///
/// let mut ipvs = Ipvs::connect()?;
/// let web = VirtualService::tcp("10.100.100.100:8080".parse()?).scheduler(Scheduler::RoundRobin);
/// ipvs.add_service(&web)?;
/// ipvs.add_server(&web, &RealServer::new("10.0.0.11:8080".parse()?).masquerade())?;
/// for service in ipvs.services()? {
///     println!("{service:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Every method that asks the kernel can fail with these kinds:
///
/// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the capability
///   `CAP_NET_ADMIN` that [`ControlInterface`] describes.
/// - [`NetlinkRequired`](crate::ErrorKind::NetlinkRequired) if the handle uses socket options,
///   which cannot do this.
/// - [`Unavailable`](crate::ErrorKind::Unavailable) if IPVS was removed from the kernel in the
///   meantime.
/// - [`RepliesLost`](crate::ErrorKind::RepliesLost) if the kernel's reply was lost. It is then
///   unknown whether the request was carried out.
/// - [`MalformedReply`](crate::ErrorKind::MalformedReply) if the kernel's reply cannot be read.
/// - [`Io`](crate::ErrorKind::Io) if a system call fails.
///
/// The methods list the other kinds.
#[derive(Debug)]
pub struct Ipvs {
    pub(super) client: Client<Socket>,
}

/// # Connecting
impl Ipvs {
    /// Opens a handle in the calling thread's network namespace.
    ///
    /// It uses netlink if the program may, otherwise the older socket options, which need no root:
    /// see [`ControlInterface`]. The choice is made once.
    ///
    /// Linux 6.1 and later load the module `ip_vs` now if it is not loaded. On earlier kernels,
    /// load it beforehand.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel has no IPVS.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the program may use neither
    ///   interface.
    pub fn connect() -> Result<Self> {
        Self::over(Sockets::open(), None, Growth::open)
    }

    /// Opens a handle in another network namespace.
    ///
    /// The calling thread is in its own namespace when this returns, also after an error.
    ///
    /// # Errors
    /// Those of [`Ipvs::connect`], and:
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without `CAP_SYS_ADMIN`, which
    ///   entering a namespace needs.
    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        let growth = || Growth::open_in(namespace);
        Self::over(Sockets::open_in(namespace), None, growth)
    }

    /// Opens a handle in the calling thread's network namespace that uses the given interface.
    ///
    /// # Errors
    /// Those of [`Ipvs::connect`], where only the given interface counts.
    pub fn connect_over(interface: ControlInterface) -> Result<Self> {
        Self::over(Sockets::open(), Some(interface), Growth::open)
    }

    /// Opens a handle in another network namespace that uses the given interface.
    ///
    /// # Errors
    /// Those of [`Ipvs::connect_in`], where only the given interface counts.
    pub fn connect_in_over(namespace: &Namespace, interface: ControlInterface) -> Result<Self> {
        let growth = || Growth::open_in(namespace);
        Self::over(Sockets::open_in(namespace), Some(interface), growth)
    }

    fn over(
        sockets: Result<Sockets<Socket>>,
        interface: Option<ControlInterface>,
        growth: impl FnOnce() -> Growth,
    ) -> Result<Self> {
        let client = ready(Client::connect(sockets?, interface, growth))?;
        Ok(Self { client })
    }

    /// Returns the kernel interface that this handle uses.
    pub fn control_interface(&self) -> ControlInterface {
        self.client.control_interface()
    }
}

/// # Services
impl Ipvs {
    /// Adds a service.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if there is a service with this key.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the kernel has no such scheduler or
    ///   persistence engine.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`VirtualService::validate`].
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the address is IPv6 and the kernel does
    ///   not support IPv6.
    pub fn add_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::AddService(service.clone()))
    }

    /// Replaces the whole configuration of the service with this key.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service, scheduler or
    ///   persistence engine.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`VirtualService::validate`].
    pub fn update_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::UpdateService(service.clone()))
    }

    /// Adds a service, or replaces the whole configuration of the one with this key.
    ///
    /// # Errors
    /// Those of [`Ipvs::add_service`] except
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), and:
    /// - [`NotFound`](crate::ErrorKind::NotFound) if another program removed the service after the
    ///   kernel refused to add it and before it was changed.
    pub fn put_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::PutService(service.clone()))
    }

    /// Reads a service, passes its configuration to `change`, writes it back, and returns what
    /// was written.
    ///
    /// The kernel can only overwrite the whole configuration of a service. A change that another
    /// program makes between the reading and the writing is lost.
    ///
    /// # Errors
    /// Those of [`Ipvs::update_service`], and:
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if `change` changed the key.
    pub fn change_service(
        &mut self,
        service: impl Into<ServiceKey>,
        change: impl FnOnce(&mut VirtualService),
    ) -> Result<VirtualService> {
        ready(self.client.change_service(service.into(), change))
    }

    /// Changes the scheduler of a service and nothing else.
    ///
    /// This reads the service and writes it back, as [`Ipvs::change_service`] does. The
    /// scheduler's flags stay as they are, even if the new scheduler ignores them (see
    /// [`VirtualService::warnings`]).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or scheduler.
    pub fn set_scheduler(
        &mut self,
        service: impl Into<ServiceKey>,
        scheduler: Scheduler,
    ) -> Result<()> {
        ready(self.client.set_scheduler(service.into(), scheduler))
    }

    /// Sets the scheduler flags of a service that are in `mask` to their values in `flags`, and
    /// changes nothing else.
    ///
    /// This reads the service and writes it back, as [`Ipvs::change_service`] does.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if `flags` contains bits that do not
    ///   belong to the scheduler: see [`VirtualService::validate`].
    pub fn set_scheduler_flags(
        &mut self,
        service: impl Into<ServiceKey>,
        mask: SchedulerFlags,
        flags: SchedulerFlags,
    ) -> Result<()> {
        ready(self.client.set_scheduler_flags(service.into(), mask, flags))
    }

    /// Removes a service and its servers.
    ///
    /// The service's connections stay in the kernel's table: see [`Ipvs::remove_server`].
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub fn remove_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveService(service.into()))
    }

    /// Removes a service and its servers if the service exists.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn remove_service_if_present(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveServiceIfPresent(service.into()))
    }
}

/// # Servers
impl Ipvs {
    /// Adds a server to a service.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the service has a server with this
    ///   address and port.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`RealServer::validate`]. The
    ///   kernel also refuses an address that is neither unicast nor local according to this
    ///   machine's routes. While a sync daemon runs, it refuses a server of another family than the
    ///   service.
    pub fn add_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::AddServer(service.into(), server.clone()))
    }

    /// Replaces the whole configuration of the server with this address and port.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`RealServer::validate`].
    pub fn update_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::UpdateServer(service.into(), server.clone()))
    }

    /// Adds a server to a service, or replaces the whole configuration of the one with this
    /// address and port.
    ///
    /// # Errors
    /// Those of [`Ipvs::add_server`] except [`AlreadyExists`](crate::ErrorKind::AlreadyExists),
    /// and:
    /// - [`NotFound`](crate::ErrorKind::NotFound) if another program removed the server after the
    ///   kernel refused to add it and before it was changed.
    pub fn put_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::PutServer(service.into(), server.clone()))
    }

    /// Reads a server, passes its configuration to `change`, writes it back, and returns what
    /// was written.
    ///
    /// The kernel can only overwrite the whole configuration of a server. For example, a request
    /// that contains only a weight turns a GUE tunnel into an IP-in-IP tunnel. A change that
    /// another program makes between the reading and the writing is lost.
    ///
    /// # Errors
    /// Those of [`Ipvs::update_server`], and:
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if `change` changed the address or the
    ///   port.
    pub fn change_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        change: impl FnOnce(&mut RealServer),
    ) -> Result<RealServer> {
        ready(self.client.change_server(service.into(), server, change))
    }

    /// Changes the weight of a server and nothing else.
    ///
    /// This reads the server and writes it back, as [`Ipvs::change_server`] does.
    ///
    /// A server with weight 0 keeps its connections. Whether it gets new ones depends on
    /// persistence and the scheduler: see
    /// [`RealServer::weight`](RealServer#structfield.weight).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the weight is above 2,147,483,647.
    pub fn set_weight(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        weight: u32,
    ) -> Result<()> {
        ready(self.client.set_weight(service.into(), server, weight))
    }

    /// Changes the connection thresholds of a server and nothing else.
    ///
    /// This reads the server and writes it back, as [`Ipvs::change_server`] does. For their
    /// meaning, see [`RealServer::upper_threshold`](RealServer#structfield.upper_threshold) and
    /// [`RealServer::lower_threshold`](RealServer#structfield.lower_threshold).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`RealServer::validate`].
    pub fn set_thresholds(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        upper: u32,
        lower: u32,
    ) -> Result<()> {
        let service = service.into();
        ready(self.client.set_thresholds(service, server, upper, lower))
    }

    /// Removes a server from a service.
    ///
    /// The server's connections stay in the kernel's table, and their packets are dropped until
    /// the connections time out. If the sysctl
    /// [`EXPIRE_NODEST_CONN`](crate::ipvs::proc::sysctl::EXPIRE_NODEST_CONN) is on (Linux 5.9 or
    /// later), the connections end at once, and a client's next packet goes to another server.
    /// To let connections end by themselves, set the weight to 0 first: see the
    /// [guide](crate::guide::drain).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    pub fn remove_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServer(service.into(), server))
    }

    /// Removes a server from a service if both exist.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn remove_server_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServerIfPresent(service.into(), server))
    }
}

/// # Many changes at once
impl Ipvs {
    /// Carries out one operation.
    ///
    /// # Errors
    /// Those of the method that does the same.
    pub fn execute(&mut self, operation: &Operation) -> Result<()> {
        ready(self.client.execute(operation))
    }

    /// Carries out many operations in few system calls.
    ///
    /// The operations are an iterator, such as [`Operations`](crate::ipvs::Operations), which has
    /// a method for each kind of operation. This method takes them from the iterator as it sends
    /// them, and never holds more of them than fit into one datagram, about 700.
    ///
    /// The kernel carries out the operations in order, each on its own. It has no transactions:
    /// what was done before a failure stays. With [`OnFailure::Stop`], nothing more is taken from
    /// the iterator and sent after a failure.
    ///
    /// ```no_run
    /// use ipvset::OnFailure;
    /// use ipvset::ipvs::{Ipvs, Operation, RealServer, VirtualService};
    ///
    /// let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
    /// let servers = (1..=200).map(|it| RealServer::new(([10, 0, 0, it], 8080).into()));
    /// let servers = servers.map(|it| Operation::AddServer(web.key, it));
    /// let outcome = Ipvs::connect()?.execute_all(servers, OnFailure::Continue);
    /// for failed in outcome.failures() {
    ///     eprintln!("{}: {}", failed.index, failed.error);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        ready(self.client.execute_all(operations, on_failure))
    }
}

/// # Reading the table
impl Ipvs {
    /// Reads one service.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub fn service(&mut self, service: impl Into<ServiceKey>) -> Result<ServiceInfo> {
        ready(self.client.service(service.into()))
    }

    /// Reads all services. The list contains each service once.
    ///
    /// The kernel does not report that services were added or removed while it lists them, and
    /// then it may skip a service that existed the whole time. If it lists a service twice, this
    /// method returns the later report.
    ///
    /// From Linux 7.1 on, the kernel also moves the services into a larger table by itself, some
    /// milliseconds after many were added. A list of more than about a hundred services can miss
    /// some then. On these kernels this method reads the list again unless it contains as many
    /// services as `/proc/net/ip_vs_status` reports. If that file cannot be read, which only root
    /// may do, the method reads until two lists in succession contain the same services.
    /// [`Ipvs::entries`], [`Ipvs::table`] and [`Ipvs::verified_table`] begin with this list.
    ///
    /// # Errors
    /// - [`Inconsistent`](crate::ErrorKind::Inconsistent) if none of six lists was complete, for
    ///   example because another program adds and removes services all the time. This happens only
    ///   on Linux 7.1 and later.
    pub fn services(&mut self) -> Result<Vec<ServiceInfo>> {
        ready(self.client.services())
    }

    /// Reads one server of a service.
    ///
    /// The kernel has no request for a single server, so this reads all servers of the service.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    pub fn server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<ServerInfo> {
        ready(self.client.server(service.into(), server))
    }

    /// Reads the servers of a service, the most recently added first. The list contains each
    /// server once.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub fn servers(&mut self, service: impl Into<ServiceKey>) -> Result<Vec<ServerInfo>> {
        ready(self.client.servers(service.into()))
    }

    /// Returns an iterator over the services, each with its servers.
    ///
    /// The iterator yields what [`Ipvs::table`] returns, but holds only the list of services and
    /// the servers of one service at a time.
    ///
    /// # Errors
    /// Those of [`Ipvs::services`].
    pub fn entries(&mut self) -> Result<TableEntries<'_>> {
        let services = ready(self.client.services())?;
        Ok(TableEntries::new(&mut self.client, services))
    }

    /// Reads the whole table: every service with its servers.
    ///
    /// This sends one request for the services and one for the servers of each service. Other
    /// programs may change the table in between. The result contains nothing twice, but it may
    /// lack something that exists, and may contain something that was removed meanwhile: see
    /// [`Ipvs::verified_table`].
    ///
    /// # Errors
    /// Those of [`Ipvs::services`].
    pub fn table(&mut self) -> Result<Vec<TableEntry>> {
        ready(self.client.table())
    }

    /// Reads the whole table until two readings in succession are the same, and returns the
    /// second.
    ///
    /// Two readings are the same if they contain the same services and servers with the same
    /// configuration. The kernel never reports that another program changed a list while it was
    /// read, so this is the only way to know. It takes twice as long as [`Ipvs::table`] if
    /// nothing changes. It does not notice a change that is made and undone between the same
    /// requests of both readings.
    ///
    /// # Errors
    /// Those of [`Ipvs::services`], and:
    /// - [`Inconsistent`](crate::ErrorKind::Inconsistent) if no two successive readings of six were
    ///   the same.
    pub fn verified_table(&mut self) -> Result<Vec<TableEntry>> {
        ready(self.client.verified_table())
    }
}

/// # Desired state
impl Ipvs {
    /// Reads the table, and returns the plan that leads to the wanted one. Nothing is changed.
    ///
    /// [`Planner`] says which services belong to the program and how servers leave. Without a
    /// record of what was applied before, give an empty one.
    ///
    /// # Errors
    /// Those of [`Ipvs::table`].
    pub fn plan(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        ready(self.client.plan(planner, wanted, record))
    }

    /// Brings the table to what is wanted, and returns what became of each object.
    ///
    /// This reads the table, makes a [`Plan`], and carries out its operations as
    /// [`Ipvs::execute_all`] does. An operation that fails stops no other one. If a failure shows
    /// that another program changed the table in the meantime, or if a reply was lost, it does
    /// all of this again: up to six times in all, with pauses of 0.3 seconds together.
    ///
    /// Servers that are no longer wanted drain, unless the [policy](Planner::policy) says
    /// otherwise. They get weight 0 here; [`Record::look`] says later when they can be removed. If
    /// the program keeps the record, the next call goes on from there.
    /// [`Ipvs::keep`] does all of this.
    ///
    /// ```no_run
    /// use ipvset::ipvs::plan::{Planner, Record, Scope, WantedTable};
    /// use ipvset::ipvs::Ipvs;
    ///
    /// let wanted: WantedTable = std::fs::read_to_string("table")?.parse()?;
    /// let planner = Planner::new().scope(Scope::addresses("10.0.0.0/8".parse::<ipnet::IpNet>()?));
    /// let report = Ipvs::connect()?.apply(&planner, &wanted, &mut Record::new())?;
    /// for failed in report.failures() {
    ///     eprintln!("{failed}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Ipvs::table`], if the table cannot be read at first. Failures after that are in
    /// the report.
    pub fn apply(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &mut Record,
    ) -> Result<ApplyReport> {
        ready(self.client.apply(planner, wanted, record))
    }

    /// Brings the table to what is wanted, ends drains whose time has come, and returns what was
    /// found and done. A program calls it again and again: see [`Keeper`].
    ///
    /// If `/proc` shows that nothing changed since the last call, and the same is wanted, nothing
    /// else is read. Otherwise this does what [`Ipvs::apply`] does.
    ///
    /// With `None` in place of the wanted table, this ends drains and changes nothing else. What
    /// other programs changed of what the last call wanted is in the report.
    ///
    /// # Errors
    /// Those of [`Ipvs::table`], and:
    /// - [`Io`](crate::ErrorKind::Io) if the record could not be saved: see
    ///   [`Keeper::save_with`].
    pub fn keep<'a>(
        &mut self,
        keeper: &mut Keeper,
        wanted: impl Into<Option<&'a WantedTable>>,
    ) -> Result<Kept> {
        ready(self.client.keep(keeper, wanted.into()))
    }

    /// Reads the table back, and returns what is still to do. The plan is
    /// [empty](Plan::is_empty) if the table is as wanted, apart from drains that go on and from
    /// what is left alone.
    ///
    /// Unlike [`Ipvs::plan`], this reads the table as [`Ipvs::verified_table`] does.
    ///
    /// # Errors
    /// Those of [`Ipvs::verified_table`].
    pub fn verify(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        ready(self.client.verify(planner, wanted, record))
    }
}

/// # The rest
impl Ipvs {
    /// Removes every service and server.
    ///
    /// Connections, timeouts and sync daemons stay.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn flush(&mut self) -> Result<()> {
        self.execute(&Operation::Flush)
    }

    /// Zeroes the counters of every service and server, and the totals of the namespace.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn zero(&mut self) -> Result<()> {
        self.execute(&Operation::Zero)
    }

    /// Zeroes the counters of a service and of its servers.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub fn zero_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::ZeroService(service.into()))
    }

    /// Reads the version of IPVS and the size of its connection table.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn info(&mut self) -> Result<Info> {
        ready(self.client.info())
    }

    /// Reads the connection timeouts.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        ready(self.client.timeouts())
    }

    /// Sets the timeouts that are `Some`, and leaves the others as they are.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if a timeout is not a whole number of
    ///   seconds, is 0, or is longer than the kernel accepts. Every kernel accepts
    ///   [`Timeouts::MAX`].
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.execute(&Operation::SetTimeouts(*timeouts))
    }

    /// Reads which sync daemons run: none, one, or a master and a backup.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub fn daemons(&mut self) -> Result<Vec<SyncDaemon>> {
        ready(self.client.daemons())
    }

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if a daemon with this role runs.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such network interface.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if a value is out of bounds, or a service
    ///   has a server of another family.
    /// - [`Busy`](crate::ErrorKind::Busy) if the kernel is starting or stopping a daemon.
    pub fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<()> {
        self.execute(&Operation::StartDaemon(daemon.clone()))
    }

    /// Stops the sync daemon with this role.
    ///
    /// The kernel does not answer this request if the daemon was started so recently that its
    /// thread has not run yet. It does stop the daemon, but the result is `EINTR`
    /// (`stop_sync_thread` in net/netfilter/ipvs/ip_vs_sync.c and `kthread` in kernel/kthread.c),
    /// for which netlink sends no reply (`netlink_rcv_skb` in net/netlink/af_netlink.c). This
    /// method and [`Ipvs::execute_all`] do not wait for that reply. A program that sends
    /// [`Operation::StopDaemon`] over its own connection should not wait for a reply to this
    /// request alone.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if no daemon with this role runs.
    pub fn stop_daemon(&mut self, role: SyncRole) -> Result<()> {
        self.execute(&Operation::StopDaemon(role))
    }
}
