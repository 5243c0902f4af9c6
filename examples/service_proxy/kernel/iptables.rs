//! The programs of iptables, in the variant that works on the kernel.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use ipvset::Family;

/// The programs of a family.
#[derive(Debug, Clone)]
pub struct Iptables {
    program: &'static str,
}

/// Puts a rule without effect into each table and takes it out again. Listing the tables proves
/// nothing: nf_tables lists tables that the kernel cannot create.
const PROBE: &str = "\
*filter
-I OUTPUT -j RETURN
-D OUTPUT -j RETURN
COMMIT
*nat
-I OUTPUT -j RETURN
-D OUTPUT -j RETURN
COMMIT
";

impl Iptables {
    /// Finds the programs that can filter and do nat on this kernel.
    pub fn find(family: Family) -> io::Result<Self> {
        let programs = match family {
            Family::Ipv4 => ["iptables-legacy", "iptables"],
            Family::Ipv6 => ["ip6tables-legacy", "ip6tables"],
        };
        let mut reasons = Vec::new();
        for program in programs {
            match Self::named(program) {
                Ok(found) => return Ok(found),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(io::Error::other(reasons.join("; ")))
    }

    /// Returns the programs with this name, such as `iptables-nft`. The error says why they cannot
    /// filter or do nat.
    pub fn named(program: &'static str) -> io::Result<Self> {
        let found = Self { program };
        found.restore(PROBE)?;
        Ok(found)
    }

    /// Returns the name of the program.
    pub fn program(&self) -> &str {
        self.program
    }

    /// Returns all chains and rules, as `iptables-save` prints them.
    pub fn save(&self) -> io::Result<String> {
        self.run("save", &[], "")
    }

    /// Applies the text, each table at once. Chains that the text does not declare stay.
    pub fn restore(&self, text: &str) -> io::Result<()> {
        let options = ["--noflush", "--wait", "5"];
        self.run("restore", &options, text).map(drop)
    }

    fn run(&self, what: &str, options: &[&str], input: &str) -> io::Result<String> {
        let program = format!("{}-{what}", self.program);
        let explain =
            |error: io::Error| io::Error::new(error.kind(), format!("{program}: {error}"));
        let mut child = Command::new(&program)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(explain)?;
        // Neither program answers before it has read everything.
        let written = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(explain)?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            let reason = format!("{program}: {}: {}", output.status, reason.trim());
            return Err(io::Error::other(reason));
        }
        written.map_err(explain)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
