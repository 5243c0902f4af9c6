//! The exchange with the kernel's IPVS over generic netlink.

mod execute_all;

use std::time::Duration;

use nix::errno::Errno;

use crate::Family;
use crate::ipvs::message::decode;
use crate::ipvs::message::encode;
use crate::ipvs::message::reason::GONE;
use crate::ipvs::message::uapi::{FAMILY, VERSION};
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::netlink::{
    Connection, DumpStep, Failure, Outcome, Packet, Rejection, Transport, generic,
};
use crate::wire::{Malformed, Oversized};
use execute_all::Window;

/// A connection to the family `IPVS`.
#[derive(Debug)]
pub(in crate::ipvs) struct Netlink<T> {
    connection: Connection<T>,
    /// The message type that the kernel gave the family.
    family: u16,
    /// The operations of the current datagram of `execute_all`. It is empty between calls, and its
    /// memory is used again.
    window: Window,
}

impl<T: Transport> Netlink<T> {
    /// Asks the kernel for the message type of the family. Returns `None` if it has no IPVS.
    pub(in crate::ipvs) async fn connect(transport: T) -> Result<Option<Self>, Failure> {
        let mut connection = Connection::new(transport);
        let family = generic::resolve(&mut connection, FAMILY).await?;
        Ok(family.map(|family| Self {
            connection,
            family,
            window: Window::new(),
        }))
    }

    /// Returns the transport, for something else than netlink.
    pub(in crate::ipvs) fn into_transport(self) -> T {
        self.connection.into_transport()
    }

    /// Carries out one operation.
    pub(in crate::ipvs) async fn execute(&mut self, operation: &Operation) -> Result<(), Failure> {
        let outcome = match operation {
            Operation::StopDaemon(_) => self.execute_unanswered(operation).await,
            _ => {
                self.connection
                    .command(self.family, 0, |writer| {
                        generic::header(writer, encode::operation_command(operation), VERSION);
                        encode::operation(writer, operation);
                    })
                    .await
            }
        };
        match outcome {
            Err(failure) => Err(self.or_gone(failure).await),
            done => done,
        }
    }

    /// Returns [`Failure::Gone`] if the failure was caused by IPVS being unloaded, otherwise the
    /// failure itself.
    async fn or_gone(&mut self, failure: Failure) -> Failure {
        if may_be_gone(&failure) && self.is_gone().await {
            return Failure::Gone(GONE);
        }
        failure
    }

    /// Waits for `time`.
    pub(in crate::ipvs) async fn pause(&mut self, time: Duration) {
        self.connection.pause(time).await;
    }

    async fn is_gone(&mut self) -> bool {
        generic::is_gone(&mut self.connection, self.family, FAMILY).await
    }

    /// Carries out an operation that the kernel may not answer: see
    /// [`Ipvs::stop_daemon`](crate::ipvs::Ipvs::stop_daemon). Sending a packet does not wait for
    /// an answer to each operation in it.
    async fn execute_unanswered(&mut self, operation: &Operation) -> Result<(), Failure> {
        let mut packet = self.packet();
        self.push(&mut packet, operation)?;
        let outcome = self.send(&mut packet).await?;
        self.keep(packet);
        match outcome.failures.into_iter().next() {
            Some((_, rejection)) => Err(Failure::Rejected(rejection)),
            None if outcome.is_replies_lost => Err(Failure::RepliesLost),
            None => Ok(()),
        }
    }

    /// Sends a query and passes each report to `each` as it arrives. Returns the number of
    /// datagrams in which the reports arrived: the kernel may change a list between two of them.
    pub(in crate::ipvs) async fn ask(
        &mut self,
        query: &Query,
        each: &mut impl FnMut(Report),
    ) -> Result<usize, Failure> {
        match self.try_asking(query, each).await {
            Err(failure) => Err(self.or_gone(failure).await),
            done => done,
        }
    }

    async fn try_asking(
        &mut self,
        query: &Query,
        each: &mut impl FnMut(Report),
    ) -> Result<usize, Failure> {
        let family = query.key().map(|key| key.family());
        let content = |writer: &mut _| {
            generic::header(writer, encode::query_command(query), VERSION);
            encode::query(writer, query);
        };
        if !query.is_dump() {
            let payload = self.connection.query(self.family, 0, content).await?;
            each(report(payload, family)?);
            return Ok(1);
        }
        self.connection.dump(self.family, content).await?;
        let (mut pieces, mut datagram) = (0, None);
        while let DumpStep::Data(range) = self.connection.dump_next().await? {
            if datagram.replace(self.connection.datagram()) != Some(self.connection.datagram()) {
                pieces += 1;
            }
            each(report(self.connection.payload(range), family)?);
        }
        Ok(pieces)
    }

    /// Returns an empty packet for operations.
    fn packet(&mut self) -> Packet {
        self.connection.packet()
    }

    /// Takes back a packet so that its memory can be used again.
    fn keep(&mut self, packet: Packet) {
        self.connection.keep(packet);
    }

    /// Appends an operation to the packet. Returns `false` if the packet is full.
    fn push(&self, packet: &mut Packet, operation: &Operation) -> Result<bool, Oversized> {
        self.connection.push(packet, self.family, |writer| {
            generic::header(writer, encode::operation_command(operation), VERSION);
            encode::operation(writer, operation);
        })
    }

    /// Sends the packet and waits until the kernel has carried out everything in it.
    async fn send(&mut self, packet: &mut Packet) -> Result<Outcome, Failure> {
        self.connection.send_packet(packet).await
    }

    /// Returns the failures of a packet's `count` operations, each with its place in the packet.
    async fn failures(
        &mut self,
        count: usize,
        rejections: Vec<(u32, Rejection)>,
    ) -> Vec<(usize, Failure)> {
        let rejections = rejections.into_iter();
        let rejections = rejections.map(|(place, it)| (place as usize, Failure::Rejected(it)));
        let mut failures: Vec<_> = rejections.collect();
        // After IPVS is unloaded, all operations that follow fail, and so does the last.
        let last = failures.last();
        let last_fails = last.is_some_and(|(place, it)| place + 1 == count && may_be_gone(it));
        if last_fails && self.is_gone().await {
            for (_, failure) in &mut failures {
                if may_be_gone(failure) {
                    *failure = Failure::Gone(GONE);
                }
            }
        }
        failures
    }
}

/// Returns true if the failure can mean that the kernel's IPVS was unloaded. The same error number
/// also means that a server or a scheduler does not exist.
fn may_be_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(rejection) if rejection.code == Errno::ENOENT as i32)
}

fn report(payload: &[u8], service: Option<Family>) -> Result<Report, Malformed> {
    let (command, attributes) = generic::split(payload)?;
    decode::report(command, attributes, service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enoent_may_mean_that_ipvs_is_gone() {
        let rejected = |errno: Errno| {
            Failure::Rejected(Rejection {
                code: errno as i32,
                extended: None,
                echo: Vec::new(),
            })
        };
        assert!(may_be_gone(&rejected(Errno::ENOENT)));
        assert!(!may_be_gone(&rejected(Errno::EPERM)));
        assert!(!may_be_gone(&Failure::RepliesLost));
    }
}
