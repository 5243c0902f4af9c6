use std::net::SocketAddr;

use crate::OnFailure;
use crate::ipvs::client::batch::Batch;
use crate::ipvs::client::outcome::Outcome;
use crate::ipvs::client::table::TableEntries;
use crate::ipvs::client::{Client, connect_failed};
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::{Info, ServerInfo, ServiceInfo, TableEntry};
use crate::ipvs::model::scheduler::{Scheduler, SchedulerFlags};
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::proc::growth::Growth;
use crate::netlink::{Protocol, Socket, ready};
use crate::{Namespace, Result};

/// The IPVS of a network namespace.
///
/// A handle keeps one socket, which stays in the namespace where it was opened, and does one
/// thing at a time; open another for another thread, and after a fork one in the new process:
/// two processes that share a handle receive each other's replies. Everything that IPVS does over netlink,
/// reading too, wants `CAP_NET_ADMIN` in the initial user namespace.
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
/// Every method gives permission denied without that capability, unavailable when the kernel
/// lost its IPVS meanwhile, replies lost when the kernel dropped its answer, and an I/O error
/// when the socket fails. What else each can give stands with it.
#[derive(Debug)]
pub struct Ipvs {
    pub(super) client: Client<Socket>,
}

impl Ipvs {
    /// Opens a handle in the calling thread's network namespace.
    ///
    /// # Errors
    /// Unavailable if the kernel has no IPVS. Where it is a module, Linux 6.1 and later load it
    /// now; on earlier ones it has to be loaded before.
    pub fn connect() -> Result<Self> {
        Self::over(Socket::open(Protocol::Generic), Growth::open)
    }

    /// Opens a handle in another network namespace. The calling thread stays in its own,
    /// whatever happens.
    ///
    /// # Errors
    /// As with [`Ipvs::connect`]; permission denied without `CAP_SYS_ADMIN`, which entering a
    /// namespace takes.
    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        let socket = namespace.socket(Protocol::Generic);
        Self::over(socket, || Growth::open_in(namespace))
    }

    fn over(
        socket: Result<Socket, crate::netlink::Failure>,
        growth: impl FnOnce() -> Growth,
    ) -> Result<Self> {
        let socket = socket.map_err(connect_failed)?;
        let client = ready(Client::connect(socket, growth))?;
        Ok(Self { client })
    }

    /// Carries out one operation.
    ///
    /// # Errors
    /// Those of the method that does the same.
    pub fn execute(&mut self, operation: &Operation) -> Result<()> {
        ready(self.client.execute(operation))
    }

    /// Adds a service.
    ///
    /// # Errors
    /// Already exists; not found if the kernel has no such scheduler or persistence engine;
    /// invalid input as with [`VirtualService::validate`]; unavailable for IPv6 on a kernel
    /// without it.
    pub fn add_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::AddService(service.clone()))
    }

    /// Changes the service with this key to exactly this.
    ///
    /// # Errors
    /// Not found if there is no such service, scheduler or persistence engine; invalid input
    /// as with [`VirtualService::validate`].
    pub fn update_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::UpdateService(service.clone()))
    }

    /// Adds a service, or changes the one that is there to exactly this.
    ///
    /// # Errors
    /// As with [`Ipvs::add_service`], but for what exists already; not found if another program
    /// removes it between the two attempts.
    pub fn put_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::PutService(service.clone()))
    }

    /// Reads a service, lets `change` change it, and writes it back; gives what was written.
    ///
    /// The kernel can only overwrite all of a service. So what another program changes between
    /// the reading and the writing is lost.
    ///
    /// # Errors
    /// As with [`Ipvs::update_service`]; invalid input if `change` changes the key.
    pub fn change_service(
        &mut self,
        service: impl Into<ServiceKey>,
        change: impl FnOnce(&mut VirtualService),
    ) -> Result<VirtualService> {
        ready(self.client.change_service(service.into(), change))
    }

    /// Changes a service's scheduler and nothing else, through [`Ipvs::change_service`]. Its
    /// flags stay, whether or not the new scheduler knows them
    /// ([`VirtualService::warnings`] tells).
    ///
    /// # Errors
    /// Not found if there is no such service or scheduler.
    pub fn set_scheduler(
        &mut self,
        service: impl Into<ServiceKey>,
        scheduler: Scheduler,
    ) -> Result<()> {
        ready(self.client.set_scheduler(service.into(), scheduler))
    }

    /// Changes those flags of a service's scheduler that are in `mask` to what they are in
    /// `flags`, and nothing else.
    ///
    /// # Errors
    /// Not found if there is no such service; invalid input for bits that are no scheduler's.
    pub fn set_scheduler_flags(
        &mut self,
        service: impl Into<ServiceKey>,
        mask: SchedulerFlags,
        flags: SchedulerFlags,
    ) -> Result<()> {
        ready(self.client.set_scheduler_flags(service.into(), mask, flags))
    }

    /// Removes a service with its servers. Its connections stay in the kernel's table as with
    /// [`Ipvs::remove_server`].
    ///
    /// # Errors
    /// Not found if there is no such service.
    pub fn remove_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveService(service.into()))
    }

    /// Removes a service with its servers, if it is there.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn remove_service_if_present(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveServiceIfPresent(service.into()))
    }

    /// Reads a service.
    ///
    /// # Errors
    /// Not found if there is no such service.
    pub fn service(&mut self, service: impl Into<ServiceKey>) -> Result<ServiceInfo> {
        ready(self.client.service(service.into()))
    }

    /// Reads all services, each once. An empty table is an empty list.
    ///
    /// The kernel does not say when services come or go while it lists them, and may then skip
    /// one that was there all the time. A repeated one is given once, as it was last.
    ///
    /// From Linux 7.1 on, the kernel also moves the services into a larger table by itself, some
    /// milliseconds after many were added, and a list of more than about a hundred can miss some
    /// then. So there the list is read again unless it has as many services as
    /// `/proc/net/ip_vs_status` counts; where that file can't be read, which only root can, until
    /// two readings show the same services. [`Ipvs::entries`], [`Ipvs::table`] and
    /// [`Ipvs::verified_table`] begin with this list.
    ///
    /// # Errors
    /// Inconsistent ([`Error::is_inconsistent`](crate::Error::is_inconsistent)) if none of six
    /// readings was whole, as while another program adds and removes services all the time. That
    /// can only be from Linux 7.1 on.
    pub fn services(&mut self) -> Result<Vec<ServiceInfo>> {
        ready(self.client.services())
    }

    /// Adds a server to a service.
    ///
    /// # Errors
    /// Not found if there is no such service; already exists if it has a server with this
    /// address and port; invalid input as with [`RealServer::validate`], and for an address
    /// that is neither unicast nor local by this machine's routes, or is of another family than
    /// the service's while a sync daemon runs.
    pub fn add_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::AddServer(service.into(), server.clone()))
    }

    /// Changes the server with this address and port to exactly this.
    ///
    /// # Errors
    /// Not found if there is no such service or server; invalid input as with
    /// [`RealServer::validate`].
    pub fn update_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::UpdateServer(service.into(), server.clone()))
    }

    /// Adds a server to a service, or changes the one that is there to exactly this.
    ///
    /// # Errors
    /// As with [`Ipvs::add_server`], but for what exists already; not found if another program
    /// removes it between the two attempts.
    pub fn put_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::PutServer(service.into(), server.clone()))
    }

    /// Reads a server, lets `change` change it, and writes it back; gives what was written.
    ///
    /// The kernel can only overwrite all of a server: whoever sends it a weight alone makes
    /// a GUE tunnel an IP-in-IP one. So what another program changes between the reading and
    /// the writing is lost.
    ///
    /// # Errors
    /// As with [`Ipvs::update_server`]; invalid input if `change` changes the address or port.
    pub fn change_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        change: impl FnOnce(&mut RealServer),
    ) -> Result<RealServer> {
        ready(self.client.change_server(service.into(), server, change))
    }

    /// Changes a server's weight and nothing else, through [`Ipvs::change_server`]. With 0 the
    /// server keeps the connections that it has; whether it gets new ones depends on persistence
    /// and the scheduler: see [`RealServer::weight`](RealServer#structfield.weight).
    ///
    /// # Errors
    /// Not found if there is no such service or server; invalid input for a weight above
    /// 2,147,483,647.
    pub fn set_weight(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        weight: u32,
    ) -> Result<()> {
        ready(self.client.set_weight(service.into(), server, weight))
    }

    /// Changes a server's thresholds and nothing else, through [`Ipvs::change_server`].
    ///
    /// # Errors
    /// Not found if there is no such service or server; invalid input as with
    /// [`RealServer::validate`].
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
    /// Its connections stay in the kernel's table, and their packets are dropped until they time
    /// out. With the sysctl
    /// [`EXPIRE_NODEST_CONN`](crate::ipvs::proc::sysctl::EXPIRE_NODEST_CONN) on, they end at once
    /// (Linux 5.9), and a client's next packet goes to another server. To let them end by
    /// themselves, set the weight to 0 first: see the [guide](crate::guide::drain).
    ///
    /// # Errors
    /// Not found if there is no such service or server.
    pub fn remove_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServer(service.into(), server))
    }

    /// Removes a server from a service, if both are there.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn remove_server_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServerIfPresent(service.into(), server))
    }

    /// Reads the servers of a service, each once, the one added last at first.
    ///
    /// # Errors
    /// Not found if there is no such service.
    pub fn servers(&mut self, service: impl Into<ServiceKey>) -> Result<Vec<ServerInfo>> {
        ready(self.client.servers(service.into()))
    }

    /// Reads one server of a service. (The kernel can't be asked for one: all of the service's
    /// are read.)
    ///
    /// # Errors
    /// Not found if there is no such service or server.
    pub fn server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<ServerInfo> {
        ready(self.client.server(service.into(), server))
    }

    /// Carries out operations as they come, as a [`Batch`] does, but without holding more of
    /// them than go into one datagram. So with [`OnFailure::Stop`], what comes before an
    /// operation that is refused is carried out.
    ///
    /// ```no_run
    /// use ipvset::OnFailure;
    /// use ipvset::ipvs::{Ipvs, Operation, RealServer, VirtualService};
    ///
    /// let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
    /// let servers = (1..=200).map(|it| RealServer::new(([10, 0, 0, it], 8080).into()));
    /// let servers = servers.map(|it| Operation::AddServer(web.key, it));
    /// let outcome = Ipvs::connect()?.execute_all(servers, OnFailure::Continue)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As with [`Batch::send`].
    pub fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        ready(self.client.execute_all(operations, on_failure))
    }

    /// Reads the table service by service, each with its servers: [`Ipvs::table`] without
    /// holding more than the services and the servers of one.
    ///
    /// # Errors
    /// As with [`Ipvs::services`].
    pub fn entries(&mut self) -> Result<TableEntries<'_>> {
        let services = ready(self.client.services())?;
        Ok(TableEntries::new(&mut self.client, services))
    }

    /// Reads the whole table: every service with its servers.
    ///
    /// It is read in many steps, one for the services and one for each of them, between which
    /// other programs may change it. Nothing is given twice, but something that is there may be
    /// missing and something that was removed may be there: see [`Ipvs::verified_table`].
    ///
    /// # Errors
    /// As with [`Ipvs::services`].
    pub fn table(&mut self) -> Result<Vec<TableEntry>> {
        ready(self.client.table())
    }

    /// Reads the whole table until two readings, one right after the other, show the same
    /// services and servers with the same configuration; gives the second.
    ///
    /// The kernel never says that another program changed a list while it was read, so this is
    /// the only way to know. It costs twice as much as [`Ipvs::table`] where nothing changes. (A change that is
    /// undone again in the same steps of both readings is not noticed.)
    ///
    /// # Errors
    /// As with [`Ipvs::services`]; inconsistent
    /// ([`Error::is_inconsistent`](crate::Error::is_inconsistent)) if no two of six readings were
    /// the same.
    pub fn verified_table(&mut self) -> Result<Vec<TableEntry>> {
        ready(self.client.verified_table())
    }

    /// Begins a batch: operations that are carried out together, in few system calls.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Removes every service and server. Connections, timeouts and sync daemons stay.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn flush(&mut self) -> Result<()> {
        self.execute(&Operation::Flush)
    }

    /// Zeroes the counters of every service and server, and the totals of the namespace.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn zero(&mut self) -> Result<()> {
        self.execute(&Operation::Zero)
    }

    /// Zeroes the counters of a service and of its servers.
    ///
    /// # Errors
    /// Not found if there is no such service.
    pub fn zero_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::ZeroService(service.into()))
    }

    /// Reads the version of IPVS and the size of its connection table.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn info(&mut self) -> Result<Info> {
        ready(self.client.info())
    }

    /// Reads the timeouts.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        ready(self.client.timeouts())
    }

    /// Changes those timeouts that are given, and none of the others.
    ///
    /// # Errors
    /// Invalid input for one that is not whole seconds from 1 on, or that the kernel refuses:
    /// every kernel takes [`Timeouts::MAX`].
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.execute(&Operation::SetTimeouts(*timeouts))
    }

    /// Reads which sync daemons run: none, one, or a master and a backup.
    ///
    /// # Errors
    /// Only those of every method.
    pub fn daemons(&mut self) -> Result<Vec<SyncDaemon>> {
        ready(self.client.daemons())
    }

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// Already exists if one with the role runs; not found if there is no such interface;
    /// invalid input for values out of bounds, and while a service has a server of another
    /// family.
    pub fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<()> {
        self.execute(&Operation::StartDaemon(daemon.clone()))
    }

    /// Stops the sync daemon with this role.
    ///
    /// The kernel does not answer such a request at all if the daemon was started so shortly
    /// before that its thread did not run yet: it stops the daemon, and the outcome is `EINTR`
    /// (`stop_sync_thread` in net/netfilter/ipvs/ip_vs_sync.c and `kthread` in
    /// kernel/kthread.c), of which netlink tells nobody (`netlink_rcv_skb` in
    /// net/netlink/af_netlink.c). This method and a batch are not held up by it. A program
    /// that sends [`Operation::StopDaemon`] over a connection of its own should not wait for an
    /// answer to it alone.
    ///
    /// # Errors
    /// Not found if none runs.
    pub fn stop_daemon(&mut self, role: SyncRole) -> Result<()> {
        self.execute(&Operation::StopDaemon(role))
    }
}
