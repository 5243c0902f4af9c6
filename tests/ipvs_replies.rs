//! What the kernel answers to many requests, and to those that it does not answer.

use std::net::{Ipv4Addr, SocketAddr};

use ipvset::ipvs::{Ipvs, OnFailure, ServiceKey, SyncDaemon, SyncRole, VirtualService};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

lab::tests![
    lab::Needs::ipvs();
    a_daemon_stopped_in_the_datagram_that_starts_it,
    no_daemon_to_stop,
    eleven_thousand_failures,
    failures_strewn_through_a_batch,
];

/// On one processor its thread cannot have run when it is stopped, and the kernel does not answer.
fn a_daemon_stopped_in_the_datagram_that_starts_it() -> Result {
    lab::tool("ip", ["link", "set", "lo", "up"])?;
    let mut ipvs = Ipvs::connect()?;
    let mut batch = ipvs.batch();
    batch.start_daemon(&SyncDaemon::master("lo"));
    batch.stop_daemon(SyncRole::Master);
    assert!(batch.send()?.is_success());
    assert_eq!(ipvs.daemons()?, []);
    Ok(())
}

fn no_daemon_to_stop() -> Result {
    let error = Ipvs::connect()?.stop_daemon(SyncRole::Master).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    Ok(())
}

fn key(number: u32) -> ServiceKey {
    let address = Ipv4Addr::from_bits(0x0a00_0000 + number);
    ServiceKey::tcp(SocketAddr::new(address.into(), 80))
}

fn eleven_thousand_failures() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut batch = ipvs.batch();
    for number in 0..11_000 {
        batch.remove_service(key(number));
    }
    let outcome = batch.send()?;
    let indices = outcome.failures().iter().map(|it| it.index);
    assert!(indices.eq(0..11_000));
    assert!(outcome.failures().iter().all(|it| it.error.is_not_found()));
    Ok(())
}

/// The first and the last request of the batch are among them.
fn failures_strewn_through_a_batch() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut batch = ipvs.batch();
    batch.on_failure(OnFailure::GoOn);
    let fails = |index: usize| index % 250 == 0 || index == 8_999;
    for (number, index) in (0..9_000u32).zip(0usize..) {
        if fails(index) {
            batch.remove_service(key(number));
        } else {
            batch.add_service(&VirtualService::new(key(number)));
        }
    }
    let outcome = batch.send()?;
    let indices = outcome.failures().iter().map(|it| it.index);
    assert!(indices.eq((0..9_000).filter(|index| fails(*index))));
    assert_eq!(outcome.failures().len(), 37);
    assert_eq!(ipvs.services()?.len(), 9_000 - 37);
    Ok(())
}
