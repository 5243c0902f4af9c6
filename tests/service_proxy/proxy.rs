//! Runs the program as a user does.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::Result;
use crate::world::NODE;

/// The longest time that the program may take for something.
const LIMIT: Duration = Duration::from_secs(60);

/// The program, with its standard input.
pub struct Proxy {
    child: Child,
    lines: Receiver<String>,
}

/// What a run of the program printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// A folder for the record of a test, which is a thread named like it.
fn record() -> String {
    let name = thread::current().name().unwrap_or("test").to_owned();
    format!("/tmp/{name}.json")
}

fn program() -> PathBuf {
    lab::tool::example("service_proxy").unwrap_or_else(|error| panic!("{error}"))
}

fn command(options: &[&str]) -> Command {
    lab::test::need("firewall rules", lab::Iptables::new());
    let mut command = Command::new(program());
    command.args(["--node", "node", "--node-ip", &NODE.join(",")]);
    command.args(["--record", &record()]).args(options);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program to its end, with these documents as its input.
pub fn run(options: &[&str], documents: &[Value]) -> Result<Ended> {
    let mut child = command(options).spawn()?;
    let mut input = child.stdin.take().expect("standard input is a pipe");
    let text: String = documents.iter().map(|it| format!("{it:#}\n")).collect();
    let write = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    // A program that ended early has not read all.
    let _ = write.join();
    Ok(Ended {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Applies a list of objects, without a complaint.
#[track_caller]
pub fn apply(options: &[&str], objects: &[Value]) -> String {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let options: Vec<_> = ["--once"].iter().chain(options).copied().collect();
    let ended = run(&options, &[list]).expect("the program can be started");
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    ended.out
}

impl Proxy {
    /// Starts the program, which follows what [`Proxy::say`] writes.
    pub fn start(options: &[&str]) -> Result<Self> {
        let mut child = command(options).spawn()?;
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        let other = sender.clone();
        thread::spawn(move || {
            out.lines()
                .map_while(std::result::Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        thread::spawn(move || {
            err.lines()
                .map_while(std::result::Result::ok)
                .all(|line| other.send(line).is_ok())
        });
        Ok(Self { child, lines })
    }

    /// Writes an event of a watch.
    pub fn say(&mut self, event: &str, object: &Value) -> Result {
        let document = json!({ "type": event, "object": object });
        let input = self.child.stdin.as_mut().expect("standard input is a pipe");
        Ok(writeln!(input, "{document:#}")?)
    }

    /// Waits for a line that contains a text, and returns it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => all += &format!("{line}\n"),
                Err(_) => panic!("no line with {text:?} came, but:\n{all}"),
            }
        }
    }

    /// Waits until something was applied, without a failure.
    #[track_caller]
    pub fn wait_until_applied(&mut self) -> String {
        let line = self.wait_for("Services; changed:");
        assert!(line.ends_with("failures: 0"), "{line}");
        line
    }

    /// Waits until the program has ended, and returns its exit status.
    pub fn wait(&mut self) -> Result<Option<i32>> {
        Ok(self.child.wait()?.code())
    }

    pub fn signal(&self, signal: Signal) -> Result {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
