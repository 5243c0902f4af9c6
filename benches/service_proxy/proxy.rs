//! The program without its inputs and its clock.

use std::time::{Duration, Instant};

use ipvset::Family;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::figures::{pretty, tell};
use crate::input;
use crate::kernel::{Kernel, Masquerading, RecordFile, Report, Setup};
use crate::translate::{Node, Settings, Wanted};

/// What the program did.
pub const RECORD: &str = "/tmp/service_proxy_bench.json";

pub struct Proxy {
    pub cluster: Cluster,
    pub wanted: Wanted,
    pub kernel: Kernel,
}

impl Proxy {
    pub fn new() -> Outcome<Self> {
        let node = Node {
            name: "here".into(),
            zone: None,
            addresses: vec!["192.0.2.10".parse()?, "2001:db8::10".parse()?],
        };
        let setup = Setup {
            families: vec![Family::Ipv4, Family::Ipv6],
            masquerading: Masquerading::default(),
            strict_arp: false,
            drain_time: Duration::from_secs(600),
            record: RecordFile::new(RECORD),
        };
        Ok(Self {
            cluster: Cluster::default(),
            wanted: Wanted::new(node, Settings::default())?,
            kernel: Kernel::open(setup)?,
        })
    }

    /// Reads the objects in a file and translates them.
    pub fn follow(&mut self, path: &str) -> Outcome {
        self.read(std::fs::File::open(path)?)?;
        self.translate()
    }

    pub fn read(&mut self, json: impl std::io::Read) -> Outcome {
        let mut told = Vec::new();
        input::read(json, |event| {
            told.extend(self.cluster.enter(0, event));
        })?;
        none(told)
    }

    pub fn translate(&mut self) -> Outcome {
        none(self.wanted.follow(&mut self.cluster))
    }

    pub fn apply(&mut self, full: bool) -> Outcome<Report> {
        let mut report = Report::default();
        self.kernel.apply(&mut self.wanted, full, &mut report);
        none(std::mem::take(&mut report.failures))?;
        Ok(report)
    }
}

fn none(complaints: Vec<String>) -> Outcome {
    match complaints.into_iter().next() {
        Some(complaint) => Err(complaint.into()),
        None => Ok(()),
    }
}

/// Checks that so many services and servers were changed.
pub fn expect(report: &Report, services: usize, servers: usize) -> Outcome {
    // A server that begins to drain is changed as well.
    let changed = report.servers + report.draining;
    match (report.services, changed) == (services, servers) {
        true => Ok(()),
        false => Err(format!("not {services} services and {servers} servers: {report}").into()),
    }
}

/// Times `work`, and prints the time as a row.
pub fn time<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begin = Instant::now();
    let result = work()?;
    tell(what, pretty(begin.elapsed()));
    Ok(result)
}
