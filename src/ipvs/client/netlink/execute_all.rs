//! Carries out many operations in few system calls.
//!
//! The operations are packed into as few datagrams as the socket's buffers allow. The kernel
//! answers each datagram with one ACK and with the errors of the operations that failed.
//!
//! A "put" operation is sent as an addition. If the object exists, a second datagram right after
//! the first changes it. An operation that must come after this change, such as another one for the
//! same service or server, waits for the next datagram, so the result is the same as if each
//! operation were sent on its own.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::Netlink;
use crate::error::Cause;
use crate::ipvs::message::reason::{is_settled, operation_failed, operation_refused, wants_update};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::netlink::{Failure, Packet, Transport};
use crate::trace::{Began, NO_SET};
use crate::{Error, ErrorKind, FailedChange, OnFailure, Outcome};

/// What happened so far.
#[derive(Default)]
struct Progress {
    failures: Vec<FailedChange<Operation>>,
    /// At least one datagram reached the kernel.
    sent: bool,
    /// Why the socket failed, so that nothing more can be sent.
    broken: Option<Failure>,
}

const OPERATION: &str = "carry out operations";

/// The number of additions that fit into a datagram.
const OPERATIONS: usize = 768;

/// The operations of one datagram, each with its index.
pub(super) type Window = Vec<(usize, Operation)>;

impl<T: Transport> Netlink<T> {
    /// Carries out operations as the iterator yields them. It holds no more of them than fit into
    /// one datagram. After it stops, it takes no more of them.
    pub(in crate::ipvs) async fn execute_all(
        &mut self,
        operations: impl IntoIterator<Item = Operation>,
        on_failure: OnFailure,
    ) -> Outcome<Operation> {
        let began = Began::now();
        let mut operations = operations.into_iter();
        let stops = on_failure == OnFailure::Stop;
        // An operation that was taken but has to wait for the next datagram.
        let mut waiting = None;
        let mut next = 0;
        let mut progress = Progress::default();
        let mut packet = self.packet();
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
                    Ok(()) => self.push(&mut packet, &operation),
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
                self.send_round(&mut packet, &window, &mut progress).await;
            }
            if !progress.sent && progress.broken.is_some() {
                // Nothing of this datagram reached the kernel.
                next = window.first().map_or(next, |(index, _)| *index);
                break false;
            }
            if end || progress.broken.is_some() || (stops && progress.has_failed()) {
                break end;
            }
        };
        self.keep(packet);
        // Keeps the memory for the next call, without the operations.
        window.clear();
        window.shrink_to(OPERATIONS);
        self.window = window;
        let outcome = progress.outcome(next, is_over);
        began.changed(OPERATION, NO_SET, &outcome);
        outcome
    }

    /// Sends a packet, and then the updates of objects that could not be added because they
    /// exist.
    async fn send_round(
        &mut self,
        packet: &mut Packet,
        window: &[(usize, Operation)],
        progress: &mut Progress,
    ) {
        // The updates, each with the place in the window of the operation that it replaces.
        let mut updates = Vec::new();
        for (place, failure) in self.send_packet(packet, window.len(), progress).await {
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
        while updates.peek().is_some() && progress.broken.is_none() {
            let mut places = Vec::new();
            while let Some((place, update)) = updates.peek() {
                match self.push(packet, update) {
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
            for (place, failure) in self.send_packet(packet, places.len(), progress).await {
                let operation = places.get(place).and_then(|place| window.get(*place));
                if let Some((index, operation)) = operation {
                    progress.fail(*index, operation, failure);
                }
            }
        }
        // These were never sent, since the socket failed before.
        for (place, _) in updates {
            let failure = progress.broken.as_ref().map(Failure::again);
            if let (Some((index, operation)), Some(failure)) = (window.get(place), failure) {
                progress.fail(*index, operation, failure);
            }
        }
    }

    /// Sends a packet of `count` operations. Returns the failures, each with the place of its
    /// operation in the packet. Operations in doubt are among them.
    async fn send_packet(
        &mut self,
        packet: &mut Packet,
        count: usize,
        progress: &mut Progress,
    ) -> Vec<(usize, Failure)> {
        let outcome = match self.send(packet).await {
            Ok(outcome) => outcome,
            Err(failure) => {
                let failed = match progress.sent {
                    true => (0..count).map(|it| (it, failure.again())).collect(),
                    false => Vec::new(),
                };
                progress.broken = Some(failure);
                return failed;
            }
        };
        progress.sent = true;
        let mut failed = self.failures(count, outcome.failures).await;
        if outcome.is_replies_lost {
            let answered: HashSet<_> = failed.iter().map(|(place, _)| *place).collect();
            let lost = (0..count).filter(|it| !answered.contains(it));
            failed.extend(lost.map(|it| (it, Failure::RepliesLost)));
        }
        failed
    }
}

impl Progress {
    fn fail(&mut self, index: usize, operation: &Operation, failure: Failure) {
        let in_doubt = failure.leaves_doubt();
        let error = operation_failed(operation, failure);
        self.failures.push(FailedChange {
            index,
            input: operation.clone(),
            error,
            in_doubt,
        });
    }

    fn refuse(&mut self, index: usize, operation: Operation, error: Error) {
        self.failures.push(FailedChange {
            index,
            input: operation,
            error,
            in_doubt: false,
        });
    }

    fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Returns the outcome. `next` is the index of the first operation that was not tried.
    fn outcome(mut self, next: usize, is_over: bool) -> Outcome<Operation> {
        self.failures.retain(|it| it.index < next);
        self.failures.sort_by_key(|it| it.index);
        let stopped = self.broken.map(|failure| {
            let cause = Cause::from_failure(failure, |_| ErrorKind::Other.into());
            Error::new(OPERATION, cause)
        });
        Outcome {
            applied: next - self.failures.len(),
            failures: self.failures,
            stopped,
            untried_from: (!is_over).then_some(next),
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

    /// Returns true if one of these has to be finished before `operation` is sent.
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
    use crate::ipvs::{RealServer, SyncDaemon, SyncRole, VirtualService};

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
        let start = Operation::StartDaemon(SyncDaemon::new(SyncRole::Master, "eth0"));
        let after = [
            Operation::Flush,
            start,
            Operation::StopDaemon(SyncRole::Backup),
        ];
        assert!(after.iter().all(|it| pending.comes_before(it)));
        let zero = [Operation::Zero, Operation::ZeroService(web.key)];
        assert!(!zero.iter().any(|it| pending.comes_before(it)));
        assert!(!pending.comes_before(&Operation::PutService(other.clone())));
        assert!(!pending.comes_before(&Operation::AddServer(web.key, server.clone())));
        pending.add(&Operation::PutServer(other.key, server.clone()));
        assert!(pending.comes_before(&Operation::RemoveServer(other.key, server.address)));
        assert!(pending.comes_before(&Operation::RemoveService(other.key)));
        assert!(!pending.comes_before(&Operation::RemoveServer(web.key, server.address)));
        assert!(!pending.comes_before(&Operation::UpdateService(other)));
    }
}
