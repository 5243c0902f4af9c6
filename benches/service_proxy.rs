//! Times the example service_proxy on a real kernel: Services with 10 endpoints of each family, from
//! the JSON to the kernel. The argument is the number of Services (1,000 without one).
//!
//! ```text
//! cargo bench --features serde --bench service_proxy -- 10000
//! ```

#![allow(dead_code, reason = "the program uses the rest")]

#[path = "../examples/service_proxy/cluster.rs"]
mod cluster;
#[path = "../examples/service_proxy/input/mod.rs"]
mod input;
#[path = "../examples/service_proxy/kernel/mod.rs"]
mod kernel;
#[path = "../examples/service_proxy/objects/mod.rs"]
mod objects;
#[path = "../examples/service_proxy/translate/mod.rs"]
mod translate;

#[path = "service_proxy/objects.rs"]
mod text;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ipvset::Family;
use ipvset::ipset::IpSets;
use ipvset::ipvs::Ipvs;
use lab::Needs;

use cluster::Cluster;
use kernel::{Kernel, Masquerading, RecordFile, Report, Setup};
use translate::{Node, Settings, Wanted};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const RECORD: &str = "/tmp/service_proxy_bench.json";
/// How often the short steps are timed. The median counts. It is even, so that the endpoint that is
/// removed and added in turns is there at the end.
const ROUNDS: u32 = 6;

fn main() -> ExitCode {
    let needs = Needs::ipvs()
        .and_sets(&[
            "bitmap:port",
            "hash:ip",
            "hash:ip,port",
            "hash:ip,port,ip",
            "hash:ip,port,net",
        ])
        .and_devices(&["dummy"])
        .and_rules()
        .memory(2048);
    lab::main(&needs, || match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

fn run() -> Outcome {
    let count = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let count: u32 = count.unwrap_or(1_000);
    println!("{count} Services with 10 endpoints of each family");
    let json = text::list(count);
    println!("JSON: {} MiB", json.len() >> 20);
    let _ = std::fs::remove_file(RECORD);

    let mut proxy = Proxy::new()?;
    time("read the JSON", || proxy.read(&json))?;
    drop(json);
    time("translate", || proxy.translate())?;
    let plan = time("plan and write it down (--dry-run), cold", || {
        proxy.kernel.describe(&mut proxy.wanted)
    })?;
    drop(plan);
    let report = time("apply, cold", || proxy.apply(true))?;
    expect(&report, 2 * count as usize, 20 * count as usize)?;
    let rules = rules()?;

    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let event = text::changed_slice(count / 2, round % 2 == 1);
        let begin = Instant::now();
        proxy.read(&event)?;
        proxy.translate()?;
        let report = proxy.apply(false)?;
        times.push(begin.elapsed());
        expect(&report, 0, 1)?;
    }
    tell("one endpoint changed, from the event on", median(times));

    times = repeat(|| expect(&proxy.apply(true)?, 0, 0))?;
    tell("nothing changed, full look", median(times));
    times = repeat(read_all)?;
    tell(
        "reading the table and listing the sets alone",
        median(times),
    );
    let json = text::list(count);
    drop(proxy);

    let begin = Instant::now();
    let mut proxy = Proxy::new()?;
    proxy.read(&json)?;
    proxy.translate()?;
    let report = proxy.apply(true)?;
    tell("restart, from the JSON on", begin.elapsed());
    expect(&report, 0, 0)?;
    if report.entries + report.addresses > 0 {
        return Err(format!("the restart changed something: {report}").into());
    }
    println!("rules: {rules}");
    println!(
        "peak memory, with the text of the JSON and of the plan: {} MiB",
        peak()? >> 10
    );
    Ok(())
}

/// The program without its inputs and its clock.
struct Proxy {
    cluster: Cluster,
    wanted: Wanted,
    kernel: Kernel,
}

impl Proxy {
    fn new() -> Outcome<Self> {
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

    fn read(&mut self, json: &str) -> Outcome {
        let mut told = Vec::new();
        input::read(json.as_bytes(), |event| {
            told.extend(self.cluster.enter(0, event));
        })?;
        none(told)
    }

    fn translate(&mut self) -> Outcome {
        none(self.wanted.follow(&mut self.cluster))
    }

    fn apply(&mut self, full: bool) -> Outcome<Report> {
        let mut report = Report::default();
        self.kernel.apply(&mut self.wanted, full, &mut report);
        match report.failures.is_empty() {
            true => Ok(report),
            false => Err(report.failures.swap_remove(0).into()),
        }
    }
}

fn none(complaints: Vec<String>) -> Outcome {
    match complaints.into_iter().next() {
        Some(complaint) => Err(complaint.into()),
        None => Ok(()),
    }
}

fn expect(report: &Report, services: usize, servers: usize) -> Outcome {
    // A server that begins to drain is changed as well.
    let changed = report.servers + report.draining;
    match (report.services, changed) == (services, servers) {
        true => Ok(()),
        false => Err(format!("not {services} services and {servers} servers: {report}").into()),
    }
}

/// Reads the table, and lists the sets of both families, as a full look has to.
fn read_all() -> Outcome {
    let table = Ipvs::connect()?.table()?;
    let mut sets = IpSets::connect()?;
    let mut entries = 0;
    for set in sets.list_all()? {
        set?;
        entries += 1;
    }
    match !table.is_empty() && entries > 0 {
        true => Ok(()),
        false => Err("the table or the sets are empty".into()),
    }
}

/// Returns how many rules of both families there are.
fn rules() -> Outcome<usize> {
    let mut count = 0;
    for tables in [lab::Iptables::new()?, lab::Iptables::v6()?] {
        for table in ["nat", "filter"] {
            let saved = tables.save(table)?;
            count += saved.lines().filter(|it| it.starts_with("-A")).count();
        }
    }
    Ok(count)
}

fn repeat(mut work: impl FnMut() -> Outcome) -> Outcome<Vec<Duration>> {
    let round = |_| {
        let begin = Instant::now();
        work()?;
        Ok(begin.elapsed())
    };
    (0..ROUNDS).map(round).collect()
}

fn time<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begin = Instant::now();
    let result = work()?;
    tell(what, begin.elapsed());
    Ok(result)
}

fn tell(what: &str, time: Duration) {
    println!("{what}: {:.1} ms", 1e3 * time.as_secs_f64());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Returns the most memory that was resident, in KiB.
fn peak() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let value = line.and_then(|it| it.split_whitespace().next());
    Ok(value.ok_or("/proc/self/status has no VmHWM")?.parse()?)
}
