use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use super::outcome::{FailedOperation, Outcome};
use super::{Client, is_settled, wants_update};
use crate::OnFailure;
use crate::error::Cause;
use crate::ipvs::handle::Ipvs;
use crate::ipvs::message::reason::{operation_failed, operation_refused};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::operations::Operations;
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
    pub(in crate::ipvs) fn new(ipvs: &'a mut Ipvs) -> Self {
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

    /// Carries the operations out, and empties the batch. With [`OnFailure::Stop`], none is sent if one is refused before the kernel is asked.
    ///
    /// # Errors
    /// Only if the socket fails before anything was sent. Otherwise the outcome says what became
    /// of each operation.
    pub fn send(&mut self) -> Result<Outcome> {
        let operations = self.operations.take();
        ready(self.ipvs.client.execute_batch(operations, self.on_failure))
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
    failures: Vec<FailedOperation>,
    /// Something reached the kernel.
    sent: bool,
    /// The socket failed: there is no way on.
    broken: bool,
}

/// As many operations as go into a datagram, if they are additions.
const OPERATIONS: usize = 768;

/// The operations of one datagram, each with its place in the batch.
pub(in crate::ipvs) type Window = Vec<(usize, Operation)>;

impl<T: Transport> Client<T> {
    /// Carries out a batch.
    pub(crate) async fn execute_batch(
        &mut self,
        operations: Vec<Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        if on_failure == OnFailure::Stop {
            let failures = refusals(&operations);
            if !failures.is_empty() {
                return Ok(Outcome {
                    failures,
                    untried_from: Some(0),
                    untried: operations.into_iter().next(),
                });
            }
        }
        self.execute_all(operations, on_failure).await
    }

    /// Carries out operations as they come, of which it holds no more than go into a datagram.
    /// Once it stops, it asks for no more of them.
    pub(crate) async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        let mut operations = operations.into_iter();
        let stops = on_failure == OnFailure::Stop;
        // What came but has to wait for the next datagram.
        let mut waiting = None;
        let mut next = 0;
        let mut progress = Progress::default();
        let mut packet = self.road.packet();
        let mut window = std::mem::take(&mut self.window);
        window.reserve(OPERATIONS);
        let is_over = loop {
            window.clear();
            let mut pending = Pending::default();
            let end = loop {
                let Some(operation) = waiting.take().or_else(|| operations.next()) else {
                    break true;
                };
                if pending.comes_before(&operation) {
                    waiting = Some(operation);
                    break false;
                }
                let pushed = match operation.check() {
                    Ok(()) => self.road.push(&mut packet, &operation),
                    Err(why) => {
                        let error = operation_refused(&operation, why);
                        progress.refuse(next, operation, error);
                        next += 1;
                        match stops {
                            true => break false,
                            false => continue,
                        }
                    }
                };
                match pushed {
                    Ok(false) => {
                        waiting = Some(operation);
                        break false;
                    }
                    Ok(true) => {
                        pending.add(&operation);
                        window.push((next, operation));
                    }
                    Err(oversized) => progress.fail(next, &operation, oversized.into()),
                }
                next += 1;
                if stops && progress.has_failed() {
                    break false;
                }
            };
            if !window.is_empty() {
                self.send_round(&mut packet, &window, &mut progress).await?;
            }
            if end || progress.broken || (stops && progress.has_failed()) {
                break end;
            }
        };
        self.road.keep(packet);
        // The memory, not what was done.
        window.clear();
        window.shrink_to(OPERATIONS);
        self.window = window;
        Ok(progress.outcome((!is_over).then_some(next), waiting))
    }

    /// Sends a packet, and then the changes of what was tried as an addition and is there.
    async fn send_round(
        &mut self,
        packet: &mut Packet,
        window: &[(usize, Operation)],
        progress: &mut Progress,
    ) -> Result<()> {
        // The changes, each with the place of the operation that it is for.
        let mut updates = Vec::new();
        for (place, failure) in self.send_packet(packet, window.len(), progress).await? {
            let Some((index, operation)) = window.get(place) else {
                continue;
            };
            if is_settled(operation, &failure) {
                continue;
            }
            match operation.as_update() {
                Some(update) if wants_update(operation, &failure) => updates.push((place, update)),
                _ => progress.fail(*index, operation, failure),
            }
        }
        let mut updates = updates.into_iter().peekable();
        while updates.peek().is_some() && !progress.broken {
            let mut places = Vec::new();
            while let Some((place, update)) = updates.peek() {
                match self.road.push(packet, update) {
                    Ok(true) => places.push(*place),
                    Ok(false) => break,
                    Err(oversized) => {
                        if let Some((index, operation)) = window.get(*place) {
                            progress.fail(*index, operation, oversized.into());
                        }
                    }
                }
                updates.next();
            }
            for (place, failure) in self.send_packet(packet, places.len(), progress).await? {
                let operation = places.get(place).and_then(|place| window.get(*place));
                if let Some((index, operation)) = operation {
                    progress.fail(*index, operation, failure);
                }
            }
        }
        Ok(())
    }

    /// Sends a packet of `count` operations; gives the place in it of each that failed or is in
    /// doubt.
    async fn send_packet(
        &mut self,
        packet: &mut Packet,
        count: usize,
        progress: &mut Progress,
    ) -> Result<Vec<(usize, Failure)>> {
        let outcome = match self.road.send(packet).await {
            Ok(outcome) => outcome,
            Err(failure) if !progress.sent => {
                let cause = Cause::from_failure(failure, |_| ErrorKind::Other.into());
                return Err(Error::new("send batch", cause));
            }
            Err(failure) => {
                progress.broken = true;
                return Ok((0..count).map(|it| (it, failure.again())).collect());
            }
        };
        progress.sent = true;
        let mut failed = self.road.failures(count, outcome.failures).await;
        if outcome.is_replies_lost {
            let answered: HashSet<_> = failed.iter().map(|(place, _)| *place).collect();
            let lost = (0..count).filter(|it| !answered.contains(it));
            failed.extend(lost.map(|it| (it, Failure::RepliesLost)));
        }
        Ok(failed)
    }
}

fn refusals(operations: &[Operation]) -> Vec<FailedOperation> {
    let refusal = |(index, operation): (usize, &Operation)| {
        let why = operation.check().err()?;
        Some(FailedOperation {
            index,
            operation: operation.clone(),
            error: operation_refused(operation, why),
        })
    };
    operations.iter().enumerate().filter_map(refusal).collect()
}

impl Progress {
    fn fail(&mut self, index: usize, operation: &Operation, failure: Failure) {
        let error = operation_failed(operation, failure);
        self.refuse(index, operation.clone(), error);
    }

    fn refuse(&mut self, index: usize, operation: Operation, error: Error) {
        self.failures.push(FailedOperation {
            index,
            operation,
            error,
        });
    }

    fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn outcome(mut self, untried_from: Option<usize>, untried: Option<Operation>) -> Outcome {
        self.failures.sort_by_key(|it| it.index);
        Outcome {
            failures: self.failures,
            untried_from,
            untried,
        }
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
