//! The metrics of IPVS and ipset, as text for Prometheus.
//!
//! A request reads the table once and keeps it until it is answered, because the lines of a metric
//! stand together.

mod ipvs;
mod sets;
mod text;

use std::io::{self, Write};

pub use text::{CONTENT_TYPE, Metrics};

/// Reads what the kernel has, and writes the metrics.
pub fn write(output: &mut dyn Write) -> io::Result<()> {
    let mut metrics = Metrics::new(output);
    let table = ipvs::Table::read();
    let totals = ipvs::totals();
    let sets = sets::read();
    let parts = [
        ("table", table.is_ok()),
        (
            "statistics",
            table.as_ref().is_ok_and(|it| it.has_statistics),
        ),
        ("ipv6", table.as_ref().is_ok_and(|it| it.has_ipv6)),
        ("totals", totals.is_ok()),
        ("sets", sets.is_ok()),
    ];
    metrics.begin(
        "ipvset_part_available",
        "gauge",
        "Whether these metrics could be read. Statistics and sets need CAP_NET_ADMIN. With \
         that of a user namespace only, IPv6 services are left out.",
    )?;
    for (part, is_available) in parts {
        metrics.sample(&[("part", &part)], &u8::from(is_available))?;
    }
    if let Ok(totals) = totals {
        ipvs::write_totals(&mut metrics, &totals)?;
    }
    if let Ok(table) = table {
        table.write(&mut metrics)?;
    }
    if let Ok(sets) = sets {
        sets::write(&mut metrics, &sets)?;
    }
    Ok(())
}
