//! An example, in a folder of its own and in the namespace of the test.
//!
//! `crate::EXAMPLE` is its name.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use lab::Namespace;
use lab::tool::Ended;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A folder with the files of a test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let name = std::thread::current()
            .name()
            .unwrap_or("test")
            .replace(':', "-");
        let name = format!("{}-{}-{name}", crate::EXAMPLE, std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, in place of the one before.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String> {
        let (path, beside) = (self.path(name), self.path("beside"));
        fs::write(&beside, text)?;
        fs::rename(&beside, &path)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Returns the names of the files, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.0)?;
        let name = |entry: std::io::Result<fs::DirEntry>| -> Result<String> {
            Ok(entry?.file_name().to_string_lossy().into_owned())
        };
        let mut names = entries.map(name).collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// Returns a command in this folder.
    fn command(&self, line: &str) -> Result<Command> {
        let program = lab::tool::example(crate::EXAMPLE)?;
        let mut command = Namespace::current()?.command(&program.to_string_lossy())?;
        command.current_dir(&self.0).args(line.split_whitespace());
        Ok(command)
    }

    /// Runs the example in this folder.
    pub(crate) fn run(&self, line: &str) -> Result<Ended> {
        self.run_with(line, "")
    }

    pub(crate) fn run_with(&self, line: &str, input: &str) -> Result<Ended> {
        Ok(lab::tool::end(&mut self.command(line)?, input)?)
    }

    /// Starts the example in this folder.
    pub(crate) fn start(&self, line: &str) -> Result<Running> {
        self.start_with(line, Stdio::inherit())
    }

    pub(crate) fn start_with(&self, line: &str, errors: impl Into<Stdio>) -> Result<Running> {
        let mut command = self.command(line)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let out = child.stdout.take().ok_or("standard output is a pipe")?;
        let out = BufReader::new(out);
        Ok(Running { child, out })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The running example. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Waits for the next line of the output. Returns an empty one at the end.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Fails unless the next lines begin with these, in any order.
    #[track_caller]
    pub(crate) fn expect(&mut self, starts: &[&str]) {
        let lines: Vec<_> = starts
            .iter()
            .map(|_| self.line().expect("a line"))
            .collect();
        let (mut lines, mut starts) = (lines, starts.to_vec());
        lines.sort();
        starts.sort();
        let is_as_expected = lines
            .iter()
            .zip(&starts)
            .all(|(it, start)| it.starts_with(start));
        assert!(is_as_expected, "{lines:#?} instead of {starts:#?}");
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }

    /// Ends the example with a signal. Returns its status and the rest of its output.
    pub(crate) fn end(self, signal: Signal) -> Result<(ExitStatus, String)> {
        self.signal(signal)?;
        self.wait()
    }

    /// Waits until the example ends. Returns its status and the rest of its output.
    pub(crate) fn wait(mut self) -> Result<(ExitStatus, String)> {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.out, &mut rest)?;
        Ok((self.child.wait()?, rest))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
