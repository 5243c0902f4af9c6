//! The exchange with the kernel's IPVS over socket options. Each request is one system call, which
//! returns when the kernel has carried it out.

mod get;
mod set;

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::ipvs::message::reason::GONE;
use crate::ipvs::message::sockopt::encode::Lack;
use crate::ipvs::message::sockopt::number::Readable;
use crate::ipvs::message::sockopt::{DAEMONS, INFO, Layout, decode, encode};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::netlink::{Failure, Rejection};

/// The number of times that a list is read before it is reported as inconsistent.
const ATTEMPTS: usize = 6;
/// The number of services or servers for which the first list has room.
const ROOM: usize = 64;

/// A socket over which IPVS's options are set and read.
#[derive(Debug)]
pub(in crate::ipvs) struct SocketOptions {
    socket: OwnedFd,
    layout: Layout,
    /// The memory of structures that are read.
    buffer: Vec<u8>,
    /// The number of services for which a list has room.
    services: usize,
    /// The number of servers for which a list has room.
    servers: usize,
}

impl SocketOptions {
    /// Opens a socket in the calling thread's network namespace.
    pub(in crate::ipvs) fn open() -> Result<OwnedFd, Failure> {
        let flags = SockFlag::SOCK_CLOEXEC;
        Ok(socket(
            AddressFamily::Inet,
            SockType::Datagram,
            flags,
            None,
        )?)
    }

    /// Checks that the kernel has IPVS and that the program may use its options. This does not load
    /// the module of IPVS.
    pub(in crate::ipvs) fn connect(socket: OwnedFd) -> Result<Self, Failure> {
        let mut options = Self {
            socket,
            layout: Layout::ALL[0],
            buffer: Vec::new(),
            services: ROOM,
            servers: ROOM,
        };
        for layout in Layout::ALL {
            options.layout = layout;
            // A list without room is only a header. It has another length in each layout.
            match options.list_services(0) {
                Ok(()) => return Ok(options),
                Err(Failure::Rejected(it)) if it.code == Errno::EINVAL as i32 => {}
                Err(other) => return Err(other),
            }
        }
        Err(rejected(Errno::EINVAL))
    }

    /// Returns what the socket options lack for the operation, if they cannot carry it out.
    pub(in crate::ipvs) fn lack(operation: &Operation) -> Option<Lack> {
        encode::operation(operation).err()
    }

    /// Carries out one operation.
    pub(in crate::ipvs) fn execute(&mut self, operation: &Operation) -> Result<(), Failure> {
        let change = encode::operation(operation).map_err(Failure::NetlinkRequired)?;
        until_done(operation, || set::set(&self.socket, &change))
    }

    /// Sends a query and passes each report to `each`. The reports of a list are from one moment.
    pub(in crate::ipvs) fn ask(
        &mut self,
        query: &Query,
        each: &mut impl FnMut(Report),
    ) -> Result<(), Failure> {
        match query {
            Query::Service(key) => {
                self.read_service(key)?;
                each(Report::Service(decode::service(&self.buffer, self.layout)?));
            }
            Query::Services => self.services(each)?,
            Query::Servers(key) => match self.servers(key, each) {
                // The list is empty, as it is over netlink.
                Err(Failure::Rejected(it)) if it.code == Errno::ESRCH as i32 => {}
                done => done?,
            },
            Query::Timeouts => {
                self.read(Readable::Timeouts, encode::TIMEOUTS)?;
                each(Report::Timeouts(decode::timeouts(&self.buffer)?));
            }
            Query::Daemons => {
                self.read(Readable::Daemons, DAEMONS)?;
                for daemon in decode::daemons(&self.buffer) {
                    each(Report::Daemon(daemon?));
                }
            }
            Query::Info => {
                self.read(Readable::Info, INFO)?;
                each(Report::Info(decode::info(&self.buffer)?));
            }
        }
        Ok(())
    }

    /// Reads all services. The kernel writes as many as there is room for, and does not say how
    /// many there are. So a list is complete if it leaves room.
    fn services(&mut self, each: &mut impl FnMut(Report)) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            self.list_services(self.services)?;
            let entries = self.buffer.get(self.layout.services_header()..);
            let entries = entries.unwrap_or_default();
            let mut entries = entries.chunks_exact(self.layout.service());
            if entries.next_back().is_some_and(decode::is_service) {
                self.read(Readable::Info, INFO)?;
                let count = decode::number_of_services(&self.buffer)?;
                self.services = more_than(count, self.services);
                continue;
            }
            for entry in entries.take_while(|it| decode::is_service(it)) {
                each(Report::Service(decode::service(entry, self.layout)?));
            }
            return Ok(());
        }
        Err(Failure::Interrupted)
    }

    /// Reads the servers of a service, as [`services`](Self::services) reads all services.
    fn servers(&mut self, key: &ServiceKey, each: &mut impl FnMut(Report)) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            self.list_servers(key, self.servers)?;
            let entries = self.buffer.get(self.layout.servers_header()..);
            let entries = entries.unwrap_or_default();
            let mut entries = entries.chunks_exact(self.layout.server());
            if entries.next_back().is_some_and(decode::is_server) {
                self.read_service(key)?;
                let count = decode::number_of_servers(&self.buffer)?;
                self.servers = more_than(count, self.servers);
                continue;
            }
            for entry in entries.take_while(|it| decode::is_server(it)) {
                each(Report::Server(decode::server(entry, self.layout)?));
            }
            return Ok(());
        }
        Err(Failure::Interrupted)
    }

    fn list_services(&mut self, room: usize) -> Result<(), Failure> {
        let length = self.layout.services_header() + room * self.layout.service();
        self.prepare(length, decode::UNWRITTEN);
        encode::room_for_services(room, &mut self.buffer);
        self.get(Readable::Services)
    }

    fn list_servers(&mut self, key: &ServiceKey, room: usize) -> Result<(), Failure> {
        let length = self.layout.servers_header() + room * self.layout.server();
        self.prepare(length, decode::UNWRITTEN);
        encode::query_key(key, &mut self.buffer).map_err(Failure::NetlinkRequired)?;
        encode::room_for_servers(room, &mut self.buffer);
        self.get(Readable::Servers)
    }

    fn read_service(&mut self, key: &ServiceKey) -> Result<(), Failure> {
        self.prepare(self.layout.service(), 0);
        encode::query_key(key, &mut self.buffer).map_err(Failure::NetlinkRequired)?;
        self.get(Readable::Service)
    }

    fn read(&mut self, option: Readable, length: usize) -> Result<(), Failure> {
        self.prepare(length, 0);
        self.get(option)
    }

    /// Fills the buffer with a byte.
    fn prepare(&mut self, length: usize, byte: u8) {
        self.buffer.clear();
        self.buffer.resize(length, byte);
    }

    /// Reads an option into the buffer.
    fn get(&mut self, option: Readable) -> Result<(), Failure> {
        loop {
            match get::get(&self.socket, option, &mut self.buffer) {
                Ok(()) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(rejected(errno)),
            }
        }
    }
}

/// Makes the system call of an operation again until no signal interrupts it.
fn until_done(
    operation: &Operation,
    mut call: impl FnMut() -> nix::Result<()>,
) -> Result<(), Failure> {
    let is_stop = matches!(operation, Operation::StopDaemon(_));
    loop {
        match call() {
            Ok(()) => return Ok(()),
            // The daemon was stopped before its thread ran: see `Ipvs::stop_daemon`.
            Err(Errno::EINTR) if is_stop => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(rejected(errno)),
        }
    }
}

/// Returns the number of entries for which the next list has room: more than the kernel counts
/// now, since there may be more by then, and more than there was room for.
fn more_than(count: u32, room: usize) -> usize {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let count = count.max(room);
    count.saturating_add(count / 8 + 8)
}

pub(super) fn rejected(errno: Errno) -> Failure {
    match errno {
        // No module has options of these numbers.
        Errno::ENOPROTOOPT => Failure::Gone(GONE),
        _ => Failure::Rejected(Rejection {
            code: errno as i32,
            extended: None,
            echo: Vec::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{SyncRole, VirtualService};

    /// Carries out an operation whose system call returns these errors first. Returns whether it
    /// succeeds, and the number of calls.
    fn called(operation: &Operation, errors: &[Errno]) -> (bool, usize) {
        let mut calls = 0;
        let done = until_done(operation, || {
            calls += 1;
            errors.get(calls - 1).copied().map_or(Ok(()), Err)
        });
        (done.is_ok(), calls)
    }

    #[test]
    fn an_interrupted_operation_is_tried_again_but_a_daemon_is_stopped_then() {
        let stop = Operation::StopDaemon(SyncRole::Master);
        for operation in [&Operation::Flush, &stop] {
            assert_eq!(called(operation, &[]), (true, 1));
            assert_eq!(called(operation, &[Errno::ESRCH]), (false, 1));
        }
        let twice = [Errno::EINTR, Errno::EINTR];
        assert_eq!(called(&Operation::Flush, &twice), (true, 3));
        assert_eq!(
            called(&Operation::Flush, &[Errno::EINTR, Errno::EPERM]),
            (false, 2)
        );
        assert_eq!(called(&stop, &twice), (true, 1));
    }

    #[test]
    fn the_socket_options_lack_ipv6() {
        let add =
            |address: &str| Operation::AddService(VirtualService::tcp(address.parse().unwrap()));
        assert!(SocketOptions::lack(&add("10.0.0.1:80")).is_none());
        assert!(SocketOptions::lack(&add("[::1]:80")).is_some());
    }

    #[test]
    fn the_next_list_has_more_room_than_is_needed_now() {
        assert_eq!(more_than(0, 0), 8);
        assert_eq!(more_than(80, 160), 160 + 20 + 8);
        assert_eq!(more_than(800, 10), 800 + 100 + 8);
    }

    #[test]
    fn an_unknown_option_means_that_there_is_no_ipvs() {
        assert!(matches!(rejected(Errno::ENOPROTOOPT), Failure::Gone(_)));
        let other = rejected(Errno::ESRCH);
        let code = Errno::ESRCH as i32;
        assert!(matches!(other, Failure::Rejected(it) if it.code == code));
    }
}
