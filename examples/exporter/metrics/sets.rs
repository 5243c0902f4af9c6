//! The metrics of sets.

use std::fmt::Display;
use std::io;

use ipvset::ipset::{IpSets, SetInfo};

use super::Metrics;

pub fn read() -> ipvset::Result<Vec<SetInfo>> {
    IpSets::connect()?.info_all()
}

/// A gauge of a set: its name, its description, and its value if the kernel reports it.
type Gauge = (&'static str, &'static str, fn(&SetInfo) -> Option<u32>);

pub fn write(metrics: &mut Metrics<'_>, sets: &[SetInfo]) -> io::Result<()> {
    let gauges: [Gauge; 3] = [
        (
            "ipvset_set_entries",
            "The number of entries. An entry whose time is up may be counted for a while.",
            |set| set.entries,
        ),
        (
            "ipvset_set_memory_bytes",
            "The memory that the set takes in the kernel.",
            |set| Some(set.memory),
        ),
        (
            "ipvset_set_references",
            "How many rules and lists refer to the set.",
            |set| Some(set.references),
        ),
    ];
    for (name, help, value) in gauges {
        metrics.begin(name, "gauge", help)?;
        for set in sets {
            if let Some(value) = value(set) {
                let labels: [(&str, &dyn Display); 2] =
                    [("set", &set.name), ("type", &set.type_name)];
                metrics.sample(&labels, &value)?;
            }
        }
    }
    Ok(())
}
