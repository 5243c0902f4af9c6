//! Works on everything at once for a while, and checks that nothing fails and nothing grows: a
//! reconciler, a set, metrics, and traffic, with changes all the time.
//!
//! It runs for a minute. `IPVSET_SOAK` is another number of minutes (`cargo xtask soak MINUTES`).

#[path = "../examples/exporter/metrics/mod.rs"]
#[allow(unused_imports, dead_code, reason = "the exporter uses the rest")]
mod metrics;

use std::fs;
use std::io::sink;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use ipvset::ipvs::plan::{self, Keeper, Planner, Scope, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};
use lab::test::Test;
use lab::{Namespace, Needs, http};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const VIP: &str = "10.0.0.1:80";
/// How long to wait for an answer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two rounds of each worker.
const PAUSE: Duration = Duration::from_millis(20);

/// By how much each figure may grow: memory of the program and of the kernel (slab) in KiB, open
/// files, and tasks. Requests that are open while it is measured take files and tasks.
const TOLERANCE: [(&str, u64); 4] = [
    ("memory", 2_048),
    ("slab", 8_192),
    ("files", 16),
    ("tasks", 8),
];

fn main() -> ExitCode {
    let time = Duration::from_secs(60 * lab::test::number("IPVSET_SOAK", 1));
    let test = Test::new("nothing_fails_and_nothing_grows", move || soak(time));
    let needs = Needs::ipvs().and_sets(&["hash:ip"]);
    lab::test::main(&needs, vec![test.limit(time + Duration::from_secs(300))])
}

/// The workers, and how many rounds each has made.
#[derive(Default)]
struct Work {
    done: AtomicBool,
    rounds: [AtomicU64; 4],
}

impl Work {
    /// Calls `round` with its number until the work is done. A failure ends the work of all.
    fn repeat(&self, worker: usize, mut round: impl FnMut(u64) -> Result) -> Result {
        while !self.done.load(Ordering::Relaxed) {
            let number = self.rounds[worker].fetch_add(1, Ordering::Relaxed);
            let outcome = round(number);
            if outcome.is_err() {
                self.done.store(true, Ordering::Relaxed);
                return outcome;
            }
            sleep(PAUSE);
        }
        Ok(())
    }
}

fn soak(time: Duration) -> Result {
    lab::address::add("10.0.0.1/32", "lo")?;
    let here = Namespace::current()?;
    let _one = http::serve(&here, "127.0.0.1:8080", "one")?;
    let _two = http::serve(&here, "127.0.0.2:8080", "two")?;
    // The service is there before the first request.
    Ipvs::connect()?.apply(&Planner::new(), &wanted(0)?, &mut plan::Record::new())?;

    let work = Work::default();
    let (before, after) = thread::scope(|scope| -> Result<_> {
        let workers: [Box<dyn FnOnce() -> Result + Send>; 4] = [
            Box::new(|| reconcile(&work)),
            Box::new(|| fill(&work)),
            Box::new(|| scrape(&work)),
            Box::new(|| ask(&work)),
        ];
        // They are in the network namespace of this thread.
        let workers = workers.map(|worker| scope.spawn(worker));
        // Memory that everybody needs once is in use after a third of the time.
        wait(&work, time / 3);
        let before = usage();
        wait(&work, time * 2 / 3);
        let after = usage();
        work.done.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        Ok((before?, after?))
    })?;
    let rounds = work.rounds.each_ref().map(|it| it.load(Ordering::Relaxed));
    eprintln!("rounds of reconciler, set, metrics, traffic: {rounds:?}");
    assert!(rounds.iter().all(|it| *it > 10), "{rounds:?}");
    for ((name, tolerance), (before, after)) in TOLERANCE.iter().zip(before.iter().zip(after)) {
        eprintln!("{name}: {before} after a third of the time, {after} at its end");
        assert!(
            after <= before + tolerance,
            "{name} grew from {before} to {after}"
        );
    }
    Ok(())
}

/// Waits until the time is up, or a worker has failed.
fn wait(work: &Work, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end && !work.done.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(100));
    }
}

/// Keeps a table of 50 services, of which some change in each round.
fn reconcile(work: &Work) -> Result {
    let mut ipvs = Ipvs::connect()?;
    let policy = plan::Policy::new().drain_time(Duration::from_secs(1));
    let planner = Planner::new().scope(Scope::everything()).policy(policy);
    let mut keeper = Keeper::new(planner);
    work.repeat(0, |round| {
        let kept = ipvs.keep(&mut keeper, &wanted(round)?)?;
        match kept.report.is_success() {
            true => Ok(()),
            false => Err(kept.report.to_string().into()),
        }
    })
}

/// The service that is asked, which always has a server, and others that come and go.
fn wanted(round: u64) -> Result<WantedTable> {
    let mut wanted = WantedTable::new();
    let web = VirtualService::tcp(VIP.parse()?).scheduler(Scheduler::RoundRobin);
    let weight = 1 + u32::try_from(round % 5)?;
    let servers: &[&str] = match round % 3 {
        0 => &["127.0.0.1:8080", "127.0.0.2:8080"],
        1 => &["127.0.0.1:8080"],
        _ => &["127.0.0.2:8080"],
    };
    let servers: Vec<SocketAddr> = servers
        .iter()
        .map(|it| it.parse())
        .collect::<std::result::Result<_, _>>()?;
    wanted.insert(
        web,
        servers
            .into_iter()
            .map(|it| RealServer::new(it).weight(weight)),
    )?;
    for number in 0..50 {
        let port = 1_000 + u16::try_from((round + number) % 60)?;
        let service = VirtualService::tcp(([10, 0, 0, 2], port).into());
        let servers = (1..=3).map(|it| RealServer::new(([10, 1, 0, it], port).into()));
        wanted.insert(service, servers)?;
    }
    Ok(wanted)
}

/// Keeps a set at 1,000 addresses, of which some change in each round.
fn fill(work: &Work) -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("soak")?.counters();
    work.repeat(1, |round| {
        let first = 0x0a02_0000 + u32::try_from(round % 10_000)?;
        let addresses = (first..first + 1_000).map(Ipv4Addr::from_bits);
        let report = sets.apply(&set, addresses, &Policy::new())?;
        match report.failures().first() {
            None => Ok(()),
            Some(failure) => Err(failure.error.to_string().into()),
        }
    })
}

/// Reads the metrics.
fn scrape(work: &Work) -> Result {
    work.repeat(2, |_| Ok(metrics::write(&mut sink())?))
}

/// Sends requests to the service, of which each must be answered.
fn ask(work: &Work) -> Result {
    let here = Namespace::current()?;
    work.repeat(3, |_| {
        let answer = http::get(&here, VIP, PATIENCE);
        answer
            .map(drop)
            .map_err(|error| format!("{error:?}").into())
    })
}

/// Returns the figures in the order of [`TOLERANCE`].
fn usage() -> Result<[u64; 4]> {
    let files = fs::read_dir("/proc/self/fd")?.count();
    let tasks = fs::read_dir("/proc/self/task")?.count();
    Ok([
        kibibytes("/proc/self/status", "VmRSS:")?,
        kibibytes("/proc/meminfo", "Slab:")?,
        u64::try_from(files)?,
        u64::try_from(tasks)?,
    ])
}

fn kibibytes(file: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    Ok(value
        .ok_or_else(|| format!("{file} has no {name}"))?
        .parse()?)
}
