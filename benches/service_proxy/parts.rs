//! What is measured, each part by a process of its own.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use ipvset::ipset::IpSets;
use ipvset::ipvs::Ipvs;
use nix::sys::resource::{UsageWho, getrusage};

use crate::Outcome;
use crate::figures::{self, pretty, tell, tell_part, tell_steps};
use crate::floors::Requests;
use crate::memory::touch;
use crate::proxy::{Proxy, RECORD, expect, time};
use crate::text;

/// How often the short steps are timed. The median counts. It is even, so that the endpoint that is
/// removed and added in turns is there at the end.
const ROUNDS: u32 = 6;
/// The objects.
const OBJECTS: &str = "/tmp/service_proxy_bench_objects.json";

/// A part, for a number of Services.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    what: What,
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The program, from its start.
    Program,
    /// The program once more, where it ran before.
    Restart,
    /// The program with memory that was touched beforehand.
    Touched,
    /// The same requests without the program.
    Floor,
}

use What::{Floor, Program, Restart, Touched};

impl Part {
    pub fn all(count: u32) -> [Self; 3] {
        [Program, Touched, Floor].map(|what| Self { what, count })
    }

    /// Reads what [`Part::words`] has written.
    pub fn of(words: &[String]) -> Option<Self> {
        let (what, count) = (words.first()?, words.get(1)?.parse().ok()?);
        let all = [Program, Restart, Touched, Floor].into_iter();
        let what = all.into_iter().find(|it| format!("{it:?}") == *what)?;
        Some(Self { what, count })
    }

    pub fn words(self) -> [String; 2] {
        [format!("{:?}", self.what), self.count.to_string()]
    }

    /// Returns true if the part wants a kernel that has done nothing yet.
    pub fn begins_anew(self) -> bool {
        self.what != Restart
    }

    pub fn run(self) -> Outcome {
        if self.begins_anew() {
            let mut file = BufWriter::new(File::create(OBJECTS)?);
            text::list(self.count, &mut file)?;
            file.flush()?;
            load_modules()?;
        }
        match self.what {
            Program => program(self.count),
            Restart => restart(),
            Touched => touched(self.count),
            Floor => floor(),
        }
    }
}

/// Lets the kernel load its modules, and iptables its files, which the first rules of all do.
fn load_modules() -> Outcome {
    apart(|| Proxy::new()?.apply(true).map(drop))?;
    Ok(fs::remove_file(RECORD)?)
}

/// Runs this in a network namespace of its own.
fn apart<T: Send>(work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    let outcome = lab::Namespace::new()?.run(|| work().map_err(|error| error.to_string()));
    Ok(outcome?)
}

/// What the program does when it starts, when an endpoint changes, and when it compares everything.
fn program(count: u32) -> Outcome {
    let mut proxy = Proxy::new()?;
    let size = fs::metadata(OBJECTS)?.len() >> 20;
    time(figures::READ, || proxy.read(File::open(OBJECTS)?))?;
    tell_part(figures::READ, "its size", format!("{size} MiB"));
    time(figures::TRANSLATE, || proxy.translate())?;
    first(&mut proxy, count, figures::FIRST)?;

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
    tell(figures::CHANGE, pretty(median(times)));

    let mut looks = Vec::new();
    for _ in 0..ROUNDS {
        let report = proxy.apply(true)?;
        expect(&report, 0, 0)?;
        looks.push(report.steps);
    }
    let mut steps = medians(&looks);
    tell_steps(figures::LOOK, &steps);
    steps.retain(|it| !["settings", "rules"].contains(&it.0));
    let time_of_others = steps.iter().map(|it| it.1).sum();
    tell(figures::WITHOUT_RULES, pretty(time_of_others));
    let memory = status("VmHWM:")? >> 10;
    let readings: Outcome<Vec<_>> = (0..ROUNDS).map(|_| reading()).collect();
    tell_steps(figures::READING, &medians(&readings?));
    let tables = [lab::Iptables::new()?, lab::Iptables::v6()?];
    let rules = time(figures::SAVING, || rules(&tables))?;
    drop(proxy);

    let restart = Part {
        what: Restart,
        count,
    };
    crate::run(restart, |line| println!("{line}"))?;
    tell(figures::RULES, rules);
    tell(figures::MEMORY, format!("{memory} MiB"));
    Ok(())
}

fn restart() -> Outcome {
    let mut times = vec![Instant::now()];
    let mut proxy = Proxy::new()?;
    times.push(Instant::now());
    proxy.read(File::open(OBJECTS)?)?;
    times.push(Instant::now());
    proxy.translate()?;
    times.push(Instant::now());
    let report = proxy.apply(true)?;
    times.push(Instant::now());
    let steps = [
        "start and read the record",
        "read the JSON",
        "translate",
        "apply",
    ];
    let times = times.windows(2).map(|it| it[1] - it[0]);
    tell_steps(
        figures::RESTART,
        &steps.into_iter().zip(times).collect::<Vec<_>>(),
    );
    expect(&report, 0, 0)?;
    match report.entries + report.addresses {
        0 => Ok(()),
        _ => Err(format!("the restart changed something: {report}").into()),
    }
}

fn touched(count: u32) -> Outcome {
    touch(64 + 32 * (count as usize >> 10));
    let mut proxy = Proxy::new()?;
    proxy.follow(OBJECTS)?;
    first(&mut proxy, count, figures::TOUCHED)
}

fn floor() -> Outcome {
    let mut proxy = Proxy::new()?;
    proxy.follow(OBJECTS)?;
    time(figures::DRY_RUN, || {
        proxy.kernel.describe(&mut proxy.wanted).map(drop)
    })?;
    // The rules do not depend on the number of Services.
    let mut requests = apart(|| {
        Proxy::new()?.apply(true)?;
        Requests::new(&mut proxy.wanted)
    })?;
    tell_steps(figures::FLOOR, &requests.send(&mut proxy.wanted)?);
    Ok(())
}

/// Applies everything for the first time.
fn first(proxy: &mut Proxy, count: u32, name: &str) -> Outcome {
    let before = page_faults()?;
    let report = proxy.apply(true)?;
    let after = page_faults()?;
    expect(&report, 2 * count as usize, 20 * count as usize)?;
    tell_steps(name, &report.steps);
    tell_part(
        name,
        "pages of memory touched for the first time",
        after - before,
    );
    Ok(())
}

fn page_faults() -> Outcome<i64> {
    Ok(getrusage(UsageWho::RUSAGE_SELF)?.minor_page_faults())
}

/// Reads the table, and lists the sets of both families, as a full look has to.
fn reading() -> Outcome<Vec<(&'static str, Duration)>> {
    let begin = Instant::now();
    let table = Ipvs::connect()?.table()?;
    let read = Instant::now();
    let mut sets = IpSets::connect()?;
    let mut count = 0;
    for set in sets.list_all()? {
        set?;
        count += 1;
    }
    match !table.is_empty() && count > 0 {
        true => Ok(vec![("table", read - begin), ("sets", read.elapsed())]),
        false => Err("the table or the sets are empty".into()),
    }
}

/// Returns how many rules of both families there are.
fn rules(tables: &[lab::Iptables]) -> Outcome<usize> {
    let mut count = 0;
    for tables in tables {
        let saved = lab::tool(&format!("{}-save", tables.program()), [""; 0])?;
        count += saved.lines().filter(|it| it.starts_with("-A")).count();
    }
    Ok(count)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Returns the median of each step.
fn medians(rounds: &[Vec<(&'static str, Duration)>]) -> Vec<(&'static str, Duration)> {
    let steps = rounds[0].iter().enumerate();
    let of = |place: usize| median(rounds.iter().map(|it| it[place].1).collect());
    steps.map(|(place, (name, _))| (*name, of(place))).collect()
}

/// Returns a figure of this process, in KiB.
fn status(name: &str) -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    let value = line.and_then(|it| it.split_whitespace().next());
    let value = value.ok_or_else(|| format!("/proc/self/status has no {name}"))?;
    Ok(value.parse()?)
}
