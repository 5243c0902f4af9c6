//! Brings the node to what is wanted: virtual services, sets, addresses, settings and rules.

mod chains;
mod device;
mod iptables;
mod ipvs;
mod leaving;
mod record;
mod report;
mod routing;
mod rules;
mod sets;
mod sysctls;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, Instant};

use ipvset::Family;
use ipvset::ipset::IpSets;
use ipvset::ipvs::plan::WantedTable;

use chains::Chains;
use ipvs::Services;
use leaving::Leaving;
pub use record::RecordFile;
pub use report::Report;
pub use rules::Masquerading;

use crate::translate::Wanted;

/// How the node is kept.
#[derive(Debug)]
pub struct Setup {
    /// The families of the node's addresses.
    pub families: Vec<Family>,
    pub masquerading: Masquerading,
    pub strict_arp: bool,
    /// The longest time that a server drains.
    pub drain_time: Duration,
    pub record: RecordFile,
}

/// The node.
#[derive(Debug)]
pub struct Kernel {
    services: Services,
    sets: IpSets,
    chains: Vec<Chains>,
    setup: Setup,
    leaving: Leaving,
    /// The families whose sets and rules may let in those who may not use an address.
    unclosed: BTreeSet<Family>,
    /// Whether sets, addresses, settings and rules are as they were left, as far as is known.
    is_known: bool,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Kernel {
    pub fn open(setup: Setup) -> Result<Self> {
        let chains = setup.families.iter().map(|family| {
            let chains = Chains::new(*family, setup.masquerading.clone());
            chains.map_err(|error| format!("{family} rules: {error}"))
        });
        Ok(Self {
            services: Services::open(setup.drain_time, setup.record.clone())?,
            sets: IpSets::connect()?,
            chains: chains.collect::<std::result::Result<_, _>>()?,
            leaving: Leaving::default(),
            unclosed: BTreeSet::new(),
            is_known: false,
            setup,
        })
    }

    /// Brings the node to what is wanted. Returns when to [look](Kernel::look).
    ///
    /// What clients need comes before the virtual services: sets, rules, addresses. What they
    /// needed goes after them. With `full`, or after a failure, everything is compared with the
    /// kernel; otherwise sets and addresses get the changes only.
    ///
    /// Where sets or rules fail that keep clients out, addresses that not all may use are left out.
    pub fn apply(&mut self, wanted: &mut Wanted, full: bool, report: &mut Report) -> Instant {
        let begin = Instant::now();
        let full = full || !self.is_known;
        let mut last = begin;
        let mut step = |what, report: &mut Report| {
            let now = Instant::now();
            report.steps.push((what, now - last));
            last = now;
        };
        let mut removals = Vec::new();
        self.unclosed.clear();
        for family in &self.setup.families {
            let added = sets::add(&mut self.sets, wanted.sets(*family), full, report);
            removals.extend(added.removals);
            let addresses = added.addresses.into_iter().map(|it| (*family, it));
            self.leaving.entries.extend(addresses);
            if !added.closes {
                self.unclosed.insert(*family);
            }
        }
        step("sets", report);
        if full {
            let Setup {
                families,
                strict_arp,
                record,
                ..
            } = &self.setup;
            let mut before = record.sysctls();
            sysctls::set(families, *strict_arp, &mut before, report);
            report.enter(record.save_sysctls(before));
            step("settings", report);
            for chains in &self.chains {
                if report.enter(chains.put()).is_none() {
                    self.unclosed.insert(chains.family());
                }
            }
            step("rules", report);
        }
        let addresses = device::add(&mut wanted.addresses, full, report);
        self.leaving.addresses.extend(addresses);
        step("addresses", report);
        let table = self.table(wanted, report);
        let kept = self.services.keep(&table, full, report);
        step("virtual services", report);
        if kept.is_rest_gone {
            self.remove_leaving(wanted, report);
            for removal in removals {
                removal(&mut self.sets, report);
            }
        }
        step("removals", report);
        self.is_known = report.failures.is_empty();
        report.time = begin.elapsed();
        kept.next
    }

    /// Returns the virtual services that may be there.
    fn table<'a>(&self, wanted: &'a Wanted, report: &mut Report) -> Cow<'a, WantedTable> {
        let table = wanted.open_table(&self.unclosed);
        let missing = wanted.table.len() - table.len();
        if missing > 0 {
            report.failures.push(format!(
                "{missing} addresses that not all may use are not served until the sets and rules \
                 are in place"
            ));
        }
        table
    }

    fn remove_leaving(&mut self, wanted: &mut Wanted, report: &mut Report) {
        let draining = self.services.draining_addresses();
        let sets = &mut self.sets;
        self.leaving.remove(wanted, &draining, sets, report);
    }

    /// Ends the drains whose time has come, and corrects what another program changed of the
    /// virtual services. Returns when to look again.
    pub fn look(&mut self, wanted: &mut Wanted, report: &mut Report) -> Instant {
        let begin = Instant::now();
        let table = wanted.open_table(&self.unclosed);
        let kept = self.services.keep(&table, false, report);
        if kept.is_rest_gone {
            self.remove_leaving(wanted, report);
        }
        report.time = begin.elapsed();
        kept.next
    }

    /// Returns how many servers drain.
    pub fn draining(&self) -> usize {
        self.services.draining()
    }

    /// Returns what [`Kernel::apply`] would do, with everything compared with the kernel.
    pub fn describe(&mut self, wanted: &mut Wanted) -> Result<String> {
        let mut text = String::new();
        for family in &self.setup.families {
            sets::describe(&mut self.sets, wanted.sets(*family), &mut text)?;
        }
        sysctls::describe(&self.setup.families, self.setup.strict_arp, &mut text)?;
        device::describe(&wanted.addresses, &mut text)?;
        write!(text, "{}", self.services.plan(&wanted.table)?)?;
        for chains in &self.chains {
            let missing = chains.missing()?;
            if !missing.is_empty() {
                write!(text, "# {}-restore --noflush:\n{missing}", chains.program())?;
            }
        }
        Ok(text)
    }
}

/// Takes everything away that the proxy put on the node. Connections are cut.
pub fn cleanup(setup: &Setup) -> Result<Report> {
    let begin = Instant::now();
    let mut report = Report::default();
    ipvs::remove(&setup.record, &mut report)?;
    for family in &setup.families {
        // A family whose rules this kernel cannot do has none.
        if let Ok(chains) = Chains::new(*family, setup.masquerading.clone()) {
            report.enter(chains.remove());
        }
    }
    report.enter(device::delete());
    sets::remove(&mut IpSets::connect()?, &mut report);
    let record = &setup.record;
    sysctls::restore(&record.sysctls(), &mut report);
    if report.failures.is_empty() {
        report.enter(record.remove());
    }
    report.time = begin.elapsed();
    Ok(report)
}
