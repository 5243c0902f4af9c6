use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;

use crate::ipvs::client::Client;
use crate::ipvs::client::control::Sockets;
use crate::ipvs::plan::{ApplyReport, Keeper, Kept, Plan, Planner, Record, WantedTable};
use crate::ipvs::proc::growth::Growth;
use crate::ipvs::{
    ControlInterface, Info, Operation, RealServer, Scheduler, SchedulerFlags, ServerInfo,
    ServiceInfo, ServiceKey, SyncDaemon, SyncRole, TableEntry, Timeouts, VirtualService,
};
use crate::netlink::{AsyncSocket, Socket};
use crate::{Namespace, OnFailure, Outcome, Result};

/// A handle to the IPVS of one network namespace, for programs that run on tokio.
///
/// It has the methods of [`ipvs::Ipvs`](crate::ipvs::Ipvs), and sends the same requests.
///
/// ```no_run
/// use ipvset::ipvs::{RealServer, VirtualService};
/// use ipvset::tokio::Ipvs;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ipvs = Ipvs::connect().await?;
/// let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
/// ipvs.add_service(&web).await?;
/// ipvs.add_server(&web, &RealServer::new("10.0.0.11:8080".parse()?)).await?;
/// for service in ipvs.services().await? {
///     println!("{service:?}");
/// }
/// # Ok(())
/// # }
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
    client: Client<AsyncSocket>,
}

/// # Connecting
impl Ipvs {
    /// Opens a handle in the network namespace of the thread that first polls this future.
    ///
    /// It uses netlink if the program may, otherwise the older socket options, which need no root:
    /// see [`ControlInterface`]. The choice is made once.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel has no IPVS. Linux 6.1 and
    ///   later load it now if it is a module. On earlier kernels, the module has to be loaded
    ///   before.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the program may use neither
    ///   interface.
    pub async fn connect() -> Result<Self> {
        Self::here(None).await
    }

    /// Opens a handle in another network namespace. The threads of the runtime stay in theirs.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without `CAP_SYS_ADMIN`, which
    /// entering a namespace needs.
    pub async fn connect_in(namespace: &Namespace) -> Result<Self> {
        Self::inside(namespace, None).await
    }

    /// Opens a handle in the network namespace of the thread that first polls this future. The
    /// handle uses the given interface.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), where only the given interface counts.
    pub async fn connect_over(interface: ControlInterface) -> Result<Self> {
        Self::here(Some(interface)).await
    }

    /// Opens a handle in another network namespace that uses the given interface.
    ///
    /// # Errors
    /// Those of [`connect_in`](Self::connect_in), where only the given interface counts.
    pub async fn connect_in_over(
        namespace: &Namespace,
        interface: ControlInterface,
    ) -> Result<Self> {
        Self::inside(namespace, Some(interface)).await
    }

    async fn here(interface: Option<ControlInterface>) -> Result<Self> {
        // All are opened before the first await, since the task may move to another thread there.
        let (sockets, early) = (Sockets::open(), Growth::open());
        // The file may only appear when connecting loads the module of IPVS.
        let growth = || match early {
            Growth::Never => Growth::open(),
            known => known,
        };
        Self::over(sockets, interface, growth).await
    }

    async fn inside(namespace: &Namespace, interface: Option<ControlInterface>) -> Result<Self> {
        let growth = || Growth::open_in(namespace);
        Self::over(Sockets::open_in(namespace), interface, growth).await
    }

    async fn over(
        sockets: Result<Sockets<Socket>>,
        interface: Option<ControlInterface>,
        growth: impl FnOnce() -> Growth,
    ) -> Result<Self> {
        let sockets = sockets?.map(AsyncSocket::new);
        let client = Client::connect(sockets, interface, growth).await?;
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
    pub async fn add_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::AddService(service.clone())).await
    }

    /// Replaces the whole configuration of the service with this key.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service, scheduler or
    ///   persistence engine.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`VirtualService::validate`].
    pub async fn update_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::UpdateService(service.clone()))
            .await
    }

    /// Adds a service, or replaces the whole configuration of the one with this key.
    ///
    /// # Errors
    /// Those of [`Ipvs::add_service`] except
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), and:
    /// - [`NotFound`](crate::ErrorKind::NotFound) if another program removed the service after the
    ///   kernel refused to add it and before it was changed.
    pub async fn put_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::PutService(service.clone())).await
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
    pub async fn change_service(
        &mut self,
        service: impl Into<ServiceKey>,
        change: impl FnOnce(&mut VirtualService),
    ) -> Result<VirtualService> {
        self.client.change_service(service.into(), change).await
    }

    /// Changes the scheduler of a service and nothing else.
    ///
    /// This reads the service and writes it back, as [`Ipvs::change_service`] does. The
    /// scheduler's flags stay as they are, even if the new scheduler ignores them (see
    /// [`VirtualService::warnings`]).
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or scheduler.
    pub async fn set_scheduler(
        &mut self,
        service: impl Into<ServiceKey>,
        scheduler: Scheduler,
    ) -> Result<()> {
        self.client.set_scheduler(service.into(), scheduler).await
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
    pub async fn set_scheduler_flags(
        &mut self,
        service: impl Into<ServiceKey>,
        mask: SchedulerFlags,
        flags: SchedulerFlags,
    ) -> Result<()> {
        self.client
            .set_scheduler_flags(service.into(), mask, flags)
            .await
    }

    /// Removes a service and its servers.
    ///
    /// The service's connections stay in the kernel's table: see [`Ipvs::remove_server`].
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub async fn remove_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveService(service.into()))
            .await
    }

    /// Removes a service and its servers if the service exists.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn remove_service_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServiceIfPresent(service.into()))
            .await
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
    pub async fn add_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::AddServer(service.into(), server.clone()))
            .await
    }

    /// Replaces the whole configuration of the server with this address and port.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) as for [`RealServer::validate`].
    pub async fn update_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::UpdateServer(service.into(), server.clone()))
            .await
    }

    /// Adds a server to a service, or replaces the whole configuration of the one with this
    /// address and port.
    ///
    /// # Errors
    /// Those of [`Ipvs::add_server`] except [`AlreadyExists`](crate::ErrorKind::AlreadyExists),
    /// and:
    /// - [`NotFound`](crate::ErrorKind::NotFound) if another program removed the server after the
    ///   kernel refused to add it and before it was changed.
    pub async fn put_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::PutServer(service.into(), server.clone()))
            .await
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
    pub async fn change_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        change: impl FnOnce(&mut RealServer),
    ) -> Result<RealServer> {
        self.client
            .change_server(service.into(), server, change)
            .await
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
    pub async fn set_weight(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        weight: u32,
    ) -> Result<()> {
        self.client.set_weight(service.into(), server, weight).await
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
    pub async fn set_thresholds(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        upper: u32,
        lower: u32,
    ) -> Result<()> {
        self.client
            .set_thresholds(service.into(), server, upper, lower)
            .await
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
    pub async fn remove_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServer(service.into(), server))
            .await
    }

    /// Removes a server from a service if both exist.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn remove_server_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServerIfPresent(service.into(), server))
            .await
    }
}

/// # Many changes at once
impl Ipvs {
    /// Carries out one operation.
    ///
    /// # Errors
    /// Those of the method that does the same.
    pub async fn execute(&mut self, operation: &Operation) -> Result<()> {
        self.client.execute(operation).await
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
    /// use ipvset::ipvs::{Operation, RealServer, VirtualService};
    /// use ipvset::tokio::Ipvs;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
    /// let servers = (1..=200).map(|it| RealServer::new(([10, 0, 0, it], 8080).into()));
    /// let servers = servers.map(|it| Operation::AddServer(web.key, it));
    /// let outcome = Ipvs::connect().await?.execute_all(servers, OnFailure::Continue).await;
    /// for failed in outcome.failures() {
    ///     eprintln!("{}: {}", failed.index, failed.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        self.client.execute_all(operations, on_failure).await
    }
}

/// # Reading the table
impl Ipvs {
    /// Reads one service.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub async fn service(&mut self, service: impl Into<ServiceKey>) -> Result<ServiceInfo> {
        self.client.service(service.into()).await
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
    pub async fn services(&mut self) -> Result<Vec<ServiceInfo>> {
        self.client.services().await
    }

    /// Reads one server of a service.
    ///
    /// The kernel has no request for a single server, so this reads all servers of the service.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service or server.
    pub async fn server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<ServerInfo> {
        self.client.server(service.into(), server).await
    }

    /// Reads the servers of a service, the most recently added first. The list contains each
    /// server once.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub async fn servers(&mut self, service: impl Into<ServiceKey>) -> Result<Vec<ServerInfo>> {
        self.client.servers(service.into()).await
    }

    /// Reads the table service by service, each with its servers.
    ///
    /// [`TableEntries::next`] returns what [`Ipvs::table`] returns, but only the list of services
    /// and the servers of one service are held at a time.
    ///
    /// # Errors
    /// Those of [`Ipvs::services`].
    pub async fn entries(&mut self) -> Result<TableEntries<'_>> {
        let services = self.client.services().await?;
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
    pub async fn table(&mut self) -> Result<Vec<TableEntry>> {
        self.client.table().await
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
    pub async fn verified_table(&mut self) -> Result<Vec<TableEntry>> {
        self.client.verified_table().await
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
    pub async fn plan(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        self.client.plan(planner, wanted, record).await
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
    /// use ipvset::tokio::Ipvs;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let wanted: WantedTable = std::fs::read_to_string("table")?.parse()?;
    /// let planner = Planner::new().scope(Scope::addresses("10.0.0.0/8".parse::<ipnet::IpNet>()?));
    /// let mut ipvs = Ipvs::connect().await?;
    /// let report = ipvs.apply(&planner, &wanted, &mut Record::new()).await?;
    /// for failed in report.failures() {
    ///     eprintln!("{failed}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Ipvs::table`], if the table cannot be read at first. Failures after that are in
    /// the report.
    pub async fn apply(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &mut Record,
    ) -> Result<ApplyReport> {
        self.client.apply(planner, wanted, record).await
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
    /// Reading `/proc` blocks the thread, as sending a request does.
    ///
    /// # Errors
    /// Those of [`Ipvs::table`], and:
    /// - [`Io`](crate::ErrorKind::Io) if the record could not be saved: see
    ///   [`Keeper::save_with`].
    pub async fn keep<'a>(
        &mut self,
        keeper: &mut Keeper,
        wanted: impl Into<Option<&'a WantedTable>>,
    ) -> Result<Kept> {
        self.client.keep(keeper, wanted.into()).await
    }

    /// Reads the table back, and returns what is still to do. The plan is
    /// [empty](Plan::is_empty) if the table is as wanted, apart from drains that go on and from
    /// what is left alone.
    ///
    /// Unlike [`Ipvs::plan`], this reads the table as [`Ipvs::verified_table`] does.
    ///
    /// # Errors
    /// Those of [`Ipvs::verified_table`].
    pub async fn verify(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        self.client.verify(planner, wanted, record).await
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
    pub async fn flush(&mut self) -> Result<()> {
        self.execute(&Operation::Flush).await
    }

    /// Zeroes the counters of every service and server, and the totals of the namespace.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn zero(&mut self) -> Result<()> {
        self.execute(&Operation::Zero).await
    }

    /// Zeroes the counters of a service and of its servers.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub async fn zero_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::ZeroService(service.into())).await
    }

    /// Reads the version of IPVS and the size of its connection table.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn info(&mut self) -> Result<Info> {
        self.client.info().await
    }

    /// Reads the connection timeouts.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn timeouts(&mut self) -> Result<Timeouts> {
        self.client.timeouts().await
    }

    /// Sets the timeouts that are `Some`, and leaves the others as they are.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if a timeout is not a whole number of
    ///   seconds, is 0, or is longer than the kernel accepts. Every kernel accepts
    ///   [`Timeouts::MAX`].
    pub async fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.execute(&Operation::SetTimeouts(*timeouts)).await
    }

    /// Reads which sync daemons run: none, one, or a master and a backup.
    ///
    /// # Errors
    /// Only those that [every method](Self#errors) can return.
    pub async fn daemons(&mut self) -> Result<Vec<SyncDaemon>> {
        self.client.daemons().await
    }

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if a daemon with this role runs.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such network interface.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if a value is out of bounds, or a service
    ///   has a server of another family.
    /// - [`Busy`](crate::ErrorKind::Busy) if the kernel is starting or stopping a daemon.
    pub async fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<()> {
        self.execute(&Operation::StartDaemon(daemon.clone())).await
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
    pub async fn stop_daemon(&mut self, role: SyncRole) -> Result<()> {
        self.execute(&Operation::StopDaemon(role)).await
    }
}

/// The services of the table, each with its servers, returned by [`Ipvs::entries`].
///
/// With the feature `stream`, this is a `futures_core::Stream`.
pub struct TableEntries<'a> {
    services: std::vec::IntoIter<ServiceInfo>,
    /// `None` while the servers of the next service are read.
    client: Option<&'a mut Client<AsyncSocket>>,
    reading: Option<Reading<'a>>,
}

/// Reads the servers of a service, and returns the client.
type Reading<'a> = Pin<Box<dyn Future<Output = Read<'a>> + Send + Sync + 'a>>;
type Read<'a> = (&'a mut Client<AsyncSocket>, Result<Vec<ServerInfo>>);

impl<'a> TableEntries<'a> {
    fn new(client: &'a mut Client<AsyncSocket>, services: Vec<ServiceInfo>) -> Self {
        Self {
            services: services.into_iter(),
            client: Some(client),
            reading: None,
        }
    }

    /// Returns the next service with its servers, or `None` after the last one.
    ///
    /// No service is lost if the future is dropped.
    ///
    /// # Errors
    /// Those that [every method](Ipvs#errors) can return.
    pub async fn next(&mut self) -> Option<Result<TableEntry>> {
        if let Some(client) = self.client.take() {
            let Some(service) = self.services.as_slice().first() else {
                self.client = Some(client);
                return None;
            };
            let key = service.key();
            self.reading = Some(Box::pin(async move {
                let servers = client.servers_if_any(key).await;
                (client, servers)
            }));
        }
        // It stays here until it is done, since the future of this method may be dropped.
        let (client, servers) = self.reading.as_mut()?.await;
        self.reading = None;
        self.client = Some(client);
        let service = self.services.next()?;
        Some(servers.map(|servers| TableEntry { service, servers }))
    }
}

impl fmt::Debug for TableEntries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableEntries")
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
