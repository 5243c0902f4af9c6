use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use crate::OnFailure;
use crate::ipvs::client::{Client, connect_failed};
use crate::ipvs::proc::growth::Growth;
use crate::ipvs::{
    Info, Operation, Operations, Outcome, RealServer, Scheduler, SchedulerFlags, ServerInfo,
    ServiceInfo, ServiceKey, SyncDaemon, SyncRole, TableEntry, Timeouts, VirtualService,
};
use crate::netlink::{AsyncSocket, Failure, Protocol, Socket};
use crate::{Namespace, Result};

/// The IPVS of a network namespace, for programs that run on tokio: what
/// [`ipvs::Ipvs`](crate::ipvs::Ipvs) does, in the same exchanges, without blocking the thread.
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
#[derive(Debug)]
pub struct Ipvs {
    client: Client<AsyncSocket>,
}

impl Ipvs {
    /// Opens a handle in the network namespace of the thread that polls this first.
    ///
    /// # Errors
    /// As [`ipvs::Ipvs::connect`](crate::ipvs::Ipvs::connect).
    pub async fn connect() -> Result<Self> {
        // Both in the namespace of this thread: after an await it may be another thread.
        let (socket, early) = (Socket::open(Protocol::Generic), Growth::open());
        // What is not there yet may come with IPVS's module, which connecting loads.
        let growth = || match early {
            Growth::Never => Growth::open(),
            known => known,
        };
        Self::over(socket, growth).await
    }

    /// Opens a handle in another network namespace.
    ///
    /// # Errors
    /// As [`ipvs::Ipvs::connect_in`](crate::ipvs::Ipvs::connect_in).
    pub async fn connect_in(namespace: &Namespace) -> Result<Self> {
        let socket = namespace.socket(Protocol::Generic);
        Self::over(socket, || Growth::open_in(namespace)).await
    }

    async fn over(
        socket: Result<Socket, Failure>,
        growth: impl FnOnce() -> Growth,
    ) -> Result<Self> {
        let socket = AsyncSocket::new(socket.map_err(connect_failed)?);
        let client = Client::connect(socket, growth).await?;
        Ok(Self { client })
    }

    /// Carries out one operation.
    ///
    /// See [`Ipvs::execute`](crate::ipvs::Ipvs::execute).
    pub async fn execute(&mut self, operation: &Operation) -> Result<()> {
        self.client.execute(operation).await
    }

    /// Adds a service.
    ///
    /// See [`Ipvs::add_service`](crate::ipvs::Ipvs::add_service).
    pub async fn add_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::AddService(service.clone())).await
    }

    /// Changes the service with this key to exactly this.
    ///
    /// See [`Ipvs::update_service`](crate::ipvs::Ipvs::update_service).
    pub async fn update_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::UpdateService(service.clone()))
            .await
    }

    /// Adds a service, or changes the one that is there to exactly this.
    ///
    /// See [`Ipvs::put_service`](crate::ipvs::Ipvs::put_service).
    pub async fn put_service(&mut self, service: &VirtualService) -> Result<()> {
        self.execute(&Operation::PutService(service.clone())).await
    }

    /// Reads a service, lets `change` change it, and writes it back; gives what was written.
    ///
    /// See [`Ipvs::change_service`](crate::ipvs::Ipvs::change_service).
    pub async fn change_service(
        &mut self,
        service: impl Into<ServiceKey>,
        change: impl FnOnce(&mut VirtualService),
    ) -> Result<VirtualService> {
        self.client.change_service(service.into(), change).await
    }

    /// Changes a service's scheduler and nothing else, through [`Ipvs::change_service`]. Its
    /// flags stay, whether or not the new scheduler knows them.
    ///
    /// See [`Ipvs::set_scheduler`](crate::ipvs::Ipvs::set_scheduler).
    pub async fn set_scheduler(
        &mut self,
        service: impl Into<ServiceKey>,
        scheduler: Scheduler,
    ) -> Result<()> {
        self.client.set_scheduler(service.into(), scheduler).await
    }

    /// Changes those flags of a service's scheduler that are in `mask` to what they are in
    /// `flags`, and nothing else.
    ///
    /// See [`Ipvs::set_scheduler_flags`](crate::ipvs::Ipvs::set_scheduler_flags).
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

    /// Removes a service with its servers.
    ///
    /// See [`Ipvs::remove_service`](crate::ipvs::Ipvs::remove_service).
    pub async fn remove_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::RemoveService(service.into()))
            .await
    }

    /// Removes a service with its servers, if it is there.
    ///
    /// See [`Ipvs::remove_service_if_present`](crate::ipvs::Ipvs::remove_service_if_present).
    pub async fn remove_service_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServiceIfPresent(service.into()))
            .await
    }

    /// Reads a service.
    ///
    /// See [`Ipvs::service`](crate::ipvs::Ipvs::service).
    pub async fn service(&mut self, service: impl Into<ServiceKey>) -> Result<ServiceInfo> {
        self.client.service(service.into()).await
    }

    /// Reads all services, each once. An empty table is an empty list.
    ///
    /// See [`Ipvs::services`](crate::ipvs::Ipvs::services).
    pub async fn services(&mut self) -> Result<Vec<ServiceInfo>> {
        self.client.services().await
    }

    /// Adds a server to a service.
    ///
    /// See [`Ipvs::add_server`](crate::ipvs::Ipvs::add_server).
    pub async fn add_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::AddServer(service.into(), server.clone()))
            .await
    }

    /// Changes the server with this address and port to exactly this.
    ///
    /// See [`Ipvs::update_server`](crate::ipvs::Ipvs::update_server).
    pub async fn update_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::UpdateServer(service.into(), server.clone()))
            .await
    }

    /// Adds a server to a service, or changes the one that is there to exactly this.
    ///
    /// See [`Ipvs::put_server`](crate::ipvs::Ipvs::put_server).
    pub async fn put_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> Result<()> {
        self.execute(&Operation::PutServer(service.into(), server.clone()))
            .await
    }

    /// Reads a server, lets `change` change it, and writes it back; gives what was written.
    ///
    /// See [`Ipvs::change_server`](crate::ipvs::Ipvs::change_server).
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

    /// Changes a server's weight and nothing else, through [`Ipvs::change_server`].
    ///
    /// See [`Ipvs::set_weight`](crate::ipvs::Ipvs::set_weight).
    pub async fn set_weight(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
        weight: u32,
    ) -> Result<()> {
        self.client.set_weight(service.into(), server, weight).await
    }

    /// Changes a server's thresholds and nothing else, through [`Ipvs::change_server`].
    ///
    /// See [`Ipvs::set_thresholds`](crate::ipvs::Ipvs::set_thresholds).
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
    /// See [`Ipvs::remove_server`](crate::ipvs::Ipvs::remove_server).
    pub async fn remove_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServer(service.into(), server))
            .await
    }

    /// Removes a server from a service, if both are there.
    ///
    /// See [`Ipvs::remove_server_if_present`](crate::ipvs::Ipvs::remove_server_if_present).
    pub async fn remove_server_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<()> {
        self.execute(&Operation::RemoveServerIfPresent(service.into(), server))
            .await
    }

    /// Reads the servers of a service, each once, the one added last at first.
    ///
    /// See [`Ipvs::servers`](crate::ipvs::Ipvs::servers).
    pub async fn servers(&mut self, service: impl Into<ServiceKey>) -> Result<Vec<ServerInfo>> {
        self.client.servers(service.into()).await
    }

    /// Reads one server of a service. (The kernel can't be asked for one: all of the service's
    /// are read.)
    ///
    /// See [`Ipvs::server`](crate::ipvs::Ipvs::server).
    pub async fn server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> Result<ServerInfo> {
        self.client.server(service.into(), server).await
    }

    /// Carries out operations as they come, without holding more of them than go into one
    /// datagram.
    ///
    /// See [`Ipvs::execute_all`](crate::ipvs::Ipvs::execute_all).
    pub async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        self.client.execute_all(operations, on_failure).await
    }

    /// Reads the table service by service, each with its servers.
    ///
    /// See [`Ipvs::entries`](crate::ipvs::Ipvs::entries).
    pub async fn entries(&mut self) -> Result<TableEntries<'_>> {
        let services = self.client.services().await?.into_iter();
        Ok(TableEntries {
            client: &mut self.client,
            services,
        })
    }

    /// Reads the whole table: every service with its servers.
    ///
    /// See [`Ipvs::table`](crate::ipvs::Ipvs::table).
    pub async fn table(&mut self) -> Result<Vec<TableEntry>> {
        self.client.table().await
    }

    /// Reads the whole table until two readings, one right after the other, show the same
    /// services and servers with the same configuration; gives the second.
    ///
    /// See [`Ipvs::verified_table`](crate::ipvs::Ipvs::verified_table).
    pub async fn verified_table(&mut self) -> Result<Vec<TableEntry>> {
        self.client.verified_table().await
    }

    /// Begins a batch: operations that are carried out together, in few system calls.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch {
            client: &mut self.client,
            operations: Operations::new(),
            on_failure: OnFailure::default(),
        }
    }

    /// Removes every service and server. Connections, timeouts and sync daemons stay.
    ///
    /// See [`Ipvs::flush`](crate::ipvs::Ipvs::flush).
    pub async fn flush(&mut self) -> Result<()> {
        self.execute(&Operation::Flush).await
    }

    /// Zeroes the counters of every service and server, and the totals of the namespace.
    ///
    /// See [`Ipvs::zero`](crate::ipvs::Ipvs::zero).
    pub async fn zero(&mut self) -> Result<()> {
        self.execute(&Operation::Zero).await
    }

    /// Zeroes the counters of a service and of its servers.
    ///
    /// See [`Ipvs::zero_service`](crate::ipvs::Ipvs::zero_service).
    pub async fn zero_service(&mut self, service: impl Into<ServiceKey>) -> Result<()> {
        self.execute(&Operation::ZeroService(service.into())).await
    }

    /// Reads the version of IPVS and the size of its connection table.
    ///
    /// See [`Ipvs::info`](crate::ipvs::Ipvs::info).
    pub async fn info(&mut self) -> Result<Info> {
        self.client.info().await
    }

    /// Reads the timeouts.
    ///
    /// See [`Ipvs::timeouts`](crate::ipvs::Ipvs::timeouts).
    pub async fn timeouts(&mut self) -> Result<Timeouts> {
        self.client.timeouts().await
    }

    /// Changes those timeouts that are given, and none of the others.
    ///
    /// See [`Ipvs::set_timeouts`](crate::ipvs::Ipvs::set_timeouts).
    pub async fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.execute(&Operation::SetTimeouts(*timeouts)).await
    }

    /// Reads which sync daemons run: none, one, or a master and a backup.
    ///
    /// See [`Ipvs::daemons`](crate::ipvs::Ipvs::daemons).
    pub async fn daemons(&mut self) -> Result<Vec<SyncDaemon>> {
        self.client.daemons().await
    }

    /// Starts a sync daemon.
    ///
    /// See [`Ipvs::start_daemon`](crate::ipvs::Ipvs::start_daemon).
    pub async fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<()> {
        self.execute(&Operation::StartDaemon(daemon.clone())).await
    }

    /// Stops the sync daemon with this role.
    ///
    /// See [`Ipvs::stop_daemon`](crate::ipvs::Ipvs::stop_daemon).
    pub async fn stop_daemon(&mut self, role: SyncRole) -> Result<()> {
        self.execute(&Operation::StopDaemon(role)).await
    }
}

/// Operations to be carried out in few system calls: [`ipvs::Batch`](crate::ipvs::Batch).
#[derive(Debug)]
pub struct Batch<'a> {
    client: &'a mut Client<AsyncSocket>,
    operations: Operations,
    on_failure: OnFailure,
}

impl Batch<'_> {
    /// Sets what happens once an operation failed; at first the batch goes on.
    pub fn on_failure(&mut self, on_failure: OnFailure) -> &mut Self {
        self.on_failure = on_failure;
        self
    }

    /// Carries the operations out, and empties the batch.
    ///
    /// If the future is dropped, what was sent by then is carried out.
    ///
    /// See [`ipvs::Batch::send`](crate::ipvs::Batch::send).
    pub async fn send(&mut self) -> Result<Outcome> {
        let operations = self.operations.take();
        self.client.execute_batch(operations, self.on_failure).await
    }
}

impl Deref for Batch<'_> {
    type Target = Operations;

    fn deref(&self) -> &Operations {
        &self.operations
    }
}

impl DerefMut for Batch<'_> {
    fn deref_mut(&mut self) -> &mut Operations {
        &mut self.operations
    }
}

/// The services of the table, each with its servers: [`Ipvs::entries`].
#[derive(Debug)]
pub struct TableEntries<'a> {
    client: &'a mut Client<AsyncSocket>,
    services: std::vec::IntoIter<ServiceInfo>,
}

impl TableEntries<'_> {
    /// The next service with its servers. Its future may be dropped: no service is lost.
    pub async fn next(&mut self) -> Option<Result<TableEntry>> {
        let key = self.services.as_slice().first()?.key();
        let servers = self.client.servers_if_any(key).await;
        let service = self.services.next()?;
        Some(servers.map(|servers| TableEntry { service, servers }))
    }
}
