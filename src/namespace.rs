use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::error::Cause;
use crate::netlink::{Failure, Protocol, Socket};
use crate::{Error, Missing, Result};

/// A network namespace to open a handle in.
///
/// ```no_run
/// use ipvset::{Namespace, ipvs::Ipvs};
///
/// let blue = Namespace::named("blue")?; // made by `ip netns add blue`
/// let mut ipvs = Ipvs::connect_in(&blue)?;
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug)]
pub struct Namespace {
    file: OwnedFd,
    /// The file's path, if this crate opened the file.
    path: Option<PathBuf>,
}

/// The directory of the namespaces that `ip netns add` makes.
const NAMED: &str = "/run/netns";
const OPEN: &str = "open network namespace";

impl Namespace {
    /// Opens the namespace of a file, such as `/proc/1234/ns/net` or a bind mount of it.
    ///
    /// This does not check that the file is a network namespace. If it is not, opening a handle
    /// in it fails.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the file does not exist.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the program may not open it.
    /// - [`Io`](crate::ErrorKind::Io) if opening it fails otherwise.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let missing = || "there is no such file".into();
        Self::open_file(path, missing).map_err(|error| error.object(path.display()))
    }

    /// Opens the namespace that `ip netns add` made under this name, in `/run/netns`.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no namespace of this name.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is not that of a file in
    ///   `/run/netns`.
    /// - Otherwise as for [`Namespace::open`].
    pub fn named(name: &str) -> Result<Self> {
        if name.contains('/') || matches!(name, "" | "." | "..") {
            let why = format!("this is not the name of a file in {NAMED}");
            return Err(Error::refused(OPEN, why).object(format_args!("{name:?}")));
        }
        let missing = || format!("{NAMED} has no namespace of this name; `ip netns add` makes one");
        Self::open_file(&Path::new(NAMED).join(name), missing).map_err(|error| error.object(name))
    }

    /// Opens the namespace of a process: `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such process.
    /// - Otherwise as for [`Namespace::open`].
    pub fn of_process(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/ns/net");
        let missing = || "there is no such process".into();
        Self::open_file(Path::new(&path), missing)
            .map_err(|error| error.object(format_args!("of process {pid}")))
    }

    /// Opens the calling thread's own namespace: `/proc/thread-self/ns/net`.
    ///
    /// # Errors
    /// As for [`Namespace::open`].
    pub fn current() -> Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    fn open_file(path: &Path, missing: impl FnOnce() -> String) -> Result<Self> {
        match File::open(path) {
            Ok(file) => Ok(Self {
                file: file.into(),
                path: Some(path.to_owned()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let cause = Cause::missing(Missing::Namespace, missing(), Errno::ENOENT);
                Err(Error::new(OPEN, cause))
            }
            Err(error) => Err(Error::new(OPEN, Cause::Io(error))),
        }
    }

    /// Opens a socket inside the namespace. It stays there, whichever thread uses it.
    pub(crate) fn socket(&self, protocol: Protocol) -> Result<Socket, Failure> {
        self.enter(|| Socket::open(protocol))?
    }

    /// Runs `work` inside the namespace, on a new thread that ends with it. The calling thread
    /// never leaves its own namespace, even if `work` panics.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> io::Result<R> {
        std::thread::scope(|scope| {
            let inside = std::thread::Builder::new().spawn_scoped(scope, || {
                setns(&self.file, CloneFlags::CLONE_NEWNET)
                    .map(|()| work())
                    .map_err(|errno| not_entered(self.refusal(errno), errno.into()))
            });
            let inside = inside.map_err(|error| {
                let why = "can't start a thread that enters the network namespace";
                not_entered(why.into(), error)
            })?;
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Returns why the namespace could not be entered.
    fn refusal(&self, errno: Errno) -> String {
        let this = match &self.path {
            Some(path) => path.display().to_string(),
            None => "the file".into(),
        };
        match errno {
            Errno::EINVAL => format!("{this} is not a network namespace"),
            Errno::EPERM => format!("CAP_SYS_ADMIN is needed to enter {this}"),
            _ => format!("can't enter {this}"),
        }
    }
}

/// A system call's error with an explanation before it.
#[derive(Debug, thiserror::Error)]
#[error("{why}: {error}")]
struct NotEntered {
    why: String,
    #[source]
    error: io::Error,
}

fn not_entered(why: String, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), NotEntered { why, error })
}

impl From<OwnedFd> for Namespace {
    fn from(file: OwnedFd) -> Self {
        Self { file, path: None }
    }
}

impl From<File> for Namespace {
    fn from(file: File) -> Self {
        OwnedFd::from(file).into()
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_namespace_may_be_missing_or_out_of_reach() {
        let missing = Namespace::open("/proc/self/ns/nowhere").unwrap_err();
        assert!(missing.is_not_found(), "{missing}");
        // A path through a file fails with ENOTDIR.
        let other = Namespace::open("/proc/self/stat/net").unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Io, "{other}");
    }

    #[test]
    fn a_refusal_says_what_is_needed() {
        let namespace = Namespace::current().unwrap();
        let refusal = |errno| namespace.refusal(errno);
        assert!(refusal(Errno::EPERM).contains("CAP_SYS_ADMIN"));
        assert!(refusal(Errno::EINVAL).contains("is not a network namespace"));
        assert_eq!(
            refusal(Errno::ENOMEM),
            "can't enter /proc/thread-self/ns/net"
        );
    }
}
