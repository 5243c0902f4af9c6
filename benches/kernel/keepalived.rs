//! keepalived, from its start until the table is complete.

use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::WantedTable;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;
use crate::measure::{Run, time};

pub(crate) const NAME: &str = "keepalived";
/// Where Debian's package has it.
pub(crate) const PROGRAM: &str = "/usr/sbin/keepalived";

/// How often to look whether the table is complete.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts keepalived and waits until it has added the last server of the last service. It adds
/// them in the order of its configuration.
pub(crate) fn start(ipvs: &mut Ipvs, wanted: &WantedTable) -> Outcome<Run> {
    let folder = std::env::temp_dir().join(format!("keepalived-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = |name: &str| folder.join(name);
    fs::write(path("config"), config(wanted)?)?;
    let last = wanted.iter().last().ok_or("an empty table")?;
    let mut keepalived = None;
    let run = time(|| {
        let mut command = Command::new(PROGRAM);
        command.args([
            "--dont-fork",
            "--check",
            "--dont-release-ipvs",
            "--use-file",
        ]);
        command.arg(path("config")).arg("--pid").arg(path("pid"));
        command.arg("--checkers_pid").arg(path("checkers"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = keepalived.insert(command.spawn()?);
        let start = Instant::now();
        loop {
            match ipvs.servers(last.key()) {
                Ok(servers) if servers.len() == last.servers().len() => return Ok(()),
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
            if let Some(status) = child.try_wait()? {
                return Err(format!("keepalived ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("keepalived did not complete the table".into());
            }
            thread::sleep(LOOK_EVERY);
        }
    });
    if let Some(mut child) = keepalived {
        let _ = kill(Pid::from_raw(child.id().try_into()?), Signal::SIGTERM);
        child.wait()?;
    }
    fs::remove_dir_all(&folder)?;
    let is = ipvs.services()?.len();
    match is == wanted.len() {
        true => run,
        false => run.and(Err(format!("keepalived added {is} services").into())),
    }
}

fn config(wanted: &WantedTable) -> Outcome<String> {
    let mut text = "global_defs {\n}\n".to_owned();
    for service in wanted.iter() {
        let address = service.key().socket_address().ok_or("a mark")?;
        let (ip, port) = (address.ip(), address.port());
        let scheduler = service.config().scheduler;
        writeln!(
            text,
            "virtual_server {ip} {port} {{\n lvs_sched {scheduler}\n lvs_method NAT\n protocol TCP"
        )?;
        for server in service.servers() {
            let (ip, port) = (server.config.address.ip(), server.config.address.port());
            let weight = server.config.weight;
            writeln!(text, " real_server {ip} {port} {{\n  weight {weight}\n }}")?;
        }
        text.push_str("}\n");
    }
    Ok(text)
}
