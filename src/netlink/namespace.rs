use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns};

/// A network namespace to open a handle in.
///
/// ```no_run
/// use ipvset::{Namespace, ipvs::Ipvs};
///
/// let blue = Namespace::named("blue")?; // made by `ip netns add blue`
/// let mut ipvs = Ipvs::connect_in(&blue)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Namespace {
    file: OwnedFd,
}

impl Namespace {
    /// The namespace that a file stands for, such as `/proc/1234/ns/net` or a bind mount of it.
    ///
    /// # Errors
    /// Those of opening the file. Whether it is a network namespace shows when it is entered.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        File::open(path).map(Self::from)
    }

    /// The namespace that `ip netns add` made under this name, in `/run/netns`.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn named(name: &str) -> io::Result<Self> {
        Self::open(Path::new("/run/netns").join(name))
    }

    /// The namespace of a process.
    ///
    /// # Errors
    /// Those of opening `/proc/PID/ns/net`.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        Self::open(format!("/proc/{pid}/ns/net"))
    }

    /// The calling thread's own namespace.
    ///
    /// # Errors
    /// Those of opening `/proc/thread-self/ns/net`.
    pub fn current() -> io::Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// Runs `work` inside the namespace, on a thread of its own that ends with it: whatever
    /// happens there, even a panic, the calling thread stays where it is.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> io::Result<R> {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET)?;
                Ok(work())
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl From<OwnedFd> for Namespace {
    fn from(file: OwnedFd) -> Self {
        Self { file }
    }
}

impl From<File> for Namespace {
    fn from(file: File) -> Self {
        Self { file: file.into() }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
