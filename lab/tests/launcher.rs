//! Tests how the lab runs a program on a kernel: its streams, its exit status, its end, and that nothing is left behind.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use lab::test::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A run of `lab-run` with its own mark and its own folder for temporary files.
struct Run {
    folder: TempDir,
    mark: String,
    memory: u32,
    /// The processes and files that look like those of a run, and were there before.
    strangers: BTreeSet<PathBuf>,
}

impl Run {
    fn new() -> Run {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let process = std::process::id();
        let mut run = Run {
            folder,
            mark: format!("lab-mark-{process}-{count}"),
            // An odd number, since other guests have an even one.
            memory: 301 + (process.wrapping_mul(37) + count) % 350 * 2,
            strangers: BTreeSet::new(),
        };
        let processes = run.processes().into_iter().map(|(path, _)| path);
        run.strangers = processes.chain(run.memory_files()).collect();
        run
    }

    /// `lab-run` in User Mode Linux.
    fn guest(&self, script: &str) -> Command {
        self.command(
            OsStr::new(env!("CARGO_BIN_EXE_lab-run")),
            "uml",
            &["--memory", &self.memory.to_string()],
            script,
        )
    }

    /// `lab-run` on the running kernel.
    fn here(&self, script: &str) -> Command {
        self.command(
            OsStr::new(env!("CARGO_BIN_EXE_lab-run")),
            "running",
            &["--sets", ""],
            script,
        )
    }

    fn command(&self, program: &OsStr, kernel: &str, options: &[&str], script: &str) -> Command {
        let mut command = Command::new(program);
        // The mark is a parameter of the script, so that every process of the run can be found by it.
        command.args(options).args(["sh", "-c", script, &self.mark]);
        command
            .env_remove("IPVSET_UML")
            .env_remove("IPVSET_UML_MODULES")
            .env("IPVSET_KERNEL", kernel);
        command
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns the processes of the run, including those of the guest: their folders and command lines.
    fn processes(&self) -> Vec<(PathBuf, String)> {
        let memory = format!("mem={}M", self.memory);
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let path = entry.ok()?.path();
            let line = fs::read_to_string(path.join("cmdline")).ok()?;
            let ours = line.contains(&self.mark) || line.split('\0').any(|word| word == memory);
            (ours && !self.strangers.contains(&path)).then(|| (path, line.replace('\0', " ")))
        });
        processes.collect()
    }

    /// Checks that no process and no file of the run is left, and so no namespace and no device. The kernel takes a moment to end processes.
    fn assert_clean(&self) {
        eventually(|| nothing(self.processes())).unwrap();
        let left: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(left.is_empty(), "{left:?} are left of the run");
        // Other runs may be starting guests, whose files exist for a moment.
        eventually(|| nothing(self.memory_files())).unwrap();
    }

    /// Returns the files of guests' memory, which must be unlinked as soon as they are open.
    fn memory_files(&self) -> Vec<PathBuf> {
        let folders = ["/dev/shm", "/tmp", "/var/tmp"]
            .into_iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let files = folders
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        files
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(b"vm_file-"))
            })
            .filter(|path| !self.strangers.contains(path))
            .collect()
    }
}

/// Fails if something is left.
fn nothing<T>(left: Vec<T>) -> Result<(), Vec<T>> {
    if left.is_empty() { Ok(()) } else { Err(left) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

/// Starts the command and waits until it has written the line `up`.
fn start(mut command: Command) -> (Child, BufReader<impl Read>) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "up\n",
        "{:?}",
        child.wait_with_output().map(|output| text(&output.stderr))
    );
    (child, lines)
}

fn wait(child: &mut Child) -> ExitStatus {
    let ended = eventually(|| child.try_wait().unwrap().ok_or("the program did not end"));
    ended.unwrap_or_else(|complaint| {
        child.kill().unwrap();
        panic!("{complaint}");
    })
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

#[test]
fn the_exit_status_is_the_programs() {
    let lab = Run::new();
    let output = run(lab.guest("uname -r; exit 7"));
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert_eq!(run(lab.guest("true")).status.code(), Some(0));
    assert_eq!(run(lab.guest("kill -9 $$")).status.code(), Some(128 + 9));
    assert_eq!(run(lab.here("exit 7")).status.code(), Some(7));
    assert_eq!(run(lab.here("kill -9 $$")).status.code(), Some(128 + 9));
    lab.assert_clean();
}

#[test]
fn streams_arrive_apart_and_unchanged() {
    let lab = Run::new();
    let output = run(lab.guest("printf 'a\\r\\n\\000\\377\\033b'; printf 'c\\n\\rd' >&2"));
    assert_eq!(output.stdout, b"a\r\n\0\xff\x1bb");
    assert_eq!(output.stderr, b"c\n\rd");
    let output = run(lab.guest("seq 1 400000"));
    let expected: String = (1..=400_000).map(|number| format!("{number}\n")).collect();
    assert!(
        output.stdout == expected.as_bytes(),
        "{} bytes came",
        output.stdout.len()
    );
}

#[test]
fn output_arrives_as_it_is_written() {
    let lab = Run::new();
    let mut command = lab.guest("echo up; read answer; echo $answer");
    command.stdin(Stdio::piped());
    // The first line arrives before the program gets its input.
    let (mut child, mut lines) = start(command);
    child.stdin.take().unwrap().write_all(b"down\n").unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "down\n");
    assert!(wait(&mut child).success());
}

#[test]
fn a_stalled_or_closed_reader_does_no_harm() {
    let lab = Run::new();
    let (mut child, mut lines) = start(lab.guest("echo up; seq 1 1000000; echo end >&2"));
    sleep(Duration::from_secs(2));
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.lines().count(), 1_000_000);
    assert!(wait(&mut child).success());
    let (mut child, lines) = start(lab.guest("echo up; yes"));
    drop(lines);
    assert_eq!(wait(&mut child).code(), Some(128 + Signal::SIGPIPE as i32));
    lab.assert_clean();
}

#[test]
fn standard_input_reaches_the_program() {
    let lab = Run::new();
    let mut command = lab.guest("cat");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let sent: Vec<u8> = (0..500_000u32)
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            stdin.write_all(&sent).unwrap();
            drop(stdin);
        });
        child.wait_with_output().unwrap()
    });
    assert!(
        output.stdout == sent,
        "{} of {} bytes came back",
        output.stdout.len(),
        sent.len()
    );
    // Unread input does not prevent a program from ending.
    let mut command = lab.guest("exit 3");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(&vec![0; 60_000]);
    assert_eq!(wait(&mut child).code(), Some(3));
    assert_eq!(run(lab.guest("cat; echo ended")).stdout, b"ended\n");
}

#[test]
fn arguments_environment_and_folder_are_the_same_in_the_guest() {
    let lab = Run::new();
    let mut command = lab.guest("printf '%s|' \"$@\" \"$ODD\"; pwd; id -u");
    command
        .args(["", "a b", "new\nline", "\"quoted\""])
        .env("ODD", "x = 'y'\n")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = run(command);
    assert_eq!(
        text(&output.stdout),
        format!(
            "|a b|new\nline|\"quoted\"|x = 'y'\n|{}\n0\n",
            env!("CARGO_MANIFEST_DIR")
        )
    );
}

#[test]
fn the_guest_can_write_to_the_target_folder_only() {
    let lab = Run::new();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = target.join(&lab.mark);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(&lab.mark);
    let script = format!(
        "echo written > {}; touch {} /etc/{2} /usr/{2}; touch /tmp/{2} /run/{2}",
        file.display(),
        source.display(),
        lab.mark
    );
    let output = run(lab.guest(&script));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stderr)
            .matches("Read-only file system")
            .count(),
        3,
        "{}",
        text(&output.stderr)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "written\n");
    fs::remove_file(file).unwrap();
    for place in [
        source,
        Path::new("/etc").join(&lab.mark),
        Path::new("/tmp").join(&lab.mark),
        Path::new("/run").join(&lab.mark),
    ] {
        assert!(!place.exists(), "{}", place.display());
    }
    lab.assert_clean();
}

/// A clone of the project may be in /tmp, although the guest has its own /tmp.
#[test]
fn a_program_in_tmp_finds_its_files() {
    let lab = Run::new();
    let target = lab.folder.path().join("clone/target");
    fs::create_dir_all(target.join("debug")).unwrap();
    fs::write(target.join("CACHEDIR.TAG"), "").unwrap();
    fs::write(lab.folder.path().join("clone/source"), "the source\n").unwrap();
    let program = target.join("debug/lab run");
    fs::copy(env!("CARGO_BIN_EXE_lab-run"), &program).unwrap();
    let mut command = lab.command(
        program.as_os_str(),
        "uml",
        &["--memory", &lab.memory.to_string()],
        "cat source; echo new > target/file; touch source",
    );
    command.current_dir(lab.folder.path().join("clone"));
    let output = run(command);
    assert_eq!(
        text(&output.stdout),
        "the source\n",
        "{}",
        text(&output.stderr)
    );
    assert!(
        text(&output.stderr).contains("Read-only file system"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "new\n");
    fs::remove_dir_all(lab.folder.path().join("clone")).unwrap();
    lab.assert_clean();
}

/// The target folder need not be in the clone, and may be directly in /tmp (`CARGO_TARGET_DIR`).
#[test]
fn a_target_folder_in_tmp_can_be_written_to() {
    let lab = Run::new();
    let target = TempDir::new_in("/tmp").unwrap();
    fs::write(target.path().join("CACHEDIR.TAG"), "").unwrap();
    fs::create_dir(target.path().join("debug")).unwrap();
    let program = target.path().join("debug/lab-run");
    fs::copy(env!("CARGO_BIN_EXE_lab-run"), &program).unwrap();
    let output = run(lab.command(
        program.as_os_str(),
        "uml",
        &["--memory", &lab.memory.to_string()],
        &format!("echo new > {}/file", target.path().display()),
    ));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let file = fs::read_to_string(target.path().join("file"));
    assert_eq!(file.unwrap(), "new\n");
    lab.assert_clean();
}

#[test]
fn an_interrupted_guest_leaves_nothing() {
    // A busy process in the background. On the machine, it is a process that killing the kernel does not end. The shell waits by itself, because
    // dash loses a SIGINT that arrives while it starts a program.
    let busy = "(while :; do :; done) & echo up; wait";
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let lab = Run::new();
        let (mut child, _lines) = start(lab.guest(busy));
        assert!(!lab.processes().is_empty());
        send(&child, signal);
        assert_eq!(wait(&mut child).code(), Some(128 + signal as i32));
        lab.assert_clean();
    }
    let lab = Run::new();
    let (mut child, _lines) = start(lab.guest(busy));
    send(&child, Signal::SIGKILL);
    wait(&mut child);
    lab.assert_clean();
}

#[test]
fn a_program_that_ignores_signals_is_killed() {
    let lab = Run::new();
    let script = "trap '' TERM INT; echo up; while :; do sleep 1; done";
    let (mut child, _lines) = start(lab.guest(script));
    send(&child, Signal::SIGTERM);
    assert_eq!(wait(&mut child).code(), Some(128 + 15));
    lab.assert_clean();
    let (mut child, _lines) = start(lab.here(script));
    send(&child, Signal::SIGTERM);
    wait(&mut child);
    lab.assert_clean();
    // A program that handles the signal has time to do so.
    let (mut child, mut lines) =
        start(lab.guest("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done"));
    send(&child, Signal::SIGTERM);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bye\n");
    assert_eq!(wait(&mut child).code(), Some(5));
}

#[test]
fn a_killed_launcher_on_the_running_kernel_leaves_nothing() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let lab = Run::new();
        let (mut child, _lines) = start(
            lab.here("setsid sleep 100 & ip link add lab-left type veth; echo up; sleep 100; : $0"),
        );
        send(&child, signal);
        wait(&mut child);
        lab.assert_clean();
        assert!(!Path::new("/sys/class/net/lab-left").exists());
    }
}

/// Runs in a container that allows no PID namespaces. No kernel is started there, because a kernel that ends outside of one can kill
/// every process of its user.
#[test]
fn without_pid_namespaces_no_guest_is_started() {
    let lab = Run::new();
    let inner = lab.guest("echo up");
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        "echo 0 > /proc/sys/user/max_pid_namespaces && exec \"$@\"",
        "sh",
    ]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(text(&output.stdout), "");
    let said = text(&output.stderr);
    assert!(said.contains("needs a PID namespace"), "{said}");
    lab.assert_clean();
}

#[test]
fn two_guests_run_side_by_side() {
    let (one, two) = (Run::new(), Run::new());
    let (mut first, _lines) = start(one.guest("echo up; sleep 100"));
    let (mut second, _more) = start(two.guest("echo up; sleep 1; exit 4"));
    assert_eq!(wait(&mut second).code(), Some(4));
    assert!(first.try_wait().unwrap().is_none());
    send(&first, Signal::SIGTERM);
    wait(&mut first);
    one.assert_clean();
    two.assert_clean();
}

#[test]
fn a_panic_of_the_guests_kernel_is_an_error_with_its_log() {
    let lab = Run::new();
    let output = run(lab.guest("echo before; echo c > /proc/sysrq-trigger; sleep 5"));
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(output.stdout, b"before\n");
    assert!(
        text(&output.stderr).contains("Kernel panic - not syncing"),
        "{}",
        text(&output.stderr)
    );
    lab.assert_clean();
}

/// Each case is a line from the log of a real kernel that ended early, and the words of the error before that
/// log.
#[test]
fn a_kernel_that_does_not_start_is_explained() {
    for (log, told) in [
        ("userspace - ptrace set fp regs failed, errno = 14", "(AMX)"),
        ("ptrace: Operation not permitted", "seccomp"),
        ("/tmp must be not mounted noexec", "TMPDIR"),
        (
            "Bus error - the host /dev/shm or /tmp mount likely just ran out of space",
            "is full",
        ),
    ] {
        let lab = Run::new();
        let kernel = lab.folder.path().join("kernel");
        fs::write(&kernel, format!("#!/bin/sh\necho '{log}' >&2\nexit 1\n")).unwrap();
        fs::set_permissions(&kernel, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = lab.guest("true");
        command.env("IPVSET_UML", &kernel);
        let output = run(command);
        assert_eq!(output.status.code(), Some(125));
        let said = text(&output.stderr);
        let (explanation, rest) = said.split_once('\n').unwrap();
        assert!(explanation.contains(told), "{said}");
        assert!(rest.contains(log), "{said}");
    }
}

/// On a processor with AMX, no guest would start without the library. This test is for all other processors. It covers root and an ordinary user,
/// the installed kernel, and one that `IPVSET_UML` names, which may be a script.
#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn the_guests_kernel_is_started_with_the_ptrace_library() {
    let lab = Run::new();
    let named = lab.folder.path().join("kernel");
    fs::write(&named, "#!/bin/sh\nexec linux.uml \"$@\"\n").unwrap();
    fs::set_permissions(&named, fs::Permissions::from_mode(0o755)).unwrap();
    let inner = lab.guest("echo up; sleep 100");
    let mut with_a_script = lab.guest("echo up; sleep 100");
    with_a_script.env("IPVSET_UML", &named);
    for command in [ordinary_user(&inner), inner, with_a_script] {
        let (mut child, _lines) = start(command);
        let loaded = || {
            let processes = lab.processes();
            processes.iter().any(|(folder, _)| {
                let maps = fs::read_to_string(folder.join("maps")).unwrap_or_default();
                maps.contains("linux.uml") && maps.contains("memfd:ptrace.so")
            })
        };
        eventually(|| loaded().then_some(()).ok_or("it is in no process")).unwrap();
        send(&child, Signal::SIGTERM);
        wait(&mut child);
        eventually(|| nothing(lab.processes())).unwrap();
    }
    fs::remove_file(named).unwrap();
    lab.assert_clean();
}

#[test]
fn without_a_kernel_the_error_says_what_to_install() {
    let lab = Run::new();
    let mut command = lab.guest("true");
    command.env("IPVSET_UML", "/no/such/kernel");
    let output = run(command);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("/no/such/kernel"),
        "{}",
        text(&output.stderr)
    );

    let mut command = lab.guest("true");
    command.env("IPVSET_UML", "/bin/false");
    let output = run(command);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr)
            .contains("ended before it started the program: the reason is not a known one"),
        "{}",
        text(&output.stderr)
    );

    // An ordinary user may not use IPVS on any running kernel. Hiding the executable simulates a machine without user-mode-linux.
    let inner = lab.guest("true");
    let hide = "for file in /usr/bin/linux.uml /usr/local/bin/linux.uml; do test ! -e $file || mount --bind /dev/null $file || exit 99; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            hide,
            "sh",
        ])
        .arg(inner.get_program())
        .args(inner.get_args());
    command.env_remove("IPVSET_UML").env_remove("IPVSET_KERNEL");
    let output = run(command);
    assert_eq!(output.status.code(), Some(125));
    let said = text(&output.stderr);
    for part in [
        "there is no kernel to run on",
        "The running kernel: ",
        "linux.uml",
        lab::kernel::INSTALL,
    ] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}

/// As root, this test runs the program as an ordinary user. For an ordinary user, all other tests show the same.
#[test]
fn an_ordinary_user_is_root_in_the_guest() {
    let lab = Run::new();
    let script = "set -e
        test $(id -u) = 0
        ipvsadm -A -t 10.0.0.1:80
        ipset create a hash:ip,port,ip
        iptables-legacy -t nat -A POSTROUTING -m set --match-set a dst,dst,src -j MASQUERADE
        ip link add bridge_home type bridge
        ip netns add b && ip netns exec b ip link
        lsmod | grep -q ip_vs
        ipvsadm -Sn; ipset list -n";
    let inner = lab.guest(script);
    let mut command = ordinary_user(&inner);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).ends_with("-A -t 10.0.0.1:80 -s wlc\na\n"),
        "{}",
        text(&output.stdout)
    );
    lab.assert_clean();

    let lab = Run::new();
    let (mut child, _lines) = start(ordinary_user(
        &lab.guest("(while :; do :; done) & echo up; sleep 100"),
    ));
    send(&child, Signal::SIGKILL);
    wait(&mut child);
    lab.assert_clean();
}

#[test]
fn an_ordinary_user_has_sets_on_the_running_kernel() {
    let lab = Run::new();
    let script = "uname -r; id -u; ip -brief address; touch /etc/lab; ip netns add a";
    let mut command = ordinary_user(&lab.here(script));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let said = text(&output.stdout);
    assert!(said.starts_with(&format!("{release}0\nlo ")), "{said}");
    assert!(
        text(&output.stderr).contains("touch: cannot touch '/etc/lab'"),
        "{}",
        text(&output.stderr)
    );
    assert!(!Path::new("/run/netns/a").exists());
    lab.assert_clean();
}

/// Returns the same command, to run as an ordinary user.
fn ordinary_user(inner: &Command) -> Command {
    let mut command;
    if nix::unistd::geteuid().is_root() {
        command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(inner.get_program());
    } else {
        command = Command::new(inner.get_program());
    }
    command.args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_program_started_in_the_guest_uses_the_guests_kernel() {
    let lab = Run::new();
    let program = env!("CARGO_BIN_EXE_lab-run");
    let output = run(lab.guest(&format!("ip link add outside type dummy; '{program}' sh -c 'uname -r; ip -brief link; ipvsadm -Ln >/dev/null || exit 9; exit 6'")));
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("lo ") && !said.contains("outside"), "{said}");
}

fn sample(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-sample"));
    command
        .args(arguments)
        .env_remove("IPVSET_UML")
        .env("IPVSET_KERNEL", "uml")
        .env("RUST_BACKTRACE", "0");
    run(command)
}

fn sample_without_a_kernel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-sample"));
    command.args(arguments).env("IPVSET_UML", "/no/such/kernel");
    run(command)
}

#[test]
fn the_test_runner_takes_a_test_binarys_arguments() {
    let output = sample_without_a_kernel(&["--list"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "passes: test\nfails: test\npanics: test\nhangs: test\nrests: test\n"
    );

    let output = sample(&["--exact", "passes"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("a test runs on ") && said.contains("test result: ok. 1 passed; 0 failed"),
        "{said}"
    );

    let output = sample(&["--ignored", "--nocapture"]);
    assert!(
        text(&output.stdout).contains("test result: ok. 1 passed; 0 failed"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn the_test_runner_reports_failures() {
    let output = sample(&[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert!(
        said.contains("test result: FAILED. 1 passed; 3 failed; 1 ignored"),
        "{said}"
    );
    for message in [
        "delete the device nothing: No such device",
        "panicked: as it should",
        "took longer than 1 s",
    ] {
        assert!(said.contains(message), "{message} is missing in: {said}");
    }
}

#[test]
fn without_a_kernel_the_test_runner_fails() {
    let output = sample_without_a_kernel(&[]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(text(&output.stdout), "");
}
