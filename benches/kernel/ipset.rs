//! The jobs of ipset for each contender, with three types of set.

use ipvset::OnFailure;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use ipnet::Ipv4Net;
use ipvset::ipset::elements::tcp;
use ipvset::ipset::messages::{EntryMessages, Request};
use ipvset::ipset::types::{HashIp, HashIpPortIp, HashNet, HashType, SetType};
use ipvset::ipset::{Entry, IpSet, IpSets};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage};

use crate::Outcome;
use crate::floor::{Datagrams, Floor};
use crate::job::{COLD, Job, contenders};
use crate::measure::{Run, time, time_tool};
use crate::memory::keep_memory;

/// The set types that the jobs use.
pub(crate) const TYPES: [&str; 3] = ["hash:ip", "hash:ip,port,ip", "hash:net"];

/// The sizes: a common one, and one that this crate is made for.
const SMALL: u32 = 65_536;
const LARGE: u32 = 1_000_000;
/// More sizes, for the plot.
const PLOTTED: [u32; 2] = [1_000, 10_000];
/// The type that is plotted.
const MAIN: &str = "hash:ip,port,ip";

const SET: &str = "ipvset-bench";

pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut job = |name, what, count, peers: &[&'static str]| {
        let contenders = contenders(peers);
        jobs.push(Job {
            name,
            what,
            count,
            contenders,
        });
    };
    if quick {
        job("add", MAIN, 10_000, &["ipset restore"]);
        job("remove", MAIN, 10_000, &["ipset restore"]);
        job("test", MAIN, 10_000, &["ipset restore"]);
        job("list", MAIN, 10_000, &["ipset save"]);
        return jobs;
    }
    for count in PLOTTED {
        job("add", MAIN, count, &["ipset restore"]);
        job("list", MAIN, count, &["ipset save"]);
    }
    for count in [SMALL, LARGE] {
        for what in TYPES {
            let peers = ["ipset restore", "pyroute2"];
            let compared = what == MAIN && count == SMALL && has_pyroute2();
            job("add", what, count, &peers[..1 + usize::from(compared)]);
            job("remove", what, count, &["ipset restore"]);
            job("test", what, count, &["ipset restore"]);
            job("list", what, count, &["ipset save"]);
        }
        job("add with everything", MAIN, count, &["ipset restore"]);
        job("destroy", MAIN, count, &["ipset destroy"]);
    }
    job("list sorted", MAIN, SMALL, &[COLD, "ipset save -sorted"]);
    jobs
}

fn has_pyroute2() -> bool {
    let check = Command::new("python3")
        .args(["-c", "import pyroute2"])
        .output();
    check.is_ok_and(|output| output.status.success())
}

pub(crate) fn contend(contender: &str, job: &str, what: &str, count: u32) -> Outcome<Run> {
    match what {
        "hash:ip" => Contest::<HashIp>::new(count)?.run(contender, job),
        "hash:ip,port,ip" => Contest::<HashIpPortIp>::new(count)?.run(contender, job),
        "hash:net" => Contest::<HashNet>::new(count)?.run(contender, job),
        other => Err(format!("unknown set type {other}").into()),
    }
}

/// A set type whose entries are made from their numbers.
pub(crate) trait Shape: SetType + HashType + Default {
    fn entry(number: u32) -> Entry<Self>;
}

impl Shape for HashIp {
    fn entry(number: u32) -> Entry<Self> {
        Entry::new(address(number))
    }
}

impl Shape for HashIpPortIp {
    fn entry(number: u32) -> Entry<Self> {
        Entry::new((address(number), tcp(8080), Ipv4Addr::new(10, 0, 0, 1)))
    }
}

impl Shape for HashNet {
    fn entry(number: u32) -> Entry<Self> {
        let network = Ipv4Addr::from_bits(0x1000_0000 + (number << 8));
        Entry::new(Ipv4Net::new_assert(network, 24))
    }
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001 + number)
}

/// Does a little of everything. This loads the kernel's modules and brings this program and the
/// tool into memory.
pub(crate) fn warm_up<T: Shape>(sets: &mut IpSets) -> Outcome {
    let set = IpSet::<T>::new(SET)?;
    sets.create(&set)?;
    sets.add_all(&set, [T::entry(0)], OnFailure::Stop)
        .into_result()?;
    sets.list(&set)?.sorted()?;
    sets.remove_all(&set, [T::entry(0)], OnFailure::Stop)
        .into_result()?;
    time_tool(&["ipset", "save", SET], "/dev/null")?;
    Ok(sets.destroy(SET)?)
}

/// Returns an entry with all options of a set with timeout, counters and comments.
fn with_everything<T: Shape>(number: u32) -> Entry<T> {
    T::entry(number)
        .timeout(Duration::from_secs(3600))
        .counters(1, 60)
        .comment("seen on the gateway")
}

/// One job for one type of set.
struct Contest<T: Shape> {
    set: IpSet<T>,
    sets: IpSets,
    count: u32,
}

impl<T: Shape> Contest<T> {
    fn new(count: u32) -> Outcome<Self> {
        let set = IpSet::new(SET)?
            .hashsize(count.next_power_of_two())
            .maxelem(count + count / 2);
        let mut sets = IpSets::connect()?;
        warm_up::<T>(&mut sets)?;
        Ok(Self { set, sets, count })
    }

    fn run(mut self, contender: &str, job: &str) -> Outcome<Run> {
        let run = match job {
            "add" => self.change(contender, T::entry, "add"),
            "add with everything" => {
                self.set = self
                    .set
                    .timeout(Duration::from_secs(0))
                    .counters()
                    .comments();
                self.change(contender, with_everything, "add")
            }
            "remove" => {
                self.fill()?;
                self.change(contender, T::entry, "del")
            }
            "test" => {
                self.fill()?;
                self.test(contender)
            }
            "list" => {
                self.fill()?;
                self.list(contender)
            }
            "list sorted" => {
                self.fill()?;
                self.list_sorted(contender)
            }
            "destroy" => {
                self.fill()?;
                self.destroy(contender)
            }
            other => Err(format!("no job {other}").into()),
        }?;
        self.sets.destroy_if_present(SET)?;
        Ok(run)
    }

    fn entries(&self, entry: fn(u32) -> Entry<T>) -> impl Iterator<Item = Entry<T>> + use<T> {
        (0..self.count).map(entry)
    }

    fn fill(&mut self) -> Outcome {
        self.sets.create(&self.set)?;
        let entries = self.entries(T::entry);
        self.sets
            .add_all(&self.set, entries, OnFailure::Stop)
            .into_result()?;
        Ok(())
    }

    /// Adds or removes all entries.
    fn change(&mut self, contender: &str, entry: fn(u32) -> Entry<T>, verb: &str) -> Outcome<Run> {
        if verb == "add" {
            self.sets.create(&self.set)?;
        }
        let entries = self.entries(entry);
        match (contender, verb) {
            ("ipvset", "add") => time(|| {
                Ok(self
                    .sets
                    .add_all(&self.set, entries, OnFailure::Stop)
                    .into_result()?)
            }),
            ("ipvset", _) => time(|| {
                Ok(self
                    .sets
                    .remove_all(&self.set, entries, OnFailure::Stop)
                    .into_result()?)
            }),
            ("floor", _) => {
                let messages = match verb {
                    "add" => self.set.add_messages(entries),
                    _ => self.set.remove_messages(entries),
                };
                let prepared = datagrams(messages)?;
                let mut floor = Floor::netfilter()?;
                time(|| prepared.iter().try_for_each(|it| floor.send(it)))
            }
            ("ipset restore", _) => restore(verb, entries),
            ("pyroute2", "add") => self.pyroute2(),
            _ => Err(format!("{contender} does not {verb}").into()),
        }
    }

    /// Tests all entries, which are in the set.
    fn test(&mut self, contender: &str) -> Outcome<Run> {
        let entries = self.entries(T::entry);
        match contender {
            "ipvset" => time(|| {
                let found = self.sets.test_all(&self.set, entries)?;
                self.complete(found.iter().map(|it| u32::from(*it)).sum())
            }),
            "floor" => {
                let prepared = self.tests(entries)?;
                let mut floor = Floor::netfilter()?;
                time(|| prepared.iter().try_for_each(|it| floor.send(it)))
            }
            "ipset restore" => restore("test", entries),
            other => Err(format!("{other} does not test").into()),
        }
    }

    /// Returns the requests in datagrams as the crate sends them. Only the last message of each
    /// asks for an ACK.
    fn tests(&self, entries: impl Iterator<Item = Entry<T>>) -> Outcome<Vec<Vec<u8>>> {
        let mut datagrams = Datagrams::default();
        for entry in entries {
            let mut request = bytes(Request::test(&self.set, entry)?);
            // A single request would ask for an ACK.
            request[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
            datagrams.push(&request);
        }
        Ok(datagrams.finish())
    }

    fn list(&mut self, contender: &str) -> Outcome<Run> {
        match contender {
            "ipvset" => time(|| {
                let mut count = 0;
                for entry in self.sets.list(&self.set)? {
                    std::hint::black_box(entry?);
                    count += 1;
                }
                self.complete(count)
            }),
            "floor" => {
                let mut floor = Floor::netfilter()?;
                let other = IpSet::<T>::new("ipvset-bench-none")?;
                // This set does not exist, but the request tells the kernel how much is received at
                // a time.
                floor.ask(&other.list_message())?;
                let request = self.set.list_message();
                time(|| floor.dump(&request))
            }
            "ipset save" => time_tool(&["ipset", "save", SET], "/dev/null"),
            other => Err(format!("{other} does not list").into()),
        }
    }

    fn list_sorted(&mut self, contender: &str) -> Outcome<Run> {
        if contender == "ipvset" {
            keep_memory();
            self.sorted()?;
        }
        match contender {
            "ipvset" | COLD => time(|| self.sorted()),
            // A sorted listing is compared with an unsorted one.
            "floor" => self.list("ipvset"),
            _ => time_tool(&["ipset", "save", SET, "-sorted"], "/dev/null"),
        }
    }

    fn sorted(&mut self) -> Outcome {
        let entries = self.sets.list(&self.set)?.sorted()?;
        self.complete(u32::try_from(entries.len())?)
    }

    fn complete(&self, count: u32) -> Outcome {
        if count == self.count {
            return Ok(());
        }
        Err(format!("{count} entries instead of {}", self.count).into())
    }

    fn destroy(&mut self, contender: &str) -> Outcome<Run> {
        match contender {
            "ipvset" => time(|| Ok(self.sets.destroy(SET)?)),
            "floor" => {
                let request = Request::destroy(*self.set.name());
                let request = bytes(request);
                let mut floor = Floor::netfilter()?;
                time(|| floor.send(&request))
            }
            _ => time_tool(&["ipset", "destroy", SET], "/dev/null"),
        }
    }

    /// Sends one request for each entry, since pyroute2 has no other way.
    fn pyroute2(&self) -> Outcome<Run> {
        let script = include_str!("pyroute2.py");
        let count = self.count.to_string();
        time_tool(&["python3", "-c", script, SET, &count], "/dev/null")
    }
}

/// Returns the messages, each as a datagram.
pub(crate) fn datagrams<T: SetType, I: Iterator<Item: Into<Entry<T>>>>(
    mut messages: EntryMessages<'_, T, I>,
) -> Outcome<Vec<Vec<u8>>> {
    let mut prepared = Vec::new();
    while let Some(message) = messages.next_message() {
        prepared.push(message?.to_vec());
    }
    Ok(prepared)
}

fn bytes(request: Request) -> Vec<u8> {
    let message = NetlinkMessage::from(request);
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Applies a command of the tool to each entry.
fn restore<T: SetType>(verb: &str, entries: impl Iterator<Item = Entry<T>>) -> Outcome<Run> {
    let path = format!("/tmp/{SET}.txt");
    let mut file = BufWriter::new(File::create(&path)?);
    for entry in entries {
        writeln!(file, "{verb} {SET} {entry}")?;
    }
    file.into_inner()?.sync_data()?;
    // Without `-quiet`, the tool reports each tested entry that is in the set.
    let run = time_tool(&["ipset", "-quiet", "restore"], &path);
    std::fs::remove_file(&path)?;
    run
}
