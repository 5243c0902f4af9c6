//! Detection of tables that changed their size while they were read.
//!
//! Up to Linux 7.0, IPVS's tables keep their size. From 7.1 on, each network namespace has tables
//! of its own, which the kernel enlarges in the background some milliseconds after additions
//! (`svc_resize_work_handler` in net/netfilter/ipvs/ip_vs_ctl.c, `conn_resize_work_handler` in
//! ip_vs_conn.c). A program reads a table in pieces, and the kernel finds the next piece by its
//! position. The positions change with the table's size, so entries are missing or repeated, and
//! the kernel does not report this. In `/proc`, the entries that the kernel has moved already are
//! missing until it has moved all of them.
//!
//! These kernels have `/proc/net/ip_vs_status`, which contains the number of services and
//! connections and the size of the tables. Only root and programs with the capability to read
//! every file can read it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::sys::utsname::uname;

use super::status::{self, HashTable, Status};
use super::table;
use crate::{Namespace, Result};

const STATUS: &str = "/proc/thread-self/net/ip_vs_status";
const TABLE: &str = "/proc/thread-self/net/ip_vs";

/// The number of attempts to read a complete table.
pub(in crate::ipvs) const ATTEMPTS: usize = 10;
/// The pause between two attempts. The kernel changes a table's size within milliseconds.
pub(in crate::ipvs) const PAUSE: Duration = Duration::from_millis(10);

/// Whether a kernel's tables grow, and if so, whether the number of their entries is known.
#[derive(Debug)]
pub(crate) enum Growth {
    /// They keep their size.
    Never,
    /// They grow, and this is the status file of the network namespace.
    Counted(File),
    /// They grow, and the status file cannot be read.
    Uncounted,
}

impl Growth {
    /// Looks this up in the calling thread's network namespace. IPVS has to be loaded.
    pub(crate) fn open() -> Self {
        Self::from(File::open(STATUS), may_grow)
    }

    /// Returns what the status file says, or the kernel's version if there is no such file.
    fn from(status: io::Result<File>, may_grow: impl FnOnce() -> bool) -> Self {
        match status {
            Ok(file) => Self::Counted(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_grow() => Self::Never,
            Err(_) => Self::Uncounted,
        }
    }

    /// Looks this up in another network namespace.
    pub(crate) fn open_in(namespace: &Namespace) -> Self {
        namespace.enter(Self::open).unwrap_or(Self::Uncounted)
    }

    pub(crate) fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }

    /// Returns the current number of services, if it is known.
    pub(crate) fn services(&self) -> Option<usize> {
        let Self::Counted(file) = self else {
            return None;
        };
        read_status(file).ok()?.services.try_into().ok()
    }
}

/// Returns true if tables may grow in this kernel's version. This decides if `/proc` is hidden.
fn may_grow() -> bool {
    let name = uname().ok();
    let release = name.as_ref().and_then(|it| it.release().to_str());
    release.is_none_or(may_grow_in)
}

/// Returns true if tables may grow in a kernel's version, such as `6.12.3-amd64`.
fn may_grow_in(release: &str) -> bool {
    let major = release.split('.').next();
    let major = major.and_then(|it| it.parse::<u32>().ok());
    major.is_none_or(|major| major >= 7)
}

/// A file that shows the size of the table of connections while that table is read.
#[derive(Debug)]
pub(super) enum Watch {
    /// The status file, which also shows that the table is being resized.
    Status(File),
    /// The table of services, whose heading contains the size too. It does not show that the
    /// table is being resized.
    Heading(File),
}

/// The number of a table's buckets, and the load factor for which the kernel made it.
pub(super) type Size = (u64, Option<i32>);

impl Watch {
    /// Opens the file in the calling thread's network namespace. Returns `None` if the tables of
    /// this kernel keep their size.
    pub(super) fn open() -> io::Result<Option<Self>> {
        Ok(match Growth::open() {
            Growth::Never => None,
            Growth::Counted(file) => Some(Self::Status(file)),
            Growth::Uncounted => Some(Self::Heading(File::open(TABLE)?)),
        })
    }

    /// Returns the size of the table of connections, or `None` while it is being resized.
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

/// Reads the current status from the start of the file, which may have been read before.
fn read_status(mut file: &File) -> Result<Status> {
    let mut text = Vec::with_capacity(4096);
    let read = file.rewind().and_then(|()| file.read_to_end(&mut text));
    read.map_err(status::failed)?;
    status::status(&text)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use nix::sys::memfd::{MFdFlags, memfd_create};

    use super::*;
    use crate::ErrorKind;
    use crate::ipvs::proc::captured;

    /// Returns a file in memory with this text.
    pub(in crate::ipvs::proc) fn file(text: &[u8]) -> File {
        let mut file = File::from(memfd_create(c"ipvset", MFdFlags::MFD_CLOEXEC).unwrap());
        file.write_all(text).unwrap();
        file
    }

    /// Returns the text of a status file with this many buckets for connections. `empty` of them
    /// are empty, and 56 have one connection. If the sum is another number, the table is being
    /// resized.
    pub(in crate::ipvs::proc) fn status_with(buckets: u64, empty: u64) -> String {
        format!(
            "Conns:\t56\nConn buckets:\t{buckets} (8 bits, lfactor -4)\n\
             Conn buckets empty:\t{empty} (78%)\nConn buckets len-1:\t56 (100%)\nServices:\t3\n"
        )
    }

    #[test]
    fn the_number_of_services_is_in_the_status_file() {
        let counted = Growth::Counted(file(status_with(256, 200).as_bytes()));
        // The file is read from its start each time.
        for _ in 0..2 {
            assert_eq!(counted.services(), Some(3));
        }
        assert_eq!(Growth::Never.services(), None);
        assert_eq!(Growth::Uncounted.services(), None);
        assert_eq!(Growth::Counted(file(b"")).services(), None);
        assert!(Growth::Never.is_never());
        assert!(!counted.is_never() && !Growth::Uncounted.is_never());
    }

    #[test]
    fn only_a_status_file_that_does_not_exist_means_that_no_table_grows() {
        let without = |kind: io::ErrorKind, may_grow| Growth::from(Err(kind.into()), || may_grow);
        let missing = io::ErrorKind::NotFound;
        assert!(without(missing, false).is_never());
        let denied = io::ErrorKind::PermissionDenied;
        for (kind, may_grow) in [(missing, true), (denied, false), (denied, true)] {
            assert!(matches!(without(kind, may_grow), Growth::Uncounted));
        }
        let there = Growth::from(Ok(file(b"")), || false);
        assert!(matches!(there, Growth::Counted(_)));
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(may_grow(), may_grow_in(&release));
    }

    #[test]
    fn a_table_that_is_being_resized_has_no_size() {
        let size = |text: &str| Watch::Status(file(text.as_bytes())).size().unwrap();
        assert_eq!(size(&status_with(256, 200)), Some((256, Some(-4))));
        assert_eq!(size(&status_with(256, 456)), None);
        let error = Watch::Status(file(b"x")).size().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MalformedReply);
    }

    #[test]
    fn the_heading_of_the_services_has_the_size_too() {
        let heading = Watch::Heading(file(captured::TABLE));
        assert_eq!(heading.size().unwrap(), Some((4096, None)));
        let error = Watch::Heading(file(b"")).size().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MalformedReply);
    }

    #[test]
    fn tables_may_grow_from_linux_7_on() {
        for (release, grows) in [
            ("5.10.0-28-amd64", false),
            ("6.18.44", false),
            ("7.0.1", true),
            ("10.1", true),
            ("unknown", true),
        ] {
            assert_eq!(may_grow_in(release), grows, "{release}");
        }
    }
}
