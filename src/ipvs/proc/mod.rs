//! What the kernel tells about IPVS in files instead of over netlink: connections, totals, a
//! quick look at the table, and the `net.ipv4.vs.*` sysctls. [`Proc`] is where to begin.

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

#[cfg(test)]
mod captured;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

pub use connection::{Connection, ConnectionState, EngineData, Origin};
pub use connections::Connections;
pub use difference::Difference;
pub use snapshot::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotPersistence, SnapshotServer, SnapshotService,
};
pub use status::{HashTable, Status};
pub use totals::CpuCounters;

use growth::{Growth, Watch};

use crate::error::Cause;
use crate::ipvs::Statistics;
use crate::{Error, Namespace, Result};

/// IPVS's files in /proc, of one network namespace. Unlike the netlink interface, reading them
/// takes no privilege on most systems.
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
    /// Set once it is known that this kernel's tables keep their size.
    never_grows: OnceLock<()>,
}

impl Proc {
    /// The files of the network namespace that the calling thread is in whenever one is opened.
    pub fn new() -> Self {
        Self::default()
    }

    /// The files of another network namespace. Each time one is opened, a thread enters the
    /// namespace for it and ends.
    pub fn in_namespace(namespace: Namespace) -> Self {
        Self {
            namespace: Some(namespace),
            ..Self::default()
        }
    }

    /// The connections that IPVS knows, one after the other: `/proc/net/ip_vs_conn`.
    ///
    /// # Errors
    /// Unavailable if there is no such file, since IPVS is not loaded; inconsistent
    /// ([`Error::is_inconsistent`]) if the kernel does not come to an end with changing the
    /// table's size (Linux 7.1); else those of opening it.
    pub fn connections(&self) -> Result<Connections<BufReader<File>>> {
        self.connections_in("ip_vs_conn")
    }

    /// The same connections with where each comes from, and without what persistence engines
    /// know: `/proc/net/ip_vs_conn_sync`.
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

    /// What all services together counted: `/proc/net/ip_vs_stats`. The kernel renews it every
    /// two seconds; [`Proc::per_cpu`] is as new as can be.
    ///
    /// # Errors
    /// As for [`Proc::connections`], and those of reading it.
    pub fn totals(&self) -> Result<Statistics> {
        totals::totals(&self.read_table("read statistics", "ip_vs_stats")?)
    }

    /// What all services together counted, for each CPU: `/proc/net/ip_vs_stats_percpu`.
    ///
    /// # Errors
    /// As for [`Proc::totals`].
    pub fn per_cpu(&self) -> Result<Vec<CpuCounters>> {
        totals::per_cpu(&self.read_table("read statistics", "ip_vs_stats_percpu")?)
    }

    /// How many services and connections there are, and how full the tables are:
    /// `/proc/net/ip_vs_status`. Linux 7.1.
    ///
    /// # Errors
    /// Unavailable if there is no such file, since the kernel is older or IPVS is not loaded;
    /// permission denied for others than root; else those of opening and reading it.
    pub fn status(&self) -> Result<Status> {
        status::status(&self.read_table("read status", "ip_vs_status")?)
    }

    /// What `/proc/net/ip_vs` shows of the table.
    ///
    /// # Errors
    /// As for [`Proc::totals`]; inconsistent ([`Error::is_inconsistent`]) if the table was not
    /// whole, however often it was read (Linux 7.1).
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        self.snapshot_into(&mut snapshot)?;
        Ok(snapshot)
    }

    /// The same in the memory of an older snapshot, which is quicker.
    ///
    /// # Errors
    /// As for [`Proc::snapshot`]; the snapshot is empty then, or what it was if the file could
    /// not be opened.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot) -> Result<()> {
        const OPERATION: &str = "read table";
        let mut before = None;
        for attempt in 0..growth::ATTEMPTS {
            if attempt != 0 {
                thread::sleep(growth::PAUSE);
            }
            let (file, growth) = self.open_table_and(OPERATION, "ip_vs", || self.growth())?;
            table::read(snapshot, BufReader::with_capacity(BUFFER, file))?;
            if growth.is_never() || snapshot.is_whole(growth.services(), &mut before) {
                return Ok(());
            }
        }
        snapshot.clear();
        Err(Error::new(OPERATION, Cause::Inconsistent))
    }

    /// Whether the tables grow, which is looked up once: a kernel stays the same.
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

    /// Opens a table, and does something else in its namespace once it is open.
    fn open_table_and<T: Send>(
        &self,
        operation: &'static str,
        name: &str,
        then: impl FnOnce() -> T + Send,
    ) -> Result<(File, T)> {
        // Not /proc/net: that is of the process's first thread, wherever this one is.
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

    /// Does something in the namespace. A file that is opened there stays that namespace's.
    fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match &self.namespace {
            None => work(),
            Some(namespace) => namespace.enter(work)?,
        }
    }
}

fn not_loaded() -> Cause {
    Cause::Unavailable("the kernel has no IPVS, or it is not loaded".into())
}

/// The kernel gives a page at once, or as much as the largest service with its servers takes.
const BUFFER: usize = 64 * 1024;
