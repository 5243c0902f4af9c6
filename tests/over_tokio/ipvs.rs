//! A blocking `Ipvs` on top of the tokio handle. It replaces the crate's own, so that the same
//! tests cover both.

use std::net::SocketAddr;

use library::ipvs::plan::{ApplyReport, Keeper, Kept, Plan, Planner, Record, WantedTable};
use library::ipvs::{
    ControlInterface, Info, Operation, RealServer, Scheduler, SchedulerFlags, ServerInfo,
    ServiceInfo, ServiceKey, SyncDaemon, SyncRole, TableEntry, Timeouts, VirtualService,
};
use library::{Namespace, OnFailure, Outcome, Result};

use crate::wait::wait;

#[derive(Debug)]
pub struct Ipvs {
    inner: library::tokio::Ipvs,
}

macro_rules! methods {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)+) => {
        $(pub fn $name(&mut self, $($argument: $type),*) -> $output {
            wait(self.inner.$name($($argument),*))
        })+
    };
}

#[allow(dead_code, reason = "the tests do not use every method")]
impl Ipvs {
    pub fn connect() -> Result<Self> {
        wait(library::tokio::Ipvs::connect()).map(|inner| Self { inner })
    }

    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        wait(library::tokio::Ipvs::connect_in(namespace)).map(|inner| Self { inner })
    }

    pub fn connect_over(interface: ControlInterface) -> Result<Self> {
        wait(library::tokio::Ipvs::connect_over(interface)).map(|inner| Self { inner })
    }

    pub fn control_interface(&self) -> ControlInterface {
        self.inner.control_interface()
    }

    pub fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        wait(self.inner.execute_all(operations, on_failure))
    }

    pub fn keep<'a>(
        &mut self,
        keeper: &mut Keeper,
        wanted: impl Into<Option<&'a WantedTable>>,
    ) -> Result<Kept> {
        wait(self.inner.keep(keeper, wanted))
    }

    methods! {
        execute(operation: &Operation) -> Result<()>;
        add_service(service: &VirtualService) -> Result<()>;
        update_service(service: &VirtualService) -> Result<()>;
        put_service(service: &VirtualService) -> Result<()>;
        change_service(
            service: impl Into<ServiceKey>, change: impl FnOnce(&mut VirtualService)
        ) -> Result<VirtualService>;
        set_scheduler(service: impl Into<ServiceKey>, scheduler: Scheduler) -> Result<()>;
        set_scheduler_flags(
            service: impl Into<ServiceKey>, mask: SchedulerFlags, flags: SchedulerFlags
        ) -> Result<()>;
        remove_service(service: impl Into<ServiceKey>) -> Result<()>;
        remove_service_if_present(service: impl Into<ServiceKey>) -> Result<()>;
        service(service: impl Into<ServiceKey>) -> Result<ServiceInfo>;
        services() -> Result<Vec<ServiceInfo>>;
        add_server(service: impl Into<ServiceKey>, server: &RealServer) -> Result<()>;
        update_server(service: impl Into<ServiceKey>, server: &RealServer) -> Result<()>;
        put_server(service: impl Into<ServiceKey>, server: &RealServer) -> Result<()>;
        change_server(
            service: impl Into<ServiceKey>,
            server: SocketAddr,
            change: impl FnOnce(&mut RealServer)
        ) -> Result<RealServer>;
        set_weight(
            service: impl Into<ServiceKey>, server: SocketAddr, weight: u32
        ) -> Result<()>;
        set_thresholds(
            service: impl Into<ServiceKey>, server: SocketAddr, upper: u32, lower: u32
        ) -> Result<()>;
        remove_server(service: impl Into<ServiceKey>, server: SocketAddr) -> Result<()>;
        remove_server_if_present(service: impl Into<ServiceKey>, server: SocketAddr) -> Result<()>;
        servers(service: impl Into<ServiceKey>) -> Result<Vec<ServerInfo>>;
        server(service: impl Into<ServiceKey>, server: SocketAddr) -> Result<ServerInfo>;
        table() -> Result<Vec<TableEntry>>;
        verified_table() -> Result<Vec<TableEntry>>;
        plan(planner: &Planner, wanted: &WantedTable, record: &Record) -> Result<Plan>;
        apply(
            planner: &Planner, wanted: &WantedTable, record: &mut Record
        ) -> Result<ApplyReport>;
        verify(planner: &Planner, wanted: &WantedTable, record: &Record) -> Result<Plan>;
        flush() -> Result<()>;
        zero() -> Result<()>;
        zero_service(service: impl Into<ServiceKey>) -> Result<()>;
        info() -> Result<Info>;
        timeouts() -> Result<Timeouts>;
        set_timeouts(timeouts: &Timeouts) -> Result<()>;
        daemons() -> Result<Vec<SyncDaemon>>;
        start_daemon(daemon: &SyncDaemon) -> Result<()>;
        stop_daemon(role: SyncRole) -> Result<()>;
    }
}
