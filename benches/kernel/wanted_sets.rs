//! The jobs of the desired state of sets: a set is brought to the wanted entries.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use ipvset::OnFailure;
use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::{HashIpPortIp, HashNet};
use ipvset::ipset::{Entry, IpSet, IpSets};

use crate::Outcome;
use crate::floor::Floor;
use crate::ipset::{Shape, datagrams, warm_up};
use crate::job::{COLD, Job, contenders};
use crate::measure::{Run, time, time_tool};
use crate::memory::{keep_memory, touch};

/// What the set contains. The first word tells these jobs from others.
const PLAIN: &str = "wanted hash:ip,port,ip";
const FULL: &str = "wanted hash:net with timeout, counters and comment";

const FILL: &str = "create and fill";
const SAME: &str = "find unchanged";
const PERCENT: &str = "replace 1 % of";
const REPLACE: &str = "replace all";

/// What users do without this crate.
const SWAP: &str = "ipset restore, swap";
const COMM: &str = "ipset save, comm, ipset restore";

/// What the largest of these jobs needs, in MiB.
const MOST_MEMORY: usize = 60;

const SET: &str = "ipvset-bench";
const COMMENT: &str = "seen on the gateway";
const TIMEOUT: Duration = Duration::from_secs(3_600);
/// The files of the tools.
const FOLDER: &str = "/tmp/ipvset-bench";

pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let sizes: &[(&'static str, u32)] = match quick {
        true => &[(FULL, 10_000)],
        false => &[
            (FULL, 20_000),
            (FULL, 200_000),
            (PLAIN, 100_000),
            (PLAIN, 1_000_000),
        ],
    };
    let mut jobs = Vec::new();
    for (what, count) in sizes {
        for name in [FILL, SAME, PERCENT, REPLACE] {
            let others: &[&str] = match name {
                FILL => &[COLD, SWAP],
                _ => &[COLD, SWAP, COMM],
            };
            jobs.push(Job {
                name,
                what,
                count: *count,
                contenders: contenders(others),
            });
        }
    }
    jobs
}

/// Returns the type of the set of these jobs.
pub(crate) fn type_of(what: &str) -> Option<&str> {
    what.strip_prefix("wanted ")?.split(' ').next()
}

pub(crate) fn contend(contender: &str, job: &str, what: &str, count: u32) -> Outcome<Run> {
    match type_of(what) {
        Some("hash:net") => Contest::<HashNet>::new(what, job, count)?.run(contender),
        Some("hash:ip,port,ip") => Contest::<HashIpPortIp>::new(what, job, count)?.run(contender),
        _ => Err(format!("unknown set type in {what}").into()),
    }
}

/// One job for one type of set.
struct Contest<T: Shape> {
    set: IpSet<T>,
    is_full: bool,
    there: Range<u32>,
    wanted: Range<u32>,
}

impl<T: Shape> Contest<T> {
    fn new(what: &str, job: &str, count: u32) -> Outcome<Self> {
        let is_full = what == FULL;
        let mut set = IpSet::new(SET)?
            .hashsize(count.next_power_of_two())
            .maxelem(2 * count);
        if is_full {
            set = set.timeout(TIMEOUT).counters().comments();
        }
        let (there, wanted) = match job {
            FILL => (0..0, 0..count),
            SAME => (0..count, 0..count),
            PERCENT => (0..count, count / 100..count + count / 100),
            _ => (0..count, count..2 * count),
        };
        Ok(Self {
            set,
            is_full,
            there,
            wanted,
        })
    }

    fn run(&self, contender: &str) -> Outcome<Run> {
        let mut sets = IpSets::connect()?;
        warm_up::<T>(&mut sets)?;
        if contender != COLD {
            keep_memory();
            touch(MOST_MEMORY);
        }
        if !self.there.is_empty() {
            sets.create(&self.set)?;
            let there = self.entries(self.there.clone());
            sets.add_all(&self.set, there, OnFailure::Stop)
                .into_result()?;
        }
        let run = match contender {
            "ipvset" | COLD => self.apply(&mut sets),
            "floor" => self.floor(&mut sets),
            _ => self.tool(contender),
        }?;
        let there = sets.info(SET)?.entries.unwrap_or_default();
        sets.destroy(SET)?;
        match there as usize == self.wanted.len() {
            true => Ok(run),
            false => Err(format!("{contender} left {there} entries").into()),
        }
    }

    fn entries(&self, numbers: Range<u32>) -> impl Iterator<Item = Entry<T>> + use<T> {
        let is_full = self.is_full;
        numbers.map(move |number| match is_full {
            true => T::entry(number).timeout(TIMEOUT).comment(COMMENT),
            false => T::entry(number),
        })
    }

    /// Entries without options are made from their numbers while the clock runs, as in the other
    /// jobs. Comments are made before.
    fn apply(&self, sets: &mut IpSets) -> Outcome<Run> {
        let policy = Policy::new();
        let entries = self.entries(self.wanted.clone());
        if self.is_full {
            let entries: Vec<_> = entries.collect();
            return time(|| Ok(sets.apply(&self.set, entries, &policy)?.into_result()?));
        }
        time(|| Ok(sets.apply(&self.set, entries, &policy)?.into_result()?))
    }

    /// Lists the set and drops the listing. Then removes and adds what differs, encoded beforehand.
    fn floor(&self, sets: &mut IpSets) -> Outcome<Run> {
        let (there, wanted) = (self.there.clone(), self.wanted.clone());
        let unwanted = self.entries(there.start..there.end.min(wanted.start));
        let missing = self.entries(wanted.start.max(there.end)..wanted.end);
        // As the crate adds entries that have to begin at zero.
        let counted = missing.map(|entry| match self.is_full {
            true => entry.counters(0, 0),
            false => entry,
        });
        let mut prepared = datagrams(self.set.remove_messages(unwanted))?;
        prepared.extend(datagrams(self.set.add_messages(counted))?);
        let mut floor = Floor::netfilter()?;
        if there.is_empty() {
            sets.create(&self.set)?;
            return time(|| prepared.iter().try_for_each(|it| floor.send(it)));
        }
        // Tells the kernel how much is received at a time.
        let none = IpSet::<T>::new("ipvset-bench-none")?;
        floor.ask(&none.list_message())?;
        let request = self.set.list_message();
        time(|| {
            floor.dump(&request)?;
            prepared.iter().try_for_each(|it| floor.send(it))
        })
    }

    fn tool(&self, contender: &str) -> Outcome<Run> {
        fs::create_dir_all(FOLDER)?;
        let script = match contender {
            SWAP => self.second_set()?,
            COMM => self.difference()?,
            other => return Err(format!("{other} is unknown").into()),
        };
        // What was written is not to be written to the disk while the tool is timed.
        Command::new("sync").status()?;
        let run = time_tool(&["sh", "-e", "-c", &script], "/dev/null");
        fs::remove_dir_all(FOLDER)?;
        run
    }

    /// Writes the file that fills a second set and swaps it with the set.
    fn second_set(&self) -> Outcome<String> {
        let mut file =
            fs::File::create(format!("{FOLDER}/restore")).map(std::io::BufWriter::new)?;
        let (name, second) = (SET, "ipvset-bench-2");
        let creates = self.there.is_empty();
        let filled = if creates { name } else { second };
        writeln!(file, "create {}", self.set.with_name(filled)?)?;
        for entry in self.entries(self.wanted.clone()) {
            writeln!(file, "add {filled} {entry}")?;
        }
        if !creates {
            write!(file, "swap {name} {second}\ndestroy {second}\n")?;
        }
        file.flush()?;
        Ok(format!("ipset restore < {FOLDER}/restore"))
    }

    /// Writes the sorted list of wanted entries, with which the set is compared. Options have to be
    /// left out, since counters and times differ in each listing.
    fn difference(&self) -> Outcome<String> {
        let lines = self.wanted.clone();
        let mut lines: Vec<_> = lines
            .map(|number| format!("add {SET} {}\n", T::entry(number)))
            .collect();
        lines.sort_unstable();
        fs::write(format!("{FOLDER}/wanted"), lines.concat())?;
        let options = match self.is_full {
            true => format!(" comment \"{COMMENT}\""),
            false => String::new(),
        };
        Ok(format!(
            "cd {FOLDER}; export LC_ALL=C; \
             ipset save {SET} | grep ^add | cut -d ' ' -f 1-3 | sort > there; \
             {{ comm -23 there wanted | sed 's/^add/del/'; \
                comm -13 there wanted | sed 's/$/{options}/'; }} | ipset restore"
        ))
    }
}
