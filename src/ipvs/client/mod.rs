//! The client behind the blocking handle and the tokio handle, generic over the transport.

mod apply;
pub(crate) mod control;
mod keep;
mod missed;
mod netlink;
mod sockopt;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use nix::errno::Errno;

use crate::error::Cause;
use crate::ipvs::SyncDaemon;
use crate::ipvs::message::reason::{
    NO_SERVER, is_settled, operation_failed, operation_refused, query_failed, wants_update,
};
use crate::ipvs::model::control_interface::ControlInterface;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::ipvs::model::report::{Info, ServerInfo, ServiceInfo};
use crate::ipvs::model::scheduler::{Scheduler, SchedulerFlags};
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::{VirtualService, check_flags};
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::proc::growth::Growth;
use crate::netlink::Transport;
use crate::trace::{Began, NO_SET};
use crate::wire::Malformed;
use crate::{Error, FailedChange, Missing, OnFailure, Outcome, Result};
use control::{Control, Sockets};
use table::distinct;

#[derive(Debug)]
pub(crate) struct Client<T> {
    control: Control<T>,
    /// Says whether a list of services can be incomplete, and how many services there are.
    growth: Growth,
}

impl<T: Transport> Client<T> {
    /// Connects to the kernel's IPVS over the given interface, or over the first that the program
    /// may use. `growth` is called after it is known that the kernel has IPVS.
    pub(crate) async fn connect(
        sockets: Sockets<T>,
        interface: Option<ControlInterface>,
        growth: impl FnOnce() -> Growth,
    ) -> Result<Self> {
        let control = Control::connect(sockets, interface).await?;
        let growth = match control.interface() {
            ControlInterface::Netlink => growth(),
            // A list is from one moment.
            ControlInterface::SocketOptions => Growth::Never,
        };
        Ok(Self { control, growth })
    }

    pub(crate) fn control_interface(&self) -> ControlInterface {
        self.control.interface()
    }

    /// Carries out operations as the iterator yields them. After it stops, it takes no more of
    /// them. Over netlink it holds no more of them than fit into one datagram.
    pub(crate) async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        match &mut self.control {
            Control::Netlink(netlink) => netlink.execute_all(operations, on_failure).await,
            Control::SocketOptions { .. } => self.execute_each(operations, on_failure).await,
        }
    }

    async fn execute_each(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        let began = Began::now();
        let mut outcome = Outcome::new();
        for (index, input) in operations.into_iter().enumerate() {
            let Err(error) = self.execute(&input).await else {
                outcome.applied += 1;
                continue;
            };
            outcome.failures.push(FailedChange {
                index,
                input,
                error,
                // The system call returned what became of it.
                in_doubt: false,
            });
            if on_failure == OnFailure::Stop {
                outcome.untried_from = Some(index + 1);
                break;
            }
        }
        began.changed("carry out operations", NO_SET, &outcome);
        outcome
    }

    /// Checks one operation and carries it out.
    pub(crate) async fn execute(&mut self, operation: &Operation) -> Result<()> {
        self.control.check(operation)?;
        self.execute_unchecked(operation).await
    }

    async fn execute_unchecked(&mut self, operation: &Operation) -> Result<()> {
        let outcome = match self.control.execute(operation).await {
            Err(failure) if is_settled(operation, &failure) => Ok(()),
            Err(failure) if wants_update(operation, &failure) => match operation.as_update() {
                Some(update) => self.control.execute(&update).await,
                None => Err(failure),
            },
            outcome => outcome,
        };
        outcome.map_err(|failure| operation_failed(operation, failure))
    }

    pub(in crate::ipvs) async fn ask(
        &mut self,
        query: &Query,
        mut each: impl FnMut(Report),
    ) -> Result<usize> {
        self.control
            .ask(query, &mut each)
            .await
            .map_err(|failure| query_failed(query, failure))
    }

    /// Sends a query that has a single report, and returns what `pick` selects from it.
    async fn ask_one<R>(&mut self, query: &Query, pick: impl Fn(Report) -> Option<R>) -> Result<R> {
        let mut answer = None;
        self.ask(query, |report| answer = pick(report)).await?;
        answer.ok_or_else(|| {
            let missing = Malformed::Missing("what was asked for");
            query_failed(query, missing.into())
        })
    }

    pub(crate) async fn service(&mut self, key: ServiceKey) -> Result<ServiceInfo> {
        self.ask_one(&Query::Service(key), |report| match report {
            Report::Service(service) => Some(service),
            _ => None,
        })
        .await
    }

    pub(crate) async fn servers(&mut self, key: ServiceKey) -> Result<Vec<ServerInfo>> {
        let began = Began::now();
        let servers = self.servers_if_any(key).await?;
        if servers.is_empty() {
            // The kernel also returns an empty list if the service does not exist.
            self.service(key).await?;
        }
        began.done("read servers", NO_SET, servers.len());
        Ok(servers)
    }

    pub(crate) async fn servers_if_any(&mut self, key: ServiceKey) -> Result<Vec<ServerInfo>> {
        let mut servers = Vec::new();
        self.ask(&Query::Servers(key), |report| {
            if let Report::Server(server) = report {
                servers.push(server);
            }
        })
        .await?;
        let mut servers = distinct(servers, |it: &ServerInfo| it.config.address);
        // A thousand lists of ten servers take half the memory without spare capacity.
        servers.shrink_to_fit();
        Ok(servers)
    }

    pub(crate) async fn server(
        &mut self,
        key: ServiceKey,
        address: SocketAddr,
    ) -> Result<ServerInfo> {
        let servers = self.servers(key).await?;
        servers
            .into_iter()
            .find(|it| it.config.address == address)
            .ok_or_else(|| {
                let operation = Operation::RemoveServer(key, address);
                let missing = Cause::missing(Missing::Server, NO_SERVER, Errno::ENOENT);
                Error::new("read server", missing).object(operation.object().unwrap_or_default())
            })
    }

    /// Reads the service, changes it, and writes all of it, since the kernel overwrites all of it.
    pub(crate) async fn change_service(
        &mut self,
        key: ServiceKey,
        change: impl FnOnce(&mut VirtualService),
    ) -> Result<VirtualService> {
        let before = self.service(key).await?.config;
        let mut after = before.clone();
        change(&mut after);
        let operation = Operation::UpdateService(after.clone());
        if after.key != before.key {
            let why = format!("a service's key can't be changed, here to {}", after.key);
            return Err(Error::refused(operation.name(), why).object(before.key));
        }
        self.execute(&operation).await?;
        Ok(after)
    }

    pub(crate) async fn set_scheduler(
        &mut self,
        key: ServiceKey,
        scheduler: Scheduler,
    ) -> Result<()> {
        // The flags stay as they are, even if the new scheduler ignores them.
        let after = self.service(key).await?.config.scheduler(scheduler);
        self.execute_unchecked(&Operation::UpdateService(after))
            .await
    }

    pub(crate) async fn set_scheduler_flags(
        &mut self,
        key: ServiceKey,
        mask: SchedulerFlags,
        flags: SchedulerFlags,
    ) -> Result<()> {
        let before = self.service(key).await?.config;
        let refusal = check_flags(flags.intersection(mask));
        let flags = before.scheduler_flags.replaced(mask, flags);
        let operation = Operation::UpdateService(before.scheduler_flags(flags));
        refusal.map_err(|why| operation_refused(&operation, why))?;
        self.execute_unchecked(&operation).await
    }

    /// Reads the server, changes it, and writes all of it, since the kernel overwrites all of it.
    pub(crate) async fn change_server(
        &mut self,
        key: ServiceKey,
        address: SocketAddr,
        change: impl FnOnce(&mut RealServer),
    ) -> Result<RealServer> {
        let before = self.server(key, address).await?.config;
        let mut after = before.clone();
        change(&mut after);
        let operation = Operation::UpdateServer(key, after.clone());
        if after.address != before.address {
            let why = format!(
                "a server's address can't be changed, here to {}",
                after.address
            );
            let object = format!("{key} -r {}", before.address);
            return Err(Error::refused(operation.name(), why).object(object));
        }
        self.execute(&operation).await?;
        Ok(after)
    }

    pub(crate) async fn set_weight(
        &mut self,
        key: ServiceKey,
        address: SocketAddr,
        weight: u32,
    ) -> Result<()> {
        let changed = self.change_server(key, address, |it| it.weight = weight);
        changed.await.map(drop)
    }

    pub(crate) async fn set_thresholds(
        &mut self,
        key: ServiceKey,
        address: SocketAddr,
        upper: u32,
        lower: u32,
    ) -> Result<()> {
        let changed = self.change_server(key, address, |it| {
            it.upper_threshold = upper;
            it.lower_threshold = lower;
        });
        changed.await.map(drop)
    }

    pub(crate) async fn info(&mut self) -> Result<Info> {
        self.ask_one(&Query::Info, |report| match report {
            Report::Info(info) => Some(info),
            _ => None,
        })
        .await
    }

    pub(crate) async fn timeouts(&mut self) -> Result<Timeouts> {
        self.ask_one(&Query::Timeouts, |report| match report {
            Report::Timeouts(timeouts) => Some(timeouts),
            _ => None,
        })
        .await
    }

    pub(crate) async fn daemons(&mut self) -> Result<Vec<SyncDaemon>> {
        let mut daemons = Vec::new();
        self.ask(&Query::Daemons, |report| {
            if let Report::Daemon(daemon) = report {
                daemons.push(daemon);
            }
        })
        .await?;
        Ok(daemons)
    }
}
