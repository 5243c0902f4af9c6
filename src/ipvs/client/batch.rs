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

/// A list of operations that a handle carries out in few system calls.
///
/// A batch dereferences to [`Operations`], whose methods append operations. [`Batch::send`]
/// carries them out; a batch that is dropped does nothing. The operations are packed into as few
/// datagrams as the socket's buffers allow. The kernel answers each datagram with one ACK and with
/// the errors of the operations that failed.
///
/// The kernel carries out the operations in order, each on its own. It has no transactions: what
/// was done before a failure stays.
///
/// A "put" operation ([`put_service`](Operations::put_service),
/// [`put_server`](Operations::put_server)) is sent as an addition. If the object exists, a second
/// datagram right after the first changes it. An operation that must come after this change, such
/// as another one for the same service or server, waits for the next datagram, so the result is the
/// same as if each operation were sent on its own.
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

    /// Sets what to do after an operation fails. The default is [`OnFailure::Continue`].
    pub fn on_failure(&mut self, on_failure: OnFailure) -> &mut Self {
        self.on_failure = on_failure;
        self
    }

    /// Carries out the operations and empties the batch.
    ///
    /// With [`OnFailure::Stop`], this checks all operations first, and sends none of them if one
    /// is invalid.
    ///
    /// # Errors
    /// This fails only if the socket fails before anything was sent. Otherwise the [`Outcome`]
    /// contains the operations that failed.
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

/// The state of a running batch.
#[derive(Default)]
struct Progress {
    failures: Vec<FailedOperation>,
    /// At least one datagram reached the kernel.
    sent: bool,
    /// The socket failed, so nothing more can be sent.
    broken: bool,
}

/// The number of additions that fit into a datagram.
const OPERATIONS: usize = 768;

/// The operations of one datagram, each with its index in the batch.
pub(in crate::ipvs) type Window = Vec<(usize, Operation)>;

impl<T: Transport> Client<T> {
    /// Carries out a batch: checks all operations first if a failure stops it.
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

    /// Carries out operations as the iterator yields them. It holds no more of them than fit into
    /// one datagram. After it stops, it takes no more of them.
    pub(crate) async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Result<Outcome> {
        let mut operations = operations.into_iter();
        let stops = on_failure == OnFailure::Stop;
        // An operation that was taken but has to wait for the next datagram.
        let mut waiting = None;
        let mut next = 0;
        let mut progress = Progress::default();
        let mut packet = self.netlink.packet();
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
                    Ok(()) => self.netlink.push(&mut packet, &operation),
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
        self.netlink.keep(packet);
        // Keeps the memory for the next batch, without the operations.
        window.clear();
        window.shrink_to(OPERATIONS);
        self.window = window;
        Ok(progress.outcome((!is_over).then_some(next), waiting))
    }

    /// Sends a packet, and then the updates of objects that could not be added because they
    /// exist.
    async fn send_round(
        &mut self,
        packet: &mut Packet,
        window: &[(usize, Operation)],
        progress: &mut Progress,
    ) -> Result<()> {
        // The updates, each with the place in the window of the operation that it replaces.
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
                match self.netlink.push(packet, update) {
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

    /// Sends a packet of `count` operations. Returns the failures, each with the place of its
    /// operation in the packet. Operations in doubt are among them.
    async fn send_packet(
        &mut self,
        packet: &mut Packet,
        count: usize,
        progress: &mut Progress,
    ) -> Result<Vec<(usize, Failure)>> {
        let outcome = match self.netlink.send(packet).await {
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
        let mut failed = self.netlink.failures(count, outcome.failures).await;
        if outcome.is_replies_lost {
            let answered: HashSet<_> = failed.iter().map(|(place, _)| *place).collect();
            let lost = (0..count).filter(|it| !answered.contains(it));
            failed.extend(lost.map(|it| (it, Failure::RepliesLost)));
        }
        Ok(failed)
    }
}

/// Returns the operations that are invalid.
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

/// The objects of the "put" operations in a datagram, which an update may have to follow.
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

    /// Returns whether one of these has to be finished before `operation` is sent.
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
            // The kernel allows a daemon and servers of another family only one at a time.
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
