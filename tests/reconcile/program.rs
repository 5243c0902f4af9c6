//! What the table is, and what the example should print.

use std::net::SocketAddr;

use ipvset::ipvs::Ipvs;
use lab::tool::Ended;

pub(crate) use crate::running::{Folder, Result, Running};

/// Runs `ipvsadm`, one command for each line.
pub(crate) fn ipvsadm(lines: &str) -> Result {
    for line in lines.lines().map(str::trim).filter(|it| !it.is_empty()) {
        lab::tool("ipvsadm", line.split_whitespace())?;
    }
    Ok(())
}

/// Returns the table as `ipvsadm -S -n` prints it, sorted, because the kernel lists services in
/// the order of a hash.
pub(crate) fn saved() -> Result<Vec<String>> {
    Ok(sorted(&lab::tool("ipvsadm", ["-S", "-n"])?))
}

pub(crate) fn sorted(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Fails unless the table is this one.
#[track_caller]
pub(crate) fn expect_table(text: &str) {
    let saved = saved().expect("the table");
    assert_eq!(saved, sorted(text));
}

/// Fails unless the example ended with this status, printed these lines and no error.
#[track_caller]
pub(crate) fn expect(ended: &Ended, status: i32, out: &str) {
    assert_eq!(ended.status.code(), Some(status), "{ended:#?}");
    assert_eq!(sorted(&ended.out), sorted(out), "{ended:#?}");
}

/// Fails unless a dry run found nothing to do.
#[track_caller]
pub(crate) fn expect_no_steps(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(
        ended.out.lines().all(|it| it.starts_with('#')),
        "{ended:#?}"
    );
    assert_eq!(ended.err, "");
}

/// Returns the weight of a server, or `None` if it is gone.
pub(crate) fn weight(service: &str, server: &str) -> Result<Option<u32>> {
    let key = ipvset::ipvs::ServiceKey::tcp(service.parse()?);
    let address: SocketAddr = server.parse()?;
    match Ipvs::connect()?.server(key, address) {
        Ok(server) => Ok(Some(server.config.weight)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
