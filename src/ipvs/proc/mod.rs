//! What the kernel tells about IPVS in files instead of over netlink: connections, totals, a
//! quick look at the table, and the `net.ipv4.vs.*` sysctls. [`Proc`] is where to begin.

mod connection;
mod connections;
mod difference;
mod snapshot;
pub mod sysctl;
mod table;
mod text;
mod totals;

#[cfg(test)]
mod captured;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::Path;

pub use connection::{Connection, ConnectionState, EngineData, Origin};
pub use connections::Connections;
pub use difference::Difference;
pub use snapshot::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotPersistence, SnapshotServer, SnapshotService,
};
pub use totals::CpuCounters;

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
        }
    }

    /// The connections that IPVS knows, one after the other: `/proc/net/ip_vs_conn`.
    ///
    /// # Errors
    /// Unavailable if there is no such file, since IPVS is not loaded; else those of opening it.
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
        let file = self.open_table("read connections", name)?;
        Ok(Connections::new(BufReader::with_capacity(BUFFER, file)))
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

    /// What `/proc/net/ip_vs` shows of the table, in one pass.
    ///
    /// # Errors
    /// As for [`Proc::totals`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        self.snapshot_into(&mut snapshot)?;
        Ok(snapshot)
    }

    /// The same in the memory of an older snapshot, which is quicker.
    ///
    /// # Errors
    /// As for [`Proc::totals`]; the snapshot is empty then, or what it was if the file could
    /// not be opened.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot) -> Result<()> {
        let file = self.open_table("read table", "ip_vs")?;
        table::read(snapshot, BufReader::with_capacity(BUFFER, file))
    }

    fn open_table(&self, operation: &'static str, name: &str) -> Result<File> {
        // Not /proc/net: that is of the process's first thread, wherever this one is.
        let path = Path::new("/proc/thread-self/net").join(name);
        let file = self.open(&path, OpenOptions::new().read(true));
        file.map_err(|error| {
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

    /// Opens a file as it is in the namespace; wherever it is read then, it stays that one.
    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<File> {
        match &self.namespace {
            None => options.open(path),
            Some(namespace) => namespace.enter(|| options.open(path))?,
        }
    }
}

fn not_loaded() -> Cause {
    Cause::Unavailable("the kernel has no IPVS, or it is not loaded".into())
}

/// The kernel gives a page at once, or as much as the largest service with its servers takes.
const BUFFER: usize = 64 * 1024;
