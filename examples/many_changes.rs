//! Makes many changes in few system calls, and prints which of them failed.

use ipvset::OnFailure;
use ipvset::ipvs::{Ipvs, Operations, RealServer, VirtualService};

fn main() -> ipvset::Result<()> {
    let mut changes = Operations::new();
    for number in 1..=100 {
        let web = VirtualService::tcp(([10, 100, 0, number], 80).into());
        changes
            .add_service(&web)
            .add_server(&web, &RealServer::new(([10, 0, 0, number], 8080).into()));
    }
    // The kernel has this service by then, so the change fails.
    changes.add_service(&VirtualService::tcp(([10, 100, 0, 7], 80).into()));

    let mut ipvs = Ipvs::connect()?;
    let outcome = ipvs.execute_all(changes, OnFailure::Continue);
    println!("{} changes were made", outcome.applied());
    for failed in outcome.failures() {
        println!(
            "change {}, {}: {}",
            failed.index, failed.input, failed.error
        );
    }
    if let Some(error) = outcome.stopped() {
        println!("the rest was not tried: {error}");
    }
    Ok(())
}
