//! Network namespaces.

use std::any::Any;
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Error, Result, failed};
use crate::link;

/// Where `ip netns` looks for namespaces.
const FOLDER: &str = "/run/netns";

/// The file of the calling thread's namespace. /proc/self would be that of the main thread.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace with its own devices, addresses, routes, rules, IPVS services and sets.
///
/// It exists as long as this value, a thread or process in it, or one of its sockets. [`Namespace::run`] enters it with a new thread that ends
/// there, so no other thread of the program changes its namespace.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    name: Option<String>,
}

impl Namespace {
    /// Creates a namespace and sets its loopback device up.
    pub fn new() -> Result<Namespace> {
        let fd = on_own_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(failed("create", "a network namespace"))?;
            link::up("lo")?;
            open(Path::new(OWN))
        })?;
        Ok(Namespace { fd, name: None })
    }

    /// Like [`Namespace::new`], with a name for `ip netns exec NAME`. Dropping the value removes the name.
    pub fn named(name: &str) -> Result<Namespace> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(Error::Other(format!(
                "`{name}` is not a valid name for a network namespace"
            )));
        }
        let mut namespace = Namespace::new()?;
        let path = Path::new(FOLDER).join(name);
        let shown = path.display().to_string();
        fs::create_dir_all(FOLDER).map_err(failed("create", FOLDER))?;
        File::create_new(&path).map_err(failed("create", &shown))?;
        namespace.name = Some(name.to_owned());
        let source = namespace.path();
        mount(
            Some(&source),
            &path,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .map_err(failed("mount", shown))?;
        Ok(namespace)
    }

    /// Opens the calling thread's namespace.
    pub fn current() -> Result<Namespace> {
        Ok(Namespace {
            fd: open(Path::new(OWN))?,
            name: None,
        })
    }

    /// Returns the name, if the namespace has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns a path by which this process can open the namespace while this value exists.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.fd.as_raw_fd()
        ))
    }

    /// Runs `f` in the namespace on a new thread and waits for it. A panic in `f` continues in the caller.
    ///
    /// # Panics
    ///
    /// If the thread may not enter the namespace. This does not happen with namespaces of this crate in a program under [`crate::main`].
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_own_thread(|| {
            if let Err(error) = self.enter() {
                panic!("{error}");
            }
            f()
        })
    }

    /// Returns a command that runs in the namespace, whichever thread starts it.
    pub fn command(&self, program: &str) -> Result<Command> {
        let fd = self
            .fd
            .try_clone()
            .map_err(failed("copy", "a namespace's descriptor"))?;
        let mut command = Command::new(program);
        // SAFETY: setns is async-signal-safe, and nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(move || setns(&fd, CloneFlags::CLONE_NEWNET).map_err(Into::into));
        }
        Ok(command)
    }

    /// Runs a tool in the namespace and returns its standard output, like [`crate::tool()`].
    pub fn tool<I>(&self, program: &str, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let arguments = arguments.into_iter().map(|it| it.as_ref().to_owned());
        let arguments: Vec<String> = arguments.collect();
        self.run(|| crate::tool(program, arguments))
    }

    /// Moves the calling thread into the namespace permanently.
    pub(crate) fn enter(&self) -> Result<()> {
        setns(&self.fd, CloneFlags::CLONE_NEWNET).map_err(failed("enter", "a network namespace"))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let path = Path::new(FOLDER).join(name);
            let _ = umount2(&path, MntFlags::MNT_DETACH);
            let _ = fs::remove_file(&path);
        }
    }
}

fn open(path: &Path) -> Result<OwnedFd> {
    let file = File::open(path).map_err(failed("open", path.display().to_string()))?;
    Ok(file.into())
}

/// Runs `f` on a new thread.
fn on_own_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let name = thread::current().name().unwrap_or("namespace").to_owned();
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name).spawn_scoped(scope, f);
        let ended: Result<T, Box<dyn Any + Send>> = match thread {
            Ok(thread) => thread.join(),
            Err(error) => panic!("start a thread: {error}"),
        };
        ended.unwrap_or_else(|panic| resume_unwind(panic))
    })
}
