//! Times the example service_proxy on a real kernel: Services with 10 endpoints of each family, from
//! the JSON to the kernel, and the kernel's own time for the same. The arguments are numbers of
//! Services (1,000 without one).
//!
//! ```text
//! cargo bench --all-features --bench service_proxy -- 1000 10000
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

#[path = "kernel/floor.rs"]
mod floor;
#[path = "service_proxy/floors.rs"]
mod floors;
#[path = "kernel/generic.rs"]
mod generic;
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

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const RECORD: &str = "/tmp/service_proxy_bench.json";
/// How often the short steps are timed. The median counts. It is even, so that the endpoint that is
/// removed and added in turns is there at the end.
const ROUNDS: u32 = 6;

/// The first argument of the process whose memory is measured.
const MEMORY: &str = "memory";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(MEMORY) {
        return end(arguments.next().map_or(Ok(()), |path| memory(&path)));
    }
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
    lab::main(&needs, || {
        let counts = std::env::args().skip(1).filter_map(|it| it.parse().ok());
        let mut counts: Vec<u32> = counts.collect();
        if counts.is_empty() {
            counts.push(1_000);
        }
        end(counts.into_iter().try_for_each(|it| apart(|| run(it))))
    })
}

fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(count: u32) -> Outcome {
    println!("{count} Services with 10 endpoints of each family");
    let json = text::list(count);
    println!("JSON: {} MiB", json.len() >> 20);
    let _ = std::fs::remove_file(RECORD);

    let mut proxy = Proxy::new()?;
    time("read the JSON", || proxy.read(json.as_bytes()))?;
    drop(json);
    time("translate", || proxy.translate())?;
    let plan = time("plan and write it down (--dry-run), cold", || {
        proxy.kernel.describe(&mut proxy.wanted)
    })?;
    drop(plan);
    let report = time("apply, cold", || proxy.apply(true))?;
    let all = (2 * count as usize, 20 * count as usize);
    expect(&report, all.0, all.1)?;
    tell_steps(&report.steps);
    let rules = rules()?;

    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let event = text::changed_slice(count / 2, round % 2 == 1);
        let begin = Instant::now();
        proxy.read(event.as_bytes())?;
        proxy.translate()?;
        let report = proxy.apply(false)?;
        times.push(begin.elapsed());
        expect(&report, 0, 1)?;
    }
    tell("one endpoint changed, from the event on", median(times));

    let mut steps = Vec::new();
    times = repeat(|| {
        let report = proxy.apply(true)?;
        expect(&report, 0, 0)?;
        steps = report.steps;
        Ok(())
    })?;
    tell("nothing changed, full look", median(times));
    tell_steps(&steps);
    times = repeat(read_all)?;
    tell(
        "reading the table and listing the sets alone",
        median(times),
    );
    let json = text::list(count);
    drop(proxy);

    let begin = Instant::now();
    let mut proxy = Proxy::new()?;
    proxy.read(json.as_bytes())?;
    proxy.translate()?;
    let report = proxy.apply(true)?;
    tell("restart, from the JSON on", begin.elapsed());
    expect(&report, 0, 0)?;
    if report.entries + report.addresses > 0 {
        return Err(format!("the restart changed something: {report}").into());
    }
    println!("rules: {rules}");
    tell_memory(&json)?;
    drop(json);

    // Each in a namespace of its own: a kernel whose services were removed adds others more slowly.
    let mut requests = floors::Requests::new(&mut proxy.wanted)?;
    let steps = apart(|| requests.send(&mut proxy.wanted))?;
    let total = steps.iter().map(|(_, time)| *time).sum();
    tell("floor: the requests of the first application alone", total);
    tell_steps(&steps);
    apart(|| {
        std::fs::remove_file(RECORD)?;
        proxy.kernel = Kernel::open(setup()?)?;
        let report = time("apply in another namespace", || proxy.apply(true))?;
        expect(&report, all.0, all.1)?;
        tell_steps(&report.steps);
        Ok(())
    })
}

/// Runs this in a network namespace of its own.
fn apart<T: Send>(work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    let outcome = lab::Namespace::new()?.run(|| work().map_err(|error| error.to_string()));
    Ok(outcome?)
}

/// Tells how much memory a process of the proxy's own takes.
fn tell_memory(json: &str) -> Outcome {
    let path = "/tmp/service_proxy_bench_objects.json";
    std::fs::write(path, json)?;
    let mut child = std::process::Command::new(std::env::current_exe()?);
    let status = child.args([MEMORY, path]).status()?;
    std::fs::remove_file(path)?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("the process whose memory is measured: {status}").into()),
    }
}

/// Does what the program does when it starts, changes an endpoint and compares everything.
fn memory(path: &str) -> Outcome {
    let tell = |what: &str| -> Outcome {
        println!(
            "memory {what}: {} MiB, at most {} MiB",
            status("VmRSS:")? >> 10,
            status("VmHWM:")? >> 10
        );
        Ok(())
    };
    let mut proxy = Proxy::new()?;
    proxy.read(std::fs::File::open(path)?)?;
    tell("with the objects")?;
    proxy.translate()?;
    tell("with what they ask for")?;
    proxy.apply(true)?;
    tell("when it is applied")?;
    for round in 1..=2 {
        proxy.read(text::changed_slice(0, round % 2 == 1).as_bytes())?;
        proxy.translate()?;
        proxy.apply(false)?;
    }
    proxy.apply(true)?;
    tell("after a full look")
}

fn setup() -> Outcome<Setup> {
    Ok(Setup {
        families: vec![Family::Ipv4, Family::Ipv6],
        masquerading: Masquerading::default(),
        strict_arp: false,
        drain_time: Duration::from_secs(600),
        record: RecordFile::new(RECORD),
    })
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
        Ok(Self {
            cluster: Cluster::default(),
            wanted: Wanted::new(node, Settings::default())?,
            kernel: Kernel::open(setup()?)?,
        })
    }

    fn read(&mut self, json: impl std::io::Read) -> Outcome {
        let mut told = Vec::new();
        input::read(json, |event| {
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

fn tell_steps(steps: &[(&str, Duration)]) {
    for (step, time) in steps {
        tell(&format!("  {step}"), *time);
    }
}

/// Returns a figure of this process, in KiB.
fn status(name: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    let value = line.and_then(|it| it.split_whitespace().next());
    let value = value.ok_or_else(|| format!("/proc/self/status has no {name}"))?;
    Ok(value.parse()?)
}
