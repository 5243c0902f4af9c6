//! Command-line tools: `ipvsadm`, `ipset`, `ip`, `iptables`, whose output tests compare the crate with.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::error::{Error, Result, failed};
use crate::rootless::as_root;

/// Runs a tool in the calling thread's network namespace and returns its standard output.
pub fn tool<I>(program: &str, arguments: I) -> Result<String>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    tool_with_input(program, arguments, "")
}

/// Like [`tool`], with text for the tool's standard input, e.g. for `ipset restore`.
pub fn tool_with_input<I>(program: &str, arguments: I, input: &str) -> Result<String>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let arguments: Vec<_> = arguments.into_iter().collect();
    let arguments = arguments.iter().map(AsRef::as_ref);
    // It gives up without root.
    if program == "ipvsadm" {
        if let Some(output) = as_root(program, arguments.clone(), input) {
            return output;
        }
    }
    output(Command::new(program).args(arguments), input)
}

/// How a program ended, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Runs a command and returns its standard output, or an error if it failed. [`crate::Namespace::command`] makes commands for a namespace.
pub fn output(command: &mut Command, input: &str) -> Result<String> {
    let ended = end(command, input)?;
    if ended.status.success() {
        return Ok(ended.out);
    }
    Err(Error::Tool {
        package: package(&command.get_program().to_string_lossy()).to_owned(),
        command: line(command),
        status: ended.status.to_string(),
        stderr: ended.err.trim().to_owned(),
    })
}

/// Runs a command to its end, whatever its status is.
pub fn end(command: &mut Command, input: impl AsRef<[u8]>) -> Result<Ended> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            if error.kind() == ErrorKind::NotFound {
                let package = package(&program).to_owned();
                return Error::NotInstalled { package, program };
            }
            failed("start", line(command))(error)
        })?;
    let (stdin, input) = (child.stdin.take(), input.as_ref());
    let ended = std::thread::scope(|scope| {
        // On a separate thread. Otherwise a tool that writes a lot before it has read everything would wait for us while we wait for it.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    });
    let ended = ended.map_err(failed("run", line(command)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        status: ended.status,
        out: text(&ended.stdout),
        err: text(&ended.stderr),
    })
}

/// Returns the words of a command.
fn line(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the executable of an example, which cargo builds for `cargo test` next to the folder of the tests. Fails if it is missing, or older
/// than one of its sources: a test must not pass with an example that would no longer compile.
pub fn example(name: &str) -> Result<PathBuf> {
    let test = env::current_exe().map_err(failed("find", "this program's executable"))?;
    let examples = test.parent().map(|deps| deps.with_file_name("examples"));
    let wrong = |what: String| {
        Error::Other(format!(
            "the example {name} {what}: run `cargo build --all-features --examples`"
        ))
    };
    let path = examples
        .map(|folder| folder.join(name))
        .filter(|path| path.exists())
        .ok_or_else(|| wrong("is missing".to_owned()))?;
    match newer_source(&path).map_err(failed("read the sources of", path.display().to_string()))? {
        None => Ok(path),
        Some(source) => Err(wrong(format!("is older than {}", source.display()))),
    }
}

/// Returns a source that changed since the executable was built, or is gone. Cargo lists them beside the executable, in a file with the ending `d`
/// and the form `EXECUTABLE: SOURCE SOURCE ...`, with a backslash before each space in a name.
fn newer_source(executable: &Path) -> io::Result<Option<PathBuf>> {
    let built = fs::metadata(executable)?.modified()?;
    let list = fs::read_to_string(executable.with_extension("d"))?;
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    let sources = sources.trim_end().replace("\\ ", "\0");
    for source in sources.split(' ') {
        let source = PathBuf::from(source.replace('\0', " "));
        let changed = fs::metadata(&source).and_then(|it| it.modified());
        if changed.is_ok_and(|changed| changed > built) || !source.exists() {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

/// Finds a program in PATH or in the folders that an ordinary user's PATH lacks.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Returns the Debian package of a tool.
fn package(program: &str) -> &str {
    match program.rsplit('/').next().unwrap_or(program) {
        "ip" | "bridge" | "ss" | "tc" => "iproute2",
        "modprobe" | "lsmod" => "kmod",
        "sysctl" => "procps",
        "ping" => "iputils-ping",
        other if other.starts_with("iptables") || other.starts_with("ip6tables") => "iptables",
        "linux.uml" => "user-mode-linux",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn an_executable_is_older_than_a_source_that_changed_or_went() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name);
        let at = |name: &str, seconds: u64| {
            let file = fs::File::create(file(name)).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
        };
        at("main.rs", 10);
        at("a part.rs", 10);
        at("program", 20);
        let [main, part] = ["main.rs", "a part.rs"].map(|name| file(name).display().to_string());
        let list = format!("program: {main} {}\n", part.replace(' ', "\\ "));
        fs::write(file("program.d"), list).unwrap();
        assert_eq!(newer_source(&file("program")).unwrap(), None);
        at("a part.rs", 21);
        let newer = newer_source(&file("program")).unwrap();
        assert_eq!(newer, Some(file("a part.rs")));
        at("a part.rs", 19);
        fs::remove_file(file("main.rs")).unwrap();
        let gone = newer_source(&file("program")).unwrap();
        assert_eq!(gone, Some(file("main.rs")));
    }
}
