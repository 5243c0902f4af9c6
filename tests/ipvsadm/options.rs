//! Tests which options each command accepts.

use crate::both::{Answer, Both, One, Result, none_of};

const COMMANDS: [&str; 13] = [
    "-A -t 10.0.0.1:80",
    "-E -t 10.0.0.1:80",
    "-D -t 10.0.0.1:80",
    "-C",
    "-R",
    "-S -n",
    "-a -t 10.0.0.1:80 -r 10.0.0.2:80",
    "-e -t 10.0.0.1:80 -r 10.0.0.2:80",
    "-d -t 10.0.0.1:80 -r 10.0.0.2:80",
    "-L -n",
    "-Z",
    "--set 1 2 3",
    "--start-daemon backup --mcast-interface eth0",
];

const OPTIONS: [&str; 35] = [
    "-n",
    "-c",
    "-t 10.0.0.9:80",
    "-f 3",
    "-s rr",
    "-p 5",
    "-M 255.255.255.0",
    "-r 10.0.0.2:80",
    "-m",
    "-g",
    "-i",
    "-w 1",
    "-x 5",
    "--mcast-interface eth0",
    "--timeout",
    "--daemon",
    "--stats",
    "--rate",
    "--thresholds",
    "--persistent-conn",
    "--nosort",
    "--sort",
    "--syncid 3",
    "--exact",
    "-o",
    "--pe sip",
    "-b sh-port",
    "--sync-maxlen 2000",
    "--mcast-group 224.0.0.9",
    "--mcast-port 88",
    "--mcast-ttl 3",
    "--tun-info",
    "--tun-type gre",
    "--tun-port 9",
    "--tun-csum",
];

/// Commands that the tool accepts and the example refuses. See `DIFFERENCES` in `commands`.
const NOT_OURS: [&str; 3] = [
    "-A -t 10.0.0.1:80 -M 255.255.255.0",
    "-E -t 10.0.0.1:80 -M 255.255.255.0",
    "-L -n --syncid 3",
];

pub(crate) fn matrix() -> Result {
    let both = Both::with_device()?;
    let mut wrong = Vec::new();
    for command in COMMANDS {
        for option in OPTIONS {
            let line = format!("{command} {option}");
            prepare(&both, command)?;
            let (tool, ours) = (both.tool.run(&line)?, both.ours.run(&line)?);
            let seen = |answer: &Answer| (answer.status, answer.out.clone(), answer.err.is_empty());
            match NOT_OURS.contains(&line.as_str()) {
                true if (tool.status, ours.status) == (0, 2) => {}
                false if seen(&tool) == seen(&ours) && state(&both.tool)? == state(&both.ours)? => {
                }
                _ => wrong.push(format!("{line}\nthe tool: {tool:?}\nours: {ours:?}")),
            }
        }
    }
    none_of(&wrong)
}

/// Prepares a table that the command can change.
fn prepare(both: &Both, command: &str) -> Result {
    const SERVICE: &str = "-A -t 10.0.0.1:80 -s rr";
    const SERVER: &str = "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m";
    match command.get(..2) {
        Some("-A") => both.prepare(&[]),
        Some("-a") => both.prepare(&[SERVICE]),
        _ => both.prepare(&[SERVICE, SERVER]),
    }
}

/// Returns everything that a command can change.
fn state(one: &One) -> Result<String> {
    let mut ipvs = one.ipvs()?;
    let table = ipvs.table()?;
    Ok(format!(
        "{table:?}{:?}{:?}",
        ipvs.timeouts()?,
        ipvs.daemons()?
    ))
}
