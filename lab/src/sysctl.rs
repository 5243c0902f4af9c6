//! Kernel settings.
//!
//! Settings under `net` belong to a network namespace. Reading and writing act on that of the calling thread, because the kernel uses the
//! namespace of the task that opens the file. So `ns.run(|| sysctl::write(..))` writes in `ns`.

use std::fs;
use std::path::PathBuf;

use crate::error::{Result, failed};

/// Reads a setting, e.g. `net.ipv4.vs.conntrack`, without the newline at its end.
pub fn read(key: &str) -> Result<String> {
    let text = fs::read_to_string(path(key)).map_err(failed("read the sysctl", key))?;
    Ok(text.trim_end().to_owned())
}

/// Writes a setting.
pub fn write(key: &str, value: &str) -> Result<()> {
    fs::write(path(key), value).map_err(failed("write the sysctl", format!("{key}={value}")))
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
