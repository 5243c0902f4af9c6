//! Prints every second which services of the IPVS table have changed, whoever changed them.

use std::thread;
use std::time::Duration;

use ipvset::ipvs::proc::{Proc, Snapshot};

fn main() -> ipvset::Result<()> {
    let proc = Proc::new();
    let mut before = proc.snapshot()?;
    let mut now = Snapshot::default();
    println!("{} services", before.len());
    loop {
        thread::sleep(Duration::from_secs(1));
        // Takes the memory of the snapshot before the last.
        proc.snapshot_into(&mut now)?;
        let difference = now.changes_since(&before);
        for (what, keys) in [
            ("added", &difference.added),
            ("removed", &difference.removed),
            ("changed", &difference.changed),
        ] {
            for key in keys {
                println!("{key} {what}");
            }
        }
        std::mem::swap(&mut before, &mut now);
    }
}
