//! Step 1: the tools, of which none is needed.

use super::{Fallible, Report, World};

pub fn run(_: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        1,
        "Tools",
        "The walkthrough installs ipset and ipvsadm here. The crate needs neither, because it sends their
         requests to the kernel itself.",
    );
    report.command("apt install ipset ipvsadm --yes", "none", || Ok(()))
}
