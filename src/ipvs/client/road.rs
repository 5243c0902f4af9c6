//! The way to the kernel's IPVS over generic netlink. What is above it speaks in operations,
//! queries and reports, and would not notice another way.

use nix::errno::Errno;

use crate::ipvs::message::decode;
use crate::ipvs::message::encode;
use crate::ipvs::message::uapi::{FAMILY, VERSION};
use crate::ipvs::model::key::Family;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::netlink::{
    Connection, DumpStep, Failure, Outcome, Packet, Rejection, Transport, generic,
};
use crate::wire::{Malformed, Oversized};

/// What is said when IPVS was there and is not any more.
const GONE: &str = "the kernel has no IPVS any more; load its module ip_vs, and connect again";

/// A connection to the family `IPVS`.
#[derive(Debug)]
pub(in crate::ipvs) struct Netlink<T> {
    connection: Connection<T>,
    /// The message type that the kernel gave the family.
    family: u16,
}

impl<T: Transport> Netlink<T> {
    /// `None` if the kernel has no IPVS.
    pub(in crate::ipvs) async fn connect(transport: T) -> Result<Option<Self>, Failure> {
        let mut connection = Connection::new(transport);
        let family = generic::resolve(&mut connection, FAMILY).await?;
        Ok(family.map(|family| Self { connection, family }))
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

    /// A failure, after it was found out whether the kernel's IPVS is still there.
    async fn or_gone(&mut self, failure: Failure) -> Failure {
        if may_be_gone(&failure) && self.is_gone().await {
            return Failure::Gone(GONE);
        }
        failure
    }

    async fn is_gone(&mut self) -> bool {
        generic::is_gone(&mut self.connection, self.family, FAMILY).await
    }

    /// Carries out an operation that the kernel may carry out without a word: see
    /// [`Ipvs::stop_daemon`](crate::ipvs::Ipvs::stop_daemon). A packet does not wait for the answers
    /// to what is in it.
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

    /// Asks, and gives each report to `each` as it comes. Returns how many pieces the reports
    /// came in: between two pieces of a list, the kernel may change it.
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
        self.connection.dump(self.family, content)?;
        let (mut pieces, mut datagram) = (0, None);
        while let DumpStep::Data(range) = self.connection.dump_next().await? {
            if datagram.replace(self.connection.datagram()) != Some(self.connection.datagram()) {
                pieces += 1;
            }
            each(report(self.connection.payload(range), family)?);
        }
        Ok(pieces)
    }

    /// An empty packet for operations.
    pub(in crate::ipvs) fn packet(&mut self) -> Packet {
        self.connection.packet()
    }

    /// Takes a packet back that is not needed any more.
    pub(in crate::ipvs) fn keep(&mut self, packet: Packet) {
        self.connection.keep(packet);
    }

    /// Puts an operation into the packet; false if it has no room left.
    pub(in crate::ipvs) fn push(
        &self,
        packet: &mut Packet,
        operation: &Operation,
    ) -> Result<bool, Oversized> {
        self.connection.push(packet, self.family, |writer| {
            generic::header(writer, encode::operation_command(operation), VERSION);
            encode::operation(writer, operation);
        })
    }

    /// Sends what was put into the packet and waits until all of it is done.
    pub(in crate::ipvs) async fn send(&mut self, packet: &mut Packet) -> Result<Outcome, Failure> {
        self.connection.send_packet(packet).await
    }

    /// The failures of a packet's `count` operations, each with its place in the packet.
    pub(in crate::ipvs) async fn failures(
        &mut self,
        count: usize,
        rejections: Vec<(u32, Rejection)>,
    ) -> Vec<(usize, Failure)> {
        let rejections = rejections.into_iter();
        let rejections = rejections.map(|(place, it)| (place as usize, Failure::Rejected(it)));
        let mut failures: Vec<_> = rejections.collect();
        // Once IPVS is gone, it is for all that follow.
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

/// Whether a failure says that the kernel's IPVS is gone, or that a server or a scheduler is
/// missing.
fn may_be_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(rejection) if rejection.code == Errno::ENOENT as i32)
}

fn report(payload: &[u8], service: Option<Family>) -> Result<Report, Malformed> {
    let (command, attributes) = generic::split(payload)?;
    decode::report(command, attributes, service)
}
