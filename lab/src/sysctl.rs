//! Kernel settings.
//!
//! Settings under `net` belong to a network namespace. Reading and writing act on that of the calling thread, because the kernel uses the
//! namespace of the task that opens the file. So `ns.run(|| sysctl::write(..))` writes in `ns`.

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result, failed};

/// Reads a setting, e.g. `net.ipv4.vs.conntrack`, without the newline at its end.
pub fn read(key: &str) -> Result<String> {
    let text = fs::read_to_string(path(key)).map_err(failed("read the sysctl", key))?;
    Ok(text.trim_end().to_owned())
}

/// Writes a setting.
pub fn write(key: &str, value: &str) -> Result<()> {
    fs::write(path(key), value).map_err(failed("write the sysctl", format!("{key}={value}")))
}

/// Returns true if the running kernel has this version or a later one.
pub fn kernel_is_at_least(major: u32, minor: u32) -> Result<bool> {
    let release = read("kernel.osrelease")?;
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next().and_then(|it| it.parse().ok());
    match (next(), next()) {
        (Some(its_major), Some(its_minor)) => Ok((its_major, its_minor) >= (major, minor)),
        _ => Err(Error::Other(format!(
            "`{release}` is not a version of Linux"
        ))),
    }
}

/// Returns a setting's file, as sysctl(8) finds it. Dots separate the parts. If a device's name contains dots, slashes separate all parts
/// (`net/ipv4/conf/eth0.1/arp_ignore`).
pub(crate) fn path(key: &str) -> PathBuf {
    let key = if key.contains('/') {
        key.to_owned()
    } else {
        key.replace('.', "/")
    };
    PathBuf::from("/proc/sys").join(key)
}
