//! Parts of tests that run in a separate process: this binary, started again with its part in an
//! environment variable.

use ipvset::OnFailure;
use ipvset::ipvs::Operations;
use std::env;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use ipvset::Namespace;
use ipvset::ipvs::{ControlInterface, Ipvs, VirtualService};
use nix::sys::ptrace;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::{Result, at, predicates};
use crate::{daemons, many_operations, plan};

const VARIABLE: &str = "IPVSET_TEST_ROLE";

/// The part of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Connects over an interface that it may use and over netlink, adds a service, and prints what
    /// came of it.
    Rootless,
    /// Executes many operations, with a stop before and after them.
    ManyOperations,
    /// Calls the keeper on a table that is as wanted, with a stop before and after the call.
    Look,
    /// Reads a snapshot of the table, with a stop before and after it.
    Snapshot,
    /// Opens a handle in another namespace where no thread can start, and prints the error.
    NoThread,
    /// Adds services on a kernel without the newer options of netlink sockets, and prints how many.
    WithoutOptions,
    /// Starts and stops sync daemons.
    StopDaemons,
}

impl Role {
    const ALL: [Self; 7] = [
        Self::Rootless,
        Self::ManyOperations,
        Self::Look,
        Self::Snapshot,
        Self::NoThread,
        Self::WithoutOptions,
        Self::StopDaemons,
    ];

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// Returns the part of this process, if it is a child.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = env::var(VARIABLE).ok()?;
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Plays the part.
    pub(crate) fn play(self) -> ExitCode {
        let played = match self {
            Self::Rootless => rootless(),
            Self::ManyOperations => many_operations::execute_between_stops(),
            Self::Look => plan::keeper::counted_look(),
            Self::Snapshot => plan::keeper::counted_snapshot(),
            Self::NoThread => no_thread(),
            Self::WithoutOptions => without_options(),
            Self::StopDaemons => daemons::started_and_stopped(),
        };
        match played {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(VARIABLE, self.name());
        command
    }

    /// Runs the child as root of a new user and network namespace. Returns its output.
    pub(crate) fn in_user_namespace(self) -> Result<String> {
        self.unshared(&["--user", "--map-root-user", "--net"])
    }

    /// Runs the child as root of a new user namespace, in the network namespace of the calling
    /// thread. Returns its output.
    pub(crate) fn in_user_namespace_alone(self) -> Result<String> {
        self.unshared(&["--user", "--map-root-user"])
    }

    fn unshared(self, options: &[&str]) -> Result<String> {
        let mut command = self.command("unshare");
        command.args(options);
        command.arg(env::current_exe()?);
        Ok(lab::tool::output(&mut command, "")?)
    }

    /// Runs the child as an ordinary user, whose processes can be limited. Returns its output.
    pub(crate) fn as_nobody(self) -> Result<String> {
        const NOBODY: u32 = 65534;
        let mut command = self.command("/proc/self/exe");
        command.uid(NOBODY).gid(NOBODY);
        Ok(lab::tool::output(&mut command, "")?)
    }

    /// Runs the child in the calling thread's network namespace, ahead of the kernel's threads: on a
    /// machine with one processor, these only run while the child waits. Returns its output.
    pub(crate) fn ahead_of_kernel_threads(self) -> Result<String> {
        let mut command = self.command("chrt");
        command.args(["--fifo", "1"]).arg(env::current_exe()?);
        Ok(lab::tool::output(&mut command, "")?)
    }

    /// Runs the child in the calling thread's network namespace and traces it. Returns the number
    /// of system calls between its stops, and its output.
    pub(crate) fn counted(self) -> Result<(usize, String)> {
        self.traced(count)
    }

    /// Runs the child in the calling thread's network namespace and traces it. Returns the number
    /// of system calls between its stops that send or receive over a socket, and its output.
    pub(crate) fn counted_of_sockets(self) -> Result<(usize, String)> {
        self.traced(count_of_sockets)
    }

    /// Runs the child in the calling thread's network namespace, and replaces each option of a
    /// netlink socket by an unknown one, as on a kernel without these options. Returns their
    /// number, and the output.
    pub(crate) fn without_socket_options(self) -> Result<(usize, String)> {
        self.traced(refuse_options)
    }

    /// Runs the child in the calling thread's network namespace, with a tracer.
    fn traced(self, trace: impl FnOnce(Pid) -> Result<usize>) -> Result<(usize, String)> {
        let mut command = self.command(env::current_exe()?);
        command.stdout(Stdio::piped());
        // SAFETY: one system call and no allocation between fork and exec.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let mut child = command.spawn()?;
        let pid = Pid::from_raw(child.id().try_into()?);
        let counted = trace(pid);
        let mut said = String::new();
        if counted.is_err() {
            child.kill()?;
        } else if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut said)?;
        }
        let status = child.wait()?;
        match status.success() {
            true => Ok((counted?, said)),
            false => Err(counted.err().unwrap_or_else(|| status.to_string().into())),
        }
    }
}

fn count(pid: Pid) -> Result<usize> {
    count_stops(pid, |_| Ok(true))
}

#[cfg(target_arch = "x86_64")]
fn count_of_sockets(pid: Pid) -> Result<usize> {
    use nix::libc::{
        SYS_getsockopt, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_sendmmsg, SYS_sendmsg,
        SYS_sendto, SYS_setsockopt, SYS_socket,
    };

    const OF_SOCKETS: [i64; 9] = [
        SYS_getsockopt,
        SYS_recvfrom,
        SYS_recvmmsg,
        SYS_recvmsg,
        SYS_sendmmsg,
        SYS_sendmsg,
        SYS_sendto,
        SYS_setsockopt,
        SYS_socket,
    ];
    count_stops(pid, |pid| {
        let number = ptrace::getregs(pid)?.orig_rax as i64;
        Ok(OF_SOCKETS.contains(&number))
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn count_of_sockets(_: Pid) -> Result<usize> {
    Err("only the registers of x86-64 are known here".into())
}

/// Returns the number of system calls between the stops of a process that `counts` returns true
/// for.
fn count_stops(pid: Pid, counts: impl Fn(Pid) -> Result<bool>) -> Result<usize> {
    // A traced process stops at exec.
    expect_stop(pid, Signal::SIGTRAP)?;
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD)?;
    ptrace::cont(pid, None)?;
    expect_stop(pid, Signal::SIGSTOP)?;
    let mut stops = 0;
    loop {
        ptrace::syscall(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::PtraceSyscall(_) => stops += usize::from(counts(pid)?),
            WaitStatus::Stopped(_, Signal::SIGSTOP) => break,
            other => return Err(format!("{other:?} while counting").into()),
        }
    }
    ptrace::detach(pid, None)?;
    // Each system call stops twice, when it enters the kernel and when it returns. The first stop
    // returns from raising the signal, and the last one enters it.
    Ok(stops / 2)
}

#[cfg(target_arch = "x86_64")]
fn refuse_options(pid: Pid) -> Result<usize> {
    use nix::libc::{SOL_NETLINK, SYS_setsockopt};

    const UNKNOWN: u64 = 4711;

    expect_stop(pid, Signal::SIGTRAP)?;
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD)?;
    let (mut refused, mut is_inside) = (0, false);
    loop {
        ptrace::syscall(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::PtraceSyscall(_) => is_inside = !is_inside,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => break,
            other => return Err(format!("{other:?} while refusing options").into()),
        }
        let mut registers = ptrace::getregs(pid)?;
        let called = (registers.orig_rax, registers.rsi);
        if is_inside && called == (SYS_setsockopt as u64, SOL_NETLINK as u64) {
            registers.rdx = UNKNOWN;
            ptrace::setregs(pid, registers)?;
            refused += 1;
        }
    }
    ptrace::detach(pid, None)?;
    Ok(refused)
}

#[cfg(not(target_arch = "x86_64"))]
fn refuse_options(_: Pid) -> Result<usize> {
    Err("only the registers of x86-64 are known here".into())
}

fn expect_stop(pid: Pid, signal: Signal) -> Result {
    match waitpid(pid, None)? {
        WaitStatus::Stopped(_, by) if by == signal => Ok(()),
        other => Err(format!("{other:?} instead of {signal}").into()),
    }
}

fn rootless() -> Result<String> {
    let told = |error: ipvset::Error| format!("{}: {error}", predicates(&error).join(" "));
    let mut ipvs = match Ipvs::connect() {
        Ok(ipvs) => ipvs,
        Err(error) => return Ok(told(error)),
    };
    ipvs.add_service(&VirtualService::tcp(at("10.0.0.1:80")))?;
    let netlink = Ipvs::connect_over(ControlInterface::Netlink);
    let netlink = netlink.err().ok_or("netlink was allowed")?;
    let (interface, services) = (ipvs.control_interface(), ipvs.services()?.len());
    Ok(format!(
        "{interface}: {services} service\nnetlink: {}",
        told(netlink)
    ))
}

fn no_thread() -> Result<String> {
    let here = Namespace::current()?;
    // The threads of a runtime, if the handle has one, start before the limit is set.
    drop(Ipvs::connect());
    setrlimit(Resource::RLIMIT_NPROC, 1, 1)?;
    let outcome = Ipvs::connect_in(&here);
    let error = outcome.err().ok_or("it connected")?;
    Ok(format!("{:?}: {error}", error.kind()))
}

fn without_options() -> Result<String> {
    let mut ipvs = Ipvs::connect()?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    let mut operations = Operations::new();
    operations.add_service(&web).add_service(&web).zero();
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    let failures = outcome.failures().iter();
    let failed = failures.filter(|it| it.error.is_already_exists()).count();
    let services = ipvs.services()?.len();
    ipvs.remove_service(&web)?;
    raise(Signal::SIGSTOP)?;
    Ok(format!("{services} service, {failed} failure of 3"))
}
