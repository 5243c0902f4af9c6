//! The command line.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use ipvset::Family;
use ipvset::ipvs::Scheduler;

use crate::kernel::{Masquerading, RecordFile, Setup};
use crate::translate::{Node, Settings};

pub const HELP: &str = include_str!("help.txt");

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    Help,
    Cleanup(Setup),
    Run(Box<Run>),
}

#[derive(Debug)]
pub struct Run {
    pub node: Node,
    pub settings: Settings,
    pub setup: Setup,
    pub mode: Mode,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// The inputs. If there are none, standard input is one.
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// Whether to end when the input ends.
    pub once: bool,
    /// Whether to print what would be done instead of doing it.
    pub dry_run: bool,
}

/// Reads the command line. An error is a sentence.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut node = Node::default();
    let mut settings = Settings::default();
    let mut masquerading = Masquerading::default();
    let mut drain_time = Duration::from_secs(600);
    let mut record = PathBuf::from("/run/service_proxy.json");
    let (mut strict_arp, mut cleanup) = (false, false);
    let mut mode = Mode {
        once: false,
        dry_run: false,
    };
    let mut metrics = None;
    let mut files = Vec::new();
    let mut words = Words(arguments);
    while let Some(word) = words.0.next() {
        let option = word.as_str();
        match option {
            "--help" => return Ok(Command::Help),
            "--node" => node.name = words.value(option)?,
            "--node-ip" => node.addresses.extend(words.values::<IpAddr>(option)?),
            "--zone" => node.zone = Some(words.value(option)?),
            "--cluster-cidr" => masquerading
                .cluster_cidrs
                .extend(words.values::<IpNet>(option)?),
            "--masquerade-all" => masquerading.all = true,
            "--nodeport-addresses" => {
                settings
                    .node_port_addresses
                    .extend(words.values::<IpNet>(option)?);
            }
            "--exclude" => settings.exclude.extend(words.values::<IpNet>(option)?),
            "--scheduler" => settings.scheduler = words.read::<Scheduler>(option)?,
            "--drain" => drain_time = Duration::from_secs(words.read::<u32>(option)?.into()),
            "--strict-arp" => strict_arp = true,
            "--record" => record = words.value(option)?.into(),
            "--once" => mode.once = true,
            "--dry-run" => mode.dry_run = true,
            "--cleanup" => cleanup = true,
            "--metrics" => metrics = Some(words.read(option)?),
            "-" => files.push("/dev/stdin".into()),
            _ if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => files.push(word.into()),
        }
    }
    if node.name.is_empty() && !cleanup {
        return Err("--node is missing".into());
    }
    if node.addresses.is_empty() && !cleanup {
        return Err("--node-ip is missing".into());
    }
    let families = match cleanup {
        true => [Family::Ipv4, Family::Ipv6].into(),
        false => node.families(),
    };
    let setup = Setup {
        families: families.into_iter().collect(),
        masquerading,
        strict_arp,
        drain_time,
        record: RecordFile::new(record),
    };
    if cleanup {
        return Ok(Command::Cleanup(setup));
    }
    Ok(Command::Run(Box::new(Run {
        node,
        settings,
        setup,
        mode,
        metrics,
        files,
    })))
}

struct Words<I>(I);

impl<I: Iterator<Item = String>> Words<I> {
    fn value(&mut self, option: &str) -> Result<String, String> {
        let value = self.0.next();
        value.ok_or_else(|| format!("{option} requires a value"))
    }

    fn read<T: FromStr<Err: Display>>(&mut self, option: &str) -> Result<T, String> {
        let text = self.value(option)?;
        read(option, &text)
    }

    /// Reads values with commas between them.
    fn values<T: FromStr<Err: Display>>(&mut self, option: &str) -> Result<Vec<T>, String> {
        let text = self.value(option)?;
        text.split(',').map(|text| read(option, text)).collect()
    }
}

fn read<T: FromStr<Err: Display>>(option: &str, text: &str) -> Result<T, String> {
    let value = text.parse();
    value.map_err(|error| format!("{option} {text}: {error}"))
}
