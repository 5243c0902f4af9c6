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
    /// Where the file was opened, if this did it.
    path: Option<PathBuf>,
}

/// Where `ip netns add` keeps namespaces.
const NAMED: &str = "/run/netns";
const OPEN: &str = "open network namespace";

impl Namespace {
    /// The namespace that a file stands for, such as `/proc/1234/ns/net` or a bind mount of it.
    ///
    /// # Errors
    /// Not found if there is no such file, and those of opening it. Whether it is a network
    /// namespace shows when a handle is opened in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let missing = || "there is no such file".into();
        Self::open_file(path, missing).map_err(|error| error.object(path.display()))
    }

    /// The namespace that `ip netns add` made under this name, in `/run/netns`.
    ///
    /// # Errors
    /// Not found if there is none of this name; invalid input for a name that leads out of the
    /// folder; those of opening the file.
    pub fn named(name: &str) -> Result<Self> {
        if name.contains('/') || matches!(name, "" | "." | "..") {
            let why = format!("this is no name of a file in {NAMED}");
            return Err(Error::refused(OPEN, why).object(format_args!("{name:?}")));
        }
        let missing = || format!("{NAMED} has none of this name; `ip netns add` makes one");
        Self::open_file(&Path::new(NAMED).join(name), missing).map_err(|error| error.object(name))
    }

    /// The namespace of a process.
    ///
    /// # Errors
    /// Not found if there is no such process, and those of opening `/proc/PID/ns/net`.
    pub fn of_process(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/ns/net");
        let missing = || "there is no such process".into();
        Self::open_file(Path::new(&path), missing)
            .map_err(|error| error.object(format_args!("of process {pid}")))
    }

    /// The calling thread's own namespace.
    ///
    /// # Errors
    /// Those of opening `/proc/thread-self/ns/net`.
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

    /// Opens a socket inside the namespace; it stays there whoever uses it.
    pub(crate) fn socket(&self, protocol: Protocol) -> Result<Socket, Failure> {
        self.enter(|| Socket::open(protocol))?
    }

    /// Runs `work` inside the namespace, on a thread of its own that ends with it: whatever
    /// happens there, even a panic, the calling thread stays where it is.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> io::Result<R> {
        std::thread::scope(|scope| {
            let inside = std::thread::Builder::new().spawn_scoped(scope, || {
                setns(&self.file, CloneFlags::CLONE_NEWNET)
                    .map(|()| work())
                    .map_err(|errno| not_entered(self.refusal(errno), errno.into()))
            });
            let inside = inside.map_err(|error| {
                let why = "no thread can be started to enter the network namespace";
                not_entered(why.into(), error)
            })?;
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Why the namespace could not be entered.
    fn refusal(&self, errno: Errno) -> String {
        let this = match &self.path {
            Some(path) => path.display().to_string(),
            None => "the file".into(),
        };
        match errno {
            Errno::EINVAL => format!("{this} is no network namespace"),
            Errno::EPERM => format!("it takes CAP_SYS_ADMIN to enter {this}"),
            _ => format!("{this} can't be entered"),
        }
    }
}

/// A system call's error with words before it.
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
