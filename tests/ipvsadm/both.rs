//! The tool and the example, each in its own namespace.

use std::path::PathBuf;

use ipvset::ipvs::Ipvs;
use lab::Namespace;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The status and the output of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// One of the two programs.
pub(crate) struct One {
    program: PathBuf,
    pub(crate) namespace: Namespace,
}

pub(crate) struct Both {
    pub(crate) tool: One,
    pub(crate) ours: One,
}

impl Both {
    /// Creates two equal namespaces, in which the addresses of servers are reachable.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            tool: One::new("ipvsadm".into())?,
            ours: One::new(ours()?)?,
        })
    }

    /// Like [`Self::new`], with a device `eth0` that a sync daemon can use.
    pub(crate) fn with_device() -> Result<Self> {
        let both = Self::new()?;
        for one in [&both.tool, &both.ours] {
            let ns = &one.namespace;
            ns.tool("ip", ["link", "add", "dev", "eth0", "type", "dummy"])?;
            ns.tool("ip", ["address", "add", "10.3.0.1/24", "dev", "eth0"])?;
            ns.tool("ip", ["link", "set", "dev", "eth0", "up"])?;
        }
        Ok(both)
    }

    /// Runs the same command in both, and checks that status and output are equal. Messages may
    /// differ, but both programs or neither must print one.
    pub(crate) fn same(&self, line: &str) -> Result<Answer> {
        let (tool, ours) = (self.tool.run(line)?, self.ours.run(line)?);
        let quiet = |answer: &Answer| answer.err.is_empty();
        if tool.status != ours.status || tool.out != ours.out || quiet(&tool) != quiet(&ours) {
            return Err(format!("{line}\nthe tool: {tool:#?}\nours: {ours:#?}").into());
        }
        Ok(ours)
    }

    /// Runs the same commands in both.
    pub(crate) fn all_same(&self, lines: &str) -> Result {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.same(line)?;
        }
        self.same_tables()
    }

    /// Checks that the tool lists the same in both namespaces.
    pub(crate) fn same_tables(&self) -> Result {
        const SHOW: &str = "-S -n\n-L -n --thresholds\n-L --timeout\n-L --daemon\n";
        let tool = self.tool.run_with("-R", SHOW)?;
        let ours = output(self.ours.namespace.command("ipvsadm")?, "-R", SHOW)?;
        if tool != ours || tool.status != 0 {
            return Err(format!("the tool's: {tool:#?}\nours: {ours:#?}").into());
        }
        Ok(())
    }

    /// Replaces the tables in both namespaces.
    pub(crate) fn prepare(&self, operations: &[&str]) -> Result {
        for one in [&self.tool, &self.ours] {
            let mut ipvs = one.ipvs()?;
            ipvs.flush()?;
            for daemon in ipvs.daemons()? {
                ipvs.stop_daemon(daemon.role)?;
            }
            for operation in operations {
                ipvs.execute(&operation.parse()?)?;
            }
        }
        Ok(())
    }
}

impl One {
    fn new(program: PathBuf) -> Result<Self> {
        let namespace = Namespace::new()?;
        for address in ["10.0.0.100/16", "10.1.0.100/16", "fd00::100/64"] {
            namespace.tool("ip", ["address", "add", address, "dev", "lo"])?;
        }
        Ok(Self { program, namespace })
    }

    pub(crate) fn ipvs(&self) -> Result<Ipvs> {
        let namespace = ipvset::Namespace::open(self.namespace.path())?;
        Ok(Ipvs::connect_in(&namespace)?)
    }

    pub(crate) fn run(&self, line: &str) -> Result<Answer> {
        self.run_with(line, "")
    }

    pub(crate) fn run_with(&self, line: &str, input: impl AsRef<[u8]>) -> Result<Answer> {
        let program = self.program.to_string_lossy();
        output(self.namespace.command(&program)?, line, input)
    }
}

impl One {
    /// Runs a shell script in which `$0` is the program.
    pub(crate) fn run_in_shell(&self, script: &str) -> Result<Answer> {
        let mut shell = self.namespace.command("unshare")?;
        shell
            .args(["--mount", "sh", "-c", script])
            .arg(&self.program);
        output(shell, "", "")
    }
}

/// Fails with the list of differences, if there are any.
pub(crate) fn none_of(wrong: &[String]) -> Result {
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// Returns the path of the example.
pub(crate) fn ours() -> Result<PathBuf> {
    Ok(lab::tool::example("ipvsadm")?)
}

pub(crate) fn output(
    mut command: std::process::Command,
    line: &str,
    input: impl AsRef<[u8]>,
) -> Result<Answer> {
    command.args(line.split(' ').filter(|word| !word.is_empty()));
    let ended = lab::tool::end(&mut command, input)?;
    Ok(Answer {
        status: ended.status.code().ok_or("ended by a signal")?,
        out: ended.out,
        err: ended.err,
    })
}
