//! IPVS's files in `/proc`: connections, totals, a quick snapshot of the table, and the
//! `net.ipv4.vs.*` sysctls.
//!
//! IPVS's netlink interface has no connections, totals and sysctls, and takes longer to return
//! the table. [`Proc`] reads and writes these files.

mod connection;
mod connections;
mod difference;
pub(crate) mod growth;
mod snapshot;
mod status;
pub mod sysctl;
mod table;
mod text;
mod totals;
mod until;

#[cfg(any(test, fuzzing))]
mod captured;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

pub use connection::{Connection, ConnectionState, EngineData, Origin};
pub use connections::Connections;
pub use difference::Difference;
pub use snapshot::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotPersistence, SnapshotServer, SnapshotService,
};
pub use status::{HashTable, Status};
pub use totals::CpuCounters;

use growth::{Growth, Watch};
use until::Until;

use crate::error::Cause;
use crate::ipvs::Statistics;
use crate::{Error, Namespace, Result};

/// IPVS's files in `/proc` of one network namespace.
///
/// Most systems let every user read these files; the netlink interface requires CAP_NET_ADMIN.
/// Only root can read [`Proc::status`].
///
/// ```no_run
/// use ipvset::ipvs::proc::{Proc, sysctl};
///
/// let proc = Proc::new();
/// for connection in proc.connections()? {
///     let connection = connection?;
///     println!("{} -> {}", connection.client, connection.destination);
/// }
/// proc.set(sysctl::CONNTRACK, &true)?;
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Proc {
    namespace: Option<Namespace>,
    /// Set once this kernel's tables are known to keep their size.
    never_grows: OnceLock<()>,
}

impl Proc {
    /// Uses the files of the calling thread's network namespace. Each method looks it up anew.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses the files of another network namespace.
    ///
    /// For each file that it opens, it starts a thread that enters the namespace and ends.
    pub fn in_namespace(namespace: Namespace) -> Self {
        Self {
            namespace: Some(namespace),
            ..Self::default()
        }
    }

    /// Reads the connections that IPVS knows, one after the other: `/proc/net/ip_vs_conn`.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the file does not exist, because IPVS is
    ///   not loaded.
    /// - [`Inconsistent`](crate::ErrorKind::Inconsistent) if the kernel did not finish changing the
    ///   table's size (Linux 7.1).
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Io`](crate::ErrorKind::Io)
    ///   if opening the file fails.
    pub fn connections(&self) -> Result<Connections<BufReader<File>>> {
        self.connections_in("ip_vs_conn")
    }

    /// Reads the same connections with their origin and without the data of persistence
    /// engines: `/proc/net/ip_vs_conn_sync`.
    ///
    /// # Errors
    /// As for [`Proc::connections`].
    pub fn synced_connections(&self) -> Result<Connections<BufReader<File>>> {
        self.connections_in("ip_vs_conn_sync")
    }

    fn connections_in(&self, name: &str) -> Result<Connections<BufReader<File>>> {
        let operation = "read connections";
        let (file, watch) = self.open_table_and(operation, name, Watch::open)?;
        let reader = BufReader::with_capacity(BUFFER, file);
        match watch.map_err(|error| Error::new(operation, Cause::Io(error)))? {
            None => Ok(Connections::new(reader)),
            Some(watch) => Connections::watched(reader, watch),
        }
    }

    /// Returns the statistics of all services together: `/proc/net/ip_vs_stats`.
    ///
    /// The kernel updates them every two seconds. The counters of [`Proc::per_cpu`] are always
    /// current.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the file does not exist, because IPVS is
    ///   not loaded.
    /// - [`MalformedReply`](crate::ErrorKind::MalformedReply) if the file's content is
    ///   not understood; [`Error::position`] returns where.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Io`](crate::ErrorKind::Io)
    ///   if opening or reading the file fails.
    pub fn totals(&self) -> Result<Statistics> {
        totals::totals(&self.read_table("read statistics", "ip_vs_stats")?)
    }

    /// Returns the counters of all services together, for each CPU:
    /// `/proc/net/ip_vs_stats_percpu`.
    ///
    /// # Errors
    /// As for [`Proc::totals`].
    pub fn per_cpu(&self) -> Result<Vec<CpuCounters>> {
        totals::per_cpu(&self.read_table("read statistics", "ip_vs_stats_percpu")?)
    }

    /// Returns the number of services and connections, and how full their tables are:
    /// `/proc/net/ip_vs_status` (Linux 7.1).
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the file does not exist, because the
    ///   kernel is older or IPVS is not loaded.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the program does not run as
    ///   root.
    /// - Otherwise as for [`Proc::totals`].
    pub fn status(&self) -> Result<Status> {
        status::status(&self.read_table("read status", "ip_vs_status")?)
    }

    /// Returns the table of services and servers as `/proc/net/ip_vs` shows it.
    ///
    /// # Errors
    /// - [`Inconsistent`](crate::ErrorKind::Inconsistent) if none of ten readings was complete,
    ///   because the kernel was changing the table's size or other programs its services (Linux
    ///   7.1).
    /// - Otherwise as for [`Proc::totals`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        self.snapshot_into(&mut snapshot)?;
        Ok(snapshot)
    }

    /// Replaces the content of a snapshot with the current table.
    ///
    /// This reuses the snapshot's memory, so it is faster than [`Proc::snapshot`].
    ///
    /// # Errors
    /// As for [`Proc::snapshot`]. If the file could not be opened, the content of the snapshot may
    /// be old or incomplete; otherwise the snapshot is empty.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot) -> Result<()> {
        let mut before = None;
        for attempt in 0..growth::ATTEMPTS {
            if attempt != 0 {
                thread::sleep(growth::PAUSE);
            }
            if self.try_snapshot_into(snapshot, &mut before, None)? {
                return Ok(());
            }
        }
        snapshot.clear();
        Err(Error::new(READ_TABLE, Cause::Inconsistent))
    }

    /// Reads a snapshot once. Returns false if it is not complete. `before` is for the next
    /// attempt.
    pub(in crate::ipvs) fn try_snapshot_into(
        &self,
        snapshot: &mut Snapshot,
        before: &mut Option<Vec<SnapshotKey>>,
        until: Option<Instant>,
    ) -> Result<bool> {
        let (file, growth) = self.open_table_and(READ_TABLE, "ip_vs", || self.growth())?;
        let file = Until { file, until };
        table::read(snapshot, BufReader::with_capacity(BUFFER, file))?;
        Ok(growth.is_never() || snapshot.is_whole(growth.services(), before))
    }

    /// Returns whether the tables grow. If they never do, it remembers this.
    fn growth(&self) -> Growth {
        if self.never_grows.get().is_some() {
            return Growth::Never;
        }
        let growth = Growth::open();
        if growth.is_never() {
            let _ = self.never_grows.set(());
        }
        growth
    }

    fn open_table(&self, operation: &'static str, name: &str) -> Result<File> {
        self.open_table_and(operation, name, || ())
            .map(|(file, ())| file)
    }

    /// Opens a table, and then calls `then` in the table's namespace.
    fn open_table_and<T: Send>(
        &self,
        operation: &'static str,
        name: &str,
        then: impl FnOnce() -> T + Send,
    ) -> Result<(File, T)> {
        // /proc/net would be the namespace of the process's first thread.
        let path = Path::new("/proc/thread-self/net").join(name);
        let opened = self.inside(|| Ok((File::open(&path)?, then())));
        opened.map_err(|error| {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => not_loaded(),
                _ => Cause::Io(error),
            };
            Error::new(operation, cause).object(path.display())
        })
    }

    fn read_table(&self, operation: &'static str, name: &str) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let read = self.open_table(operation, name)?.read_to_end(&mut text);
        read.map_err(|error| Error::new(operation, Cause::Io(error)))?;
        Ok(text)
    }

    /// Calls `work` in the namespace. A file that is opened there still belongs to that
    /// namespace afterwards.
    fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match &self.namespace {
            None => work(),
            Some(namespace) => namespace.enter(work)?,
        }
    }
}

const READ_TABLE: &str = "read table";

fn not_loaded() -> Cause {
    Cause::Unavailable("the kernel has no IPVS, or IPVS is not loaded".into())
}

/// The size of read buffers. A read returns a page, or more if a service and its servers take
/// more.
const BUFFER: usize = 64 * 1024;
