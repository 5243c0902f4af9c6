use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use super::client::{Client, is_settled, wants_update};
use super::handle::Ipvs;
use super::key::ServiceKey;
use super::operation::Operation;
use super::operations::Operations;
use super::outcome::{BatchFailure, OnFailure, Outcome};
use super::reason::{operation_failed, operation_refused};
use crate::error::Cause;
use crate::netlink::{Failure, Packet, Transport, ready};
use crate::{Error, ErrorKind, Result};

/// Operations to be carried out in few system calls: packed into as few datagrams as the
/// socket's buffers allow, each answered by one ACK and the errors of what failed in it.
///
/// They are carried out in order, and each by itself: the kernel knows no transaction, and what
/// was done before a failure stays.
///
/// An operation that may be an addition or a change
/// ([`put_service`](Operations::put_service), [`put_server`](Operations::put_server)) is sent
/// as an addition; those that turn out to be there are changed by a second datagram right after
/// the first. An operation that the change must come before, such as another one for the same
/// service or server, waits for a datagram of its own, so that the outcome is that of the
/// order in which they were given.
///
/// ```no_run
/// use ipvset::ipvs::{Ipvs, RealServer, VirtualService};
///
/// let table = [(
///     VirtualService::tcp("10.100.100.100:8080".parse()?),
///     vec![RealServer::new("10.0.0.11:8080".parse()?)],
/// )];
/// let mut ipvs = Ipvs::connect()?;
/// let mut batch = ipvs.batch();
/// for (service, servers) in &table {
///     batch.add_service(service);
///     for server in servers {
///         batch.add_server(service, server);
///     }
/// }
/// for failure in batch.send()?.failures() {
///     eprintln!("operation {}: {}", failure.index, failure.error);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch<'a> {
    ipvs: &'a mut Ipvs,
    operations: Operations,
    on_failure: OnFailure,
}

impl<'a> Batch<'a> {
    pub(super) fn new(ipvs: &'a mut Ipvs) -> Self {
        Self {
            ipvs,
            operations: Operations::new(),
            on_failure: OnFailure::default(),
        }
    }

    /// Sets what happens once an operation failed; at first the batch goes on.
    pub fn on_failure(&mut self, on_failure: OnFailure) -> &mut Self {
        self.on_failure = on_failure;
        self
    }

    /// Carries the operations out, and empties the batch.
    ///
    /// # Errors
    /// Only if the socket fails before anything was sent. Otherwise the outcome says what became
    /// of each operation.
    pub fn send(&mut self) -> Result<Outcome> {
        let operations = self.operations.take();
        ready(self.ipvs.client.execute_all(operations, self.on_failure))
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

/// What is known of the operations of a batch while it runs.
#[derive(Default)]
struct Progress {
    failures: Vec<(usize, Error)>,
    /// Something reached the kernel.
    sent: bool,
    /// The socket failed: there is no way on.
    broken: bool,
}

impl<T: Transport> Client<T> {
    pub(crate) async fn execute_all(
        &mut self,
        operations: Vec<Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        let count = operations.len();
        let mut progress = Progress::default();
        let mut next = 0;
        if on_failure == OnFailure::Stop {
            progress.failures = refusals(&operations);
        }
        if progress.failures.is_empty() {
            let mut packet = self.road.packet();
            while next < count {
                let indices = self.fill(&mut packet, &operations, &mut next, &mut progress);
                self.send_round(&mut packet, &operations, &indices, &mut progress)
                    .await?;
                let failed = !progress.failures.is_empty();
                if progress.broken || (failed && on_failure == OnFailure::Stop) {
                    break;
                }
            }
        }
        Ok(progress.outcome(operations, next..count))
    }

    /// Puts operations from `next` on into the packet; gives their indices.
    fn fill(
        &mut self,
        packet: &mut Packet,
        operations: &[Operation],
        next: &mut usize,
        progress: &mut Progress,
    ) -> Vec<usize> {
        let mut indices = Vec::new();
        let mut pending = Pending::default();
        while let Some(operation) = operations.get(*next) {
            if pending.comes_before(operation) {
                break;
            }
            if let Err(why) = operation.check() {
                progress.fail(*next, operation_refused(operation, why));
            } else {
                match self.road.push(packet, operation) {
                    Ok(true) => {
                        indices.push(*next);
                        pending.add(operation);
                    }
                    Ok(false) => break,
                    Err(oversized) => {
                        progress.fail(*next, operation_failed(operation, oversized.into()));
                    }
                }
            }
            *next += 1;
        }
        indices
    }

    /// Sends a packet, and then the changes of what was tried as an addition and is there.
    async fn send_round(
        &mut self,
        packet: &mut Packet,
        operations: &[Operation],
        indices: &[usize],
        progress: &mut Progress,
    ) -> Result<()> {
        let failed = self.send_packet(packet, indices, progress).await?;
        let mut updates = Vec::new();
        for (index, failure) in failed {
            let Some(operation) = operations.get(index) else {
                continue;
            };
            if is_settled(operation, &failure) {
                continue;
            }
            match operation.as_update() {
                Some(update) if wants_update(operation, &failure) => updates.push((index, update)),
                _ => progress.fail(index, operation_failed(operation, failure)),
            }
        }
        let mut updates = updates.into_iter().peekable();
        while updates.peek().is_some() && !progress.broken {
            let mut indices = Vec::new();
            while let Some((index, update)) = updates.peek() {
                match self.road.push(packet, update) {
                    Ok(true) => indices.push(*index),
                    Ok(false) => break,
                    Err(oversized) => {
                        progress.fail(*index, operation_failed(update, oversized.into()));
                    }
                }
                updates.next();
            }
            for (index, failure) in self.send_packet(packet, &indices, progress).await? {
                if let Some(operation) = operations.get(index) {
                    progress.fail(index, operation_failed(operation, failure));
                }
            }
        }
        Ok(())
    }

    /// Sends a packet; gives the index of each operation in it that failed or is in doubt.
    async fn send_packet(
        &mut self,
        packet: &mut Packet,
        indices: &[usize],
        progress: &mut Progress,
    ) -> Result<Vec<(usize, Failure)>> {
        let outcome = match self.road.send(packet).await {
            Ok(outcome) => outcome,
            Err(failure) if !progress.sent => {
                let cause = Cause::from_failure(failure, |_| (ErrorKind::Other, None));
                return Err(Error::new("send batch", cause));
            }
            Err(failure) => {
                progress.broken = true;
                return Ok(indices.iter().map(|it| (*it, failure.again())).collect());
            }
        };
        progress.sent = true;
        let mut failed: Vec<_> = outcome
            .failures
            .into_iter()
            .filter_map(|(place, rejection)| {
                let index = indices.get(usize::try_from(place).ok()?)?;
                Some((*index, Failure::Rejected(rejection)))
            })
            .collect();
        if outcome.replies_lost {
            let answered: HashSet<_> = failed.iter().map(|(index, _)| *index).collect();
            let lost = indices.iter().filter(|it| !answered.contains(it));
            failed.extend(lost.map(|it| (*it, Failure::RepliesLost)));
        }
        Ok(failed)
    }
}

fn refusals(operations: &[Operation]) -> Vec<(usize, Error)> {
    let refusal = |(index, operation): (usize, &Operation)| {
        let why = operation.check().err()?;
        Some((index, operation_refused(operation, why)))
    };
    operations.iter().enumerate().filter_map(refusal).collect()
}

impl Progress {
    fn fail(&mut self, index: usize, error: Error) {
        self.failures.push((index, error));
    }

    fn outcome(mut self, operations: Vec<Operation>, not_sent: std::ops::Range<usize>) -> Outcome {
        self.failures.sort_by_key(|(index, _)| *index);
        let mut failures = self.failures.into_iter().peekable();
        let failures = operations
            .into_iter()
            .enumerate()
            .filter_map(|(index, operation)| {
                let (_, error) = failures.next_if(|(failed, _)| *failed == index)?;
                Some(BatchFailure {
                    index,
                    operation,
                    error,
                })
            })
            .collect();
        Outcome { failures, not_sent }
    }
}

/// The operations of a datagram that may have to be followed up by a change, by what they are
/// for.
#[derive(Default)]
struct Pending {
    services: HashSet<ServiceKey>,
    servers: HashSet<(ServiceKey, SocketAddr)>,
    services_of_servers: HashSet<ServiceKey>,
}

impl Pending {
    fn add(&mut self, operation: &Operation) {
        match operation {
            Operation::PutService(service) => {
                self.services.insert(service.key);
            }
            Operation::PutServer(key, server) => {
                self.servers.insert((*key, server.address));
                self.services_of_servers.insert(*key);
            }
            _ => {}
        }
    }

    /// Whether one of these has to be done with before `operation` is sent.
    fn comes_before(&self, operation: &Operation) -> bool {
        use Operation as O;
        if self.services.is_empty() && self.servers.is_empty() {
            return false;
        }
        match operation {
            O::AddService(service) | O::UpdateService(service) | O::PutService(service) => {
                self.services.contains(&service.key)
            }
            O::RemoveService(key) | O::RemoveServiceIfPresent(key) => {
                self.services.contains(key) || self.services_of_servers.contains(key)
            }
            O::AddServer(key, server)
            | O::UpdateServer(key, server)
            | O::PutServer(key, server) => self.servers.contains(&(*key, server.address)),
            O::RemoveServer(key, address) | O::RemoveServerIfPresent(key, address) => {
                self.servers.contains(&(*key, *address))
            }
            // A daemon and servers of another family keep each other out.
            O::Flush | O::StartDaemon(_) | O::StopDaemon(_) => true,
            O::Zero | O::ZeroService(_) | O::SetTimeouts(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{RealServer, VirtualService};

    #[test]
    fn a_change_that_may_follow_keeps_what_depends_on_it_back() {
        let web = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
        let other = VirtualService::tcp("10.0.0.2:80".parse().unwrap());
        let server = RealServer::new("10.1.0.1:80".parse().unwrap());
        let mut pending = Pending::default();
        assert!(!pending.comes_before(&Operation::Flush));
        pending.add(&Operation::PutService(web.clone()));
        assert!(pending.comes_before(&Operation::PutService(web.clone())));
        assert!(pending.comes_before(&Operation::RemoveService(web.key)));
        assert!(pending.comes_before(&Operation::Flush));
        assert!(!pending.comes_before(&Operation::PutService(other.clone())));
        assert!(!pending.comes_before(&Operation::AddServer(web.key, server.clone())));
        pending.add(&Operation::PutServer(other.key, server.clone()));
        assert!(pending.comes_before(&Operation::RemoveServer(other.key, server.address)));
        assert!(pending.comes_before(&Operation::RemoveService(other.key)));
        assert!(!pending.comes_before(&Operation::RemoveServer(web.key, server.address)));
        assert!(!pending.comes_before(&Operation::UpdateService(other)));
    }
}
