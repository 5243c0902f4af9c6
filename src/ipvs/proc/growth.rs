//! Whether what was read of a table is all of it.
//!
//! Up to Linux 7.0 IPVS's tables keep their size. From 7.1 on each network namespace has its
//! own, which the kernel enlarges in the background some milliseconds after additions
//! (`svc_resize_work_handler` in net/netfilter/ipvs/ip_vs_ctl.c, `conn_resize_work_handler` in
//! ip_vs_conn.c). Whoever reads in pieces goes on by position, and the positions change with
//! the table: entries are missing or come twice, and the kernel does not say so. In /proc, those
//! that were moved already are missing until all of them are.
//!
//! These kernels have `/proc/net/ip_vs_status`, which says how many services and connections
//! there are, and how large the tables are. It can be read by root, and by whoever may read
//! everything.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::sys::utsname::uname;

use super::status::{self, HashTable, Status};
use super::table;
use crate::{Namespace, Result};

const STATUS: &str = "/proc/thread-self/net/ip_vs_status";
const TABLE: &str = "/proc/thread-self/net/ip_vs";

/// How often a file in /proc is tried before it is given up to get it whole.
pub(super) const ATTEMPTS: usize = 10;
/// How long is waited between two attempts: the kernel is done within milliseconds.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Whether a kernel's tables grow, and how it is known then what is in them.
#[derive(Debug)]
pub(crate) enum Growth {
    /// They keep their size.
    Never,
    /// They grow, and this is the status file of the network namespace.
    Counted(File),
    /// They grow, and the status file can't be read.
    Uncounted,
}

impl Growth {
    /// In the calling thread's network namespace. IPVS has to be loaded.
    pub(crate) fn open() -> Self {
        match File::open(STATUS) {
            Ok(file) => Self::Counted(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_grow() => Self::Never,
            Err(_) => Self::Uncounted,
        }
    }

    /// In another network namespace.
    pub(crate) fn open_in(namespace: &Namespace) -> Self {
        namespace.enter(Self::open).unwrap_or(Self::Uncounted)
    }

    pub(crate) fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }

    /// How many services there are now, if that is known.
    pub(crate) fn services(&self) -> Option<usize> {
        let Self::Counted(file) = self else {
            return None;
        };
        read_status(file).ok()?.services.try_into().ok()
    }
}

/// Whether the kernel's version is one whose tables grow: for where /proc is not to be seen.
fn may_grow() -> bool {
    let major = || {
        let name = uname().ok()?;
        let (major, _) = name.release().to_str()?.split_once('.')?;
        major.parse::<u32>().ok()
    };
    major().is_none_or(|major| major >= 7)
}

/// Watches the size of the table of connections while they are read.
#[derive(Debug)]
pub(super) enum Watch {
    /// The status file, which also tells that the table is being resized.
    Status(File),
    /// The table of services, whose heading has the size too. A resize that is going on does
    /// not show there.
    Heading(File),
}

/// The size of a table, and the load factor that it was made for.
pub(super) type Size = (u64, Option<i32>);

impl Watch {
    /// In the calling thread's network namespace; `None` if the tables of this kernel keep
    /// their size.
    pub(super) fn open() -> io::Result<Option<Self>> {
        Ok(match Growth::open() {
            Growth::Never => None,
            Growth::Counted(file) => Some(Self::Status(file)),
            Growth::Uncounted => Some(Self::Heading(File::open(TABLE)?)),
        })
    }

    /// The size of the table of connections; `None` while it is being resized.
    pub(super) fn size(&self) -> Result<Option<Size>> {
        match self {
            Self::Status(file) => Ok(settled(&read_status(file)?.connection_table)),
            Self::Heading(file) => {
                let mut text = [0; 128];
                let length = file.read_at(&mut text, 0).map_err(table::failed)?;
                let info = table::info(text.get(..length).unwrap_or_default())?;
                Ok(Some((info.connection_table_size.into(), None)))
            }
        }
    }
}

fn settled(table: &HashTable) -> Option<Size> {
    (!table.is_being_resized()).then_some((table.buckets, table.load_factor))
}

/// The status as it is now, however often the file was read before.
fn read_status(file: &File) -> Result<Status> {
    let mut text = vec![0; 4096];
    let mut length = 0;
    loop {
        if length == text.len() {
            text.resize(2 * length, 0);
        }
        match file.read_at(&mut text[length..], length as u64) {
            Ok(0) => return status::status(&text[..length]),
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(status::failed(error)),
        }
    }
}
