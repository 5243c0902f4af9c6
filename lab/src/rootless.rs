//! Programs without root: an ordinary user in a user namespace of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, exit};
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_dumpable;
use nix::unistd::{ForkResult, Gid, Uid, getpid, gettid, setgroups, setresgid, setresuid};

use crate::error::{Error, Result, failed};
use crate::kernel::{process, running};
use crate::link;
use crate::tool::output;

/// The user and the group `nobody`.
const NOBODY: u32 = 65534;

/// The connection to the process that has stayed root.
static ROOT: OnceLock<Mutex<UnixStream>> = OnceLock::new();

/// Makes this process an ordinary user's (65534) who is root of a user, a mount and a network namespace of their own, as in a rootless container,
/// and runs `body`. Call it in [`crate::main`], as root and with one thread.
///
/// Another process stays root: it runs `ipvsadm` for [`crate::tool()`], in the network namespace of the calling thread, and loads modules for
/// [`crate::module::load`].
pub fn rootless(body: impl FnOnce() -> ExitCode) -> ExitCode {
    match give_up_root() {
        Ok(()) => body(),
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn give_up_root() -> Result<()> {
    let (ours, theirs) = UnixStream::pair().map_err(failed("open", "a pair of sockets"))?;
    let program = getpid().as_raw();
    if let ForkResult::Child = process::fork("the process that stays root")? {
        drop(ours);
        serve(theirs, program);
        exit(0);
    }
    let _ = ROOT.set(Mutex::new(ours));
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[])
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(user, user, user))
        // Otherwise the files of this process in /proc would be root's.
        .and_then(|()| set_dumpable(true))
        .map_err(failed("become", "nobody"))?;
    let own = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    unshare(own).map_err(failed("enter", "a new user namespace"))?;
    running::map_root(user, group)?;
    running::mount_run()?;
    link::up("lo")
}

/// Runs a tool as root in the network namespace of the calling thread. Returns `None` if this process has not given up root.
pub(crate) fn as_root<I>(program: &str, arguments: I, input: &str) -> Option<Result<String>>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let mut root = ROOT.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    let mut words = vec![gettid().to_string(), input.to_owned(), program.to_owned()];
    words.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
    let answer = write(&mut *root, &words).and_then(|()| read(&mut *root));
    Some(match answer.as_deref() {
        Ok([output]) => Ok(output.clone()),
        Ok([error, ..]) => Err(Error::Other(error.clone())),
        Ok([]) => Err(Error::Other(format!("{program} was not run as root"))),
        Err(error) => Err(Error::Other(format!("{program} as root: {error}"))),
    })
}

/// Runs the tools until the program ends.
fn serve(mut program: UnixStream, pid: i32) {
    while let Ok(words) = read(&mut program) {
        let answer = match run(&words, pid) {
            Ok(output) => vec![output],
            Err(error) => vec![error.to_string(), String::new()],
        };
        if write(&mut program, &answer).is_err() {
            break;
        }
    }
}

fn run(words: &[String], pid: i32) -> Result<String> {
    let [thread, input, tool, arguments @ ..] = words else {
        return Err(Error::Other("not a request".to_owned()));
    };
    let path = format!("/proc/{pid}/task/{thread}/ns/net");
    let namespace = fs::File::open(&path).map_err(failed("open", path))?;
    setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(failed("enter", "a network namespace"))?;
    output(Command::new(tool).args(arguments), input)
}

/// Writes words: their number, and each after its length.
fn write(to: &mut impl Write, words: &[String]) -> io::Result<()> {
    to.write_all(&words.len().to_ne_bytes())?;
    for word in words {
        to.write_all(&word.len().to_ne_bytes())?;
        to.write_all(word.as_bytes())?;
    }
    Ok(())
}

fn read(from: &mut impl Read) -> io::Result<Vec<String>> {
    let words = number(from)?;
    (0..words).map(|_| word(from)).collect()
}

fn word(from: &mut impl Read) -> io::Result<String> {
    let mut bytes = vec![0; number(from)?];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn number(from: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; size_of::<usize>()];
    from.read_exact(&mut bytes)?;
    Ok(usize::from_ne_bytes(bytes))
}
