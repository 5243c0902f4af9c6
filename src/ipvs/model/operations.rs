use std::net::SocketAddr;

use super::daemon::{SyncDaemon, SyncRole};
use super::key::ServiceKey;
use super::operation::Operation;
use super::scheduler::{Scheduler, SchedulerFlags};
use super::server::RealServer;
use super::service::VirtualService;
use super::timeouts::Timeouts;

/// A list of [`Operation`]s to be carried out in order.
///
/// [`Ipvs::execute_all`](crate::ipvs::Ipvs::execute_all) carries them out in few system calls.
///
/// ```no_run
/// use ipvset::OnFailure;
/// use ipvset::ipvs::{Ipvs, Operations, RealServer, VirtualService};
///
/// let web = VirtualService::tcp("10.0.0.1:80".parse()?);
/// let mut change = Operations::new();
/// change
///     .put_service(&web)
///     .put_server(&web, &RealServer::new("10.1.0.1:80".parse()?))
///     .remove_server_if_present(&web, "10.1.0.2:80".parse()?);
/// for operation in change.as_slice() {
///     println!("ipvsadm {operation}");
/// }
/// Ipvs::connect()?.execute_all(change, OnFailure::Stop).into_result()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operations(Vec<Operation>);

impl Operations {
    /// Returns an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an operation.
    pub fn push(&mut self, operation: Operation) -> &mut Self {
        self.0.push(operation);
        self
    }

    /// Appends [`Operation::AddService`]: adds a service that does not exist.
    pub fn add_service(&mut self, service: &VirtualService) -> &mut Self {
        self.push(Operation::AddService(service.clone()))
    }

    /// Appends [`Operation::UpdateService`]: changes a service that exists.
    pub fn update_service(&mut self, service: &VirtualService) -> &mut Self {
        self.push(Operation::UpdateService(service.clone()))
    }

    /// Appends [`Operation::PutService`]: adds a service, or changes it if it exists.
    pub fn put_service(&mut self, service: &VirtualService) -> &mut Self {
        self.push(Operation::PutService(service.clone()))
    }

    /// Appends [`Operation::UpdateService`]: changes the scheduler of a service.
    ///
    /// The kernel overwrites the whole configuration, so `service` has to be the whole
    /// configuration that the service has now.
    pub fn set_scheduler(&mut self, service: &VirtualService, scheduler: Scheduler) -> &mut Self {
        self.push(Operation::UpdateService(
            service.clone().scheduler(scheduler),
        ))
    }

    /// Appends [`Operation::UpdateService`]: sets the scheduler flags that are in `mask` to their
    /// values in `flags`.
    ///
    /// The kernel overwrites the whole configuration, so `service` has to be the whole
    /// configuration that the service has now.
    pub fn set_scheduler_flags(
        &mut self,
        service: &VirtualService,
        mask: SchedulerFlags,
        flags: SchedulerFlags,
    ) -> &mut Self {
        let flags = service.scheduler_flags.replaced(mask, flags);
        self.push(Operation::UpdateService(
            service.clone().scheduler_flags(flags),
        ))
    }

    /// Appends [`Operation::RemoveService`]: removes a service that exists.
    pub fn remove_service(&mut self, service: impl Into<ServiceKey>) -> &mut Self {
        self.push(Operation::RemoveService(service.into()))
    }

    /// Appends [`Operation::RemoveServiceIfPresent`]: removes a service if it exists.
    pub fn remove_service_if_present(&mut self, service: impl Into<ServiceKey>) -> &mut Self {
        self.push(Operation::RemoveServiceIfPresent(service.into()))
    }

    /// Appends [`Operation::AddServer`]: adds a server that does not exist.
    pub fn add_server(&mut self, service: impl Into<ServiceKey>, server: &RealServer) -> &mut Self {
        self.push(Operation::AddServer(service.into(), server.clone()))
    }

    /// Appends [`Operation::UpdateServer`]: changes a server that exists.
    pub fn update_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
    ) -> &mut Self {
        self.push(Operation::UpdateServer(service.into(), server.clone()))
    }

    /// Appends [`Operation::PutServer`]: adds a server, or changes it if it exists.
    pub fn put_server(&mut self, service: impl Into<ServiceKey>, server: &RealServer) -> &mut Self {
        self.push(Operation::PutServer(service.into(), server.clone()))
    }

    /// Appends [`Operation::UpdateServer`]: changes the weight of a server.
    ///
    /// The kernel overwrites the whole configuration, so `server` has to be the whole
    /// configuration that the server has now.
    pub fn set_weight(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
        weight: u32,
    ) -> &mut Self {
        let server = server.clone().weight(weight);
        self.push(Operation::UpdateServer(service.into(), server))
    }

    /// Appends [`Operation::UpdateServer`]: changes the connection thresholds of a server.
    ///
    /// The kernel overwrites the whole configuration, so `server` has to be the whole
    /// configuration that the server has now.
    pub fn set_thresholds(
        &mut self,
        service: impl Into<ServiceKey>,
        server: &RealServer,
        upper: u32,
        lower: u32,
    ) -> &mut Self {
        let server = server.clone().upper_threshold(upper).lower_threshold(lower);
        self.push(Operation::UpdateServer(service.into(), server))
    }

    /// Appends [`Operation::RemoveServer`]: removes a server that exists.
    pub fn remove_server(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> &mut Self {
        self.push(Operation::RemoveServer(service.into(), server))
    }

    /// Appends [`Operation::RemoveServerIfPresent`]: removes a server if it exists.
    pub fn remove_server_if_present(
        &mut self,
        service: impl Into<ServiceKey>,
        server: SocketAddr,
    ) -> &mut Self {
        self.push(Operation::RemoveServerIfPresent(service.into(), server))
    }

    /// Appends [`Operation::Flush`]: removes every service and server.
    pub fn flush(&mut self) -> &mut Self {
        self.push(Operation::Flush)
    }

    /// Appends [`Operation::Zero`]: zeroes the counters of every service and server.
    pub fn zero(&mut self) -> &mut Self {
        self.push(Operation::Zero)
    }

    /// Appends [`Operation::ZeroService`]: zeroes the counters of a service and of its servers.
    pub fn zero_service(&mut self, service: impl Into<ServiceKey>) -> &mut Self {
        self.push(Operation::ZeroService(service.into()))
    }

    /// Appends [`Operation::SetTimeouts`]: sets the timeouts that are `Some`.
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> &mut Self {
        self.push(Operation::SetTimeouts(*timeouts))
    }

    /// Appends [`Operation::StartDaemon`]: starts a sync daemon.
    pub fn start_daemon(&mut self, daemon: &SyncDaemon) -> &mut Self {
        self.push(Operation::StartDaemon(daemon.clone()))
    }

    /// Appends [`Operation::StopDaemon`]: stops a sync daemon.
    pub fn stop_daemon(&mut self, role: SyncRole) -> &mut Self {
        self.push(Operation::StopDaemon(role))
    }

    /// Returns the operations, in order.
    pub fn as_slice(&self) -> &[Operation] {
        &self.0
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Operation> for Operations {
    fn extend<I: IntoIterator<Item = Operation>>(&mut self, operations: I) {
        self.0.extend(operations);
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        Self(operations.into_iter().collect())
    }
}

impl IntoIterator for Operations {
    type Item = Operation;
    type IntoIter = std::vec::IntoIter<Operation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_appends_its_operation() {
        let web = VirtualService::tcp(([10, 0, 0, 1], 80).into())
            .scheduler_flags(SchedulerFlags::FLAG_1 | SchedulerFlags::FLAG_2);
        let key = web.key;
        let server = RealServer::new(([10, 1, 0, 1], 80).into());
        let timeouts = Timeouts::default();
        let daemon = SyncDaemon::new(SyncRole::Backup, "eth0");
        let mut all = Operations::new();
        assert!(all.is_empty());
        all.add_service(&web)
            .update_service(&web)
            .put_service(&web)
            .set_scheduler(&web, Scheduler::LeastConnection)
            .set_scheduler_flags(
                &web,
                SchedulerFlags::FLAG_2 | SchedulerFlags::FLAG_3,
                SchedulerFlags::FLAG_3,
            )
            .remove_service(&web)
            .remove_service_if_present(&web)
            .add_server(&web, &server)
            .update_server(&web, &server)
            .put_server(&web, &server)
            .set_weight(&web, &server, 7)
            .set_thresholds(&web, &server, 9, 3)
            .remove_server(&web, server.address)
            .remove_server_if_present(&web, server.address)
            .flush()
            .zero()
            .zero_service(&web)
            .set_timeouts(&timeouts)
            .start_daemon(&daemon)
            .stop_daemon(SyncRole::Master);
        let flags = SchedulerFlags::FLAG_1 | SchedulerFlags::FLAG_3;
        let limited = server.clone().upper_threshold(9).lower_threshold(3);
        let expected = [
            Operation::AddService(web.clone()),
            Operation::UpdateService(web.clone()),
            Operation::PutService(web.clone()),
            Operation::UpdateService(web.clone().scheduler(Scheduler::LeastConnection)),
            Operation::UpdateService(web.clone().scheduler_flags(flags)),
            Operation::RemoveService(key),
            Operation::RemoveServiceIfPresent(key),
            Operation::AddServer(key, server.clone()),
            Operation::UpdateServer(key, server.clone()),
            Operation::PutServer(key, server.clone()),
            Operation::UpdateServer(key, server.clone().weight(7)),
            Operation::UpdateServer(key, limited),
            Operation::RemoveServer(key, server.address),
            Operation::RemoveServerIfPresent(key, server.address),
            Operation::Flush,
            Operation::Zero,
            Operation::ZeroService(key),
            Operation::SetTimeouts(timeouts),
            Operation::StartDaemon(daemon),
            Operation::StopDaemon(SyncRole::Master),
        ];
        assert_eq!(all.as_slice(), expected);
        assert_eq!(all.len(), expected.len());
        assert!(!all.is_empty());
        let (first, rest) = expected.split_at(3);
        let mut extended: Operations = first.iter().cloned().collect();
        extended.extend(rest.iter().cloned());
        assert_eq!(extended, all);
        assert_eq!(all.into_iter().collect::<Vec<_>>(), expected);
    }
}
