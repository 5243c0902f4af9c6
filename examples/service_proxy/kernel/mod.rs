//! Brings the node to what is wanted: virtual services, sets, addresses, settings and rules.

mod chains;
mod device;
mod iptables;
mod ipvs;
mod record;
mod report;
mod routing;
mod rules;
mod sets;
mod sysctls;

use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, Instant};

use ipvset::Family;
use ipvset::ipset::IpSets;

use chains::Chains;
use ipvs::Services;
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
            is_known: false,
            setup,
        })
    }

    /// Brings the node to what is wanted. Returns when to [look](Kernel::look).
    ///
    /// What clients need comes before the virtual services: sets, rules, addresses. What they
    /// needed goes after them. With `full`, or after a failure, everything is compared with the
    /// kernel; otherwise sets and addresses get the changes only.
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
        for family in &self.setup.families {
            let sets = wanted.sets(*family);
            removals.extend(sets::add(&mut self.sets, sets, full, report));
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
                report.enter(chains.put());
            }
            step("rules", report);
        }
        let addresses = device::add(&mut wanted.addresses, full, report);
        step("addresses", report);
        let next = self.services.keep(&wanted.table, full, report);
        step("virtual services", report);
        device::remove(&addresses, report);
        for removal in removals {
            removal(&mut self.sets, report);
        }
        step("removals", report);
        self.is_known = report.failures.is_empty();
        report.time = begin.elapsed();
        next
    }

    /// Ends the drains whose time has come, and corrects what another program changed of the
    /// virtual services. Returns when to look again.
    pub fn look(&mut self, wanted: &Wanted, report: &mut Report) -> Instant {
        let begin = Instant::now();
        let next = self.services.keep(&wanted.table, false, report);
        report.time = begin.elapsed();
        next
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
