//! Settings and information of a namespace.

use std::time::Duration;

use ipvset::ipvs::{Ipvs, Timeouts};

use crate::support::{Result, ipvsadm, tests};

tests![
    fresh_timeouts,
    any_subset_of_the_timeouts,
    the_longest_timeouts,
    timeouts_through_the_tool,
    information,
];

fn all(tcp: u64, tcp_fin: u64, udp: u64) -> Timeouts {
    let seconds = Duration::from_secs;
    Timeouts::new()
        .tcp(seconds(tcp))
        .tcp_fin(seconds(tcp_fin))
        .udp(seconds(udp))
}

fn fresh_timeouts() -> Result {
    assert_eq!(Ipvs::connect()?.timeouts()?, all(900, 120, 300));
    Ok(())
}

/// Sets 66/66/66, then 77/0/77, which keeps the second. (From the tests of moby.)
fn any_subset_of_the_timeouts() -> Result {
    let seconds = Duration::from_secs;
    let mut ipvs = Ipvs::connect()?;
    ipvs.set_timeouts(&all(66, 66, 66))?;
    assert_eq!(ipvs.timeouts()?, all(66, 66, 66));
    ipvs.set_timeouts(&Timeouts::new().tcp(seconds(77)).udp(seconds(77)))?;
    assert_eq!(ipvs.timeouts()?, all(77, 66, 77));
    ipvs.set_timeouts(&Timeouts::new().tcp_fin(seconds(5)))?;
    assert_eq!(ipvs.timeouts()?, all(77, 5, 77));
    ipvs.set_timeouts(&Timeouts::new())?;
    assert_eq!(ipvs.timeouts()?, all(77, 5, 77));
    // For the kernel, zero keeps the current value. The crate refuses it as a timeout.
    let zero = ipvs.set_timeouts(&all(1, 0, 1));
    assert!(zero.is_err_and(|it| it.is_invalid_input()));
    assert_eq!(ipvs.timeouts()?, all(77, 5, 77));
    Ok(())
}

fn the_longest_timeouts() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let longest = Timeouts::MAX.as_secs();
    ipvs.set_timeouts(&all(longest, 1, longest))?;
    assert_eq!(ipvs.timeouts()?, all(longest, 1, longest));
    Ok(())
}

fn timeouts_through_the_tool() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvsadm("--set 10 20 30")?;
    assert_eq!(ipvs.timeouts()?, all(10, 20, 30));
    ipvs.set_timeouts(&all(11, 22, 33))?;
    assert!(ipvsadm("-L --timeout")?.contains("11 22 33"));
    Ok(())
}

fn information() -> Result {
    let info = Ipvs::connect()?.info()?;
    assert_eq!(info.version.to_string(), "1.2.1");
    let (version, size) = (info.version, info.connection_table_size);
    let said = format!("version {version} (size={size})");
    let shown = ipvsadm("-L -n")?;
    assert!(shown.contains(&said), "{said}: {shown}");
    Ok(())
}
