//! Sync daemons: starting, stopping and listing them, and each of their attributes.

use std::net::IpAddr;

use ipvset::ipvs::{Ipvs, SyncDaemon, SyncRole};

use crate::child::Role;
use crate::interface::{OVER_SOCKET_OPTIONS, ROOTLESS};
use crate::support::{Result, StopDaemons, ipvsadm, multicast_device, tests};

tests![
    none_at_first,
    the_defaults_of_the_kernel,
    every_attribute,
    an_ipv6_group,
    daemons_of_the_tool,
    stopped_before_it_ran,
];

fn none_at_first() -> Result {
    assert_eq!(Ipvs::connect()?.daemons()?, []);
    Ok(())
}

/// With only a role and an interface, the daemon gets the documented defaults.
fn the_defaults_of_the_kernel() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let mut ipvs = Ipvs::connect()?;
    for role in [SyncRole::Master, SyncRole::Backup] {
        ipvs.start_daemon(&SyncDaemon::new(role, "eth0"))?;
    }
    let expected = [SyncRole::Master, SyncRole::Backup].map(|role| {
        let daemon = SyncDaemon::new(role, "eth0").sync_id(0);
        if OVER_SOCKET_OPTIONS {
            return daemon;
        }
        daemon
            .max_length(1500 - 20 - 8)
            .group(IpAddr::from([224, 0, 0, 81]))
            .port(8848)
            .ttl(1)
    });
    assert_eq!(ipvs.daemons()?, expected);
    ipvs.stop_daemon(SyncRole::Master)?;
    assert_eq!(ipvs.daemons()?, expected[1..]);
    ipvs.stop_daemon(SyncRole::Backup)?;
    assert_eq!(ipvs.daemons()?, []);
    Ok(())
}

fn every_attribute() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    multicast_device("fifteen-letters")?;
    let mut ipvs = Ipvs::connect()?;
    let daemons = [
        SyncDaemon::master("eth0")
            .sync_id(255)
            .max_length(999)
            .group("239.1.2.3".parse()?)
            .port(0x1234)
            .ttl(255),
        SyncDaemon::backup("fifteen-letters")
            .sync_id(7)
            .max_length(65000)
            .group("224.0.0.99".parse()?)
            .port(65535)
            .ttl(2),
    ];
    for daemon in &daemons {
        ipvs.start_daemon(daemon)?;
    }
    assert_eq!(ipvs.daemons()?, daemons);
    let shown = ipvsadm("-L --daemon")?;
    for word in [
        "master sync daemon (mcast=eth0, syncid=255, maxlen=999, group=239.1.2.3, port=4660, ttl=255)",
        "backup sync daemon (mcast=fifteen-letters, syncid=7, maxlen=65000, group=224.0.0.99, port=65535, ttl=2)",
    ] {
        assert!(shown.contains(word), "{shown}");
    }
    Ok(())
}

fn an_ipv6_group() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let mut ipvs = Ipvs::connect()?;
    let daemon = SyncDaemon::master("eth0")
        .sync_id(1)
        .max_length(1400)
        .group("ff05::81".parse()?)
        .port(9000)
        .ttl(3);
    ipvs.start_daemon(&daemon)?;
    assert_eq!(ipvs.daemons()?, [daemon]);
    let shown = ipvsadm("-L --daemon")?;
    assert!(shown.contains("group=ff05::81"), "{shown}");
    Ok(())
}

fn daemons_of_the_tool() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let daemon = SyncDaemon::backup("eth0")
        .sync_id(9)
        .max_length(2000)
        .group("224.0.0.90".parse()?)
        .port(1000)
        .ttl(4);
    ipvsadm(&format!("--start-daemon {daemon}"))?;
    let mut ipvs = Ipvs::connect()?;
    let expected = match OVER_SOCKET_OPTIONS {
        true => SyncDaemon::backup("eth0").sync_id(9),
        false => daemon,
    };
    assert_eq!(ipvs.daemons()?, [expected]);
    ipvsadm("--stop-daemon backup")?;
    assert_eq!(ipvs.daemons()?, []);
    Ok(())
}

/// If a daemon's thread has not run yet, the kernel stops it with `EINTR`, and over netlink does
/// not answer.
fn stopped_before_it_ran() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    match ROOTLESS {
        // Only root may run ahead of the kernel's threads.
        true => started_and_stopped()?,
        false => Role::StopDaemons.ahead_of_kernel_threads()?,
    };
    assert_eq!(Ipvs::connect()?.daemons()?, []);
    Ok(())
}

/// What the child does.
pub(crate) fn started_and_stopped() -> Result<String> {
    let mut ipvs = Ipvs::connect()?;
    for _ in 0..10 {
        for role in [SyncRole::Master, SyncRole::Backup] {
            ipvs.start_daemon(&SyncDaemon::new(role, "eth0"))?;
            ipvs.stop_daemon(role)?;
            assert_eq!(ipvs.daemons()?, []);
        }
    }
    Ok(String::new())
}
