//! Kernel settings.
//!
//! Those under `net` belong to a network namespace: reading and writing act on the calling thread's, since the kernel asks for the namespace of
//! the task that opens the file. So `ns.run(|| sysctl::write(..))` writes in `ns`.

use std::fs;
use std::path::PathBuf;

use crate::error::{Result, failed};

/// Reads a setting, e.g. `net.ipv4.vs.conntrack`, without the line's end.
pub fn read(key: &str) -> Result<String> {
    let text = fs::read_to_string(path(key)).map_err(failed("read the sysctl", key))?;
    Ok(text.trim_end().to_owned())
}

/// Writes a setting.
pub fn write(key: &str, value: &str) -> Result<()> {
    fs::write(path(key), value).map_err(failed("write the sysctl", format!("{key}={value}")))
}

/// As sysctl(8) does: dots separate, and a device whose name has dots in it is written with slashes throughout (`net/ipv4/conf/eth0.1/arp_ignore`).
fn path(key: &str) -> PathBuf {
    let key = if key.contains('/') {
        key.to_owned()
    } else {
        key.replace('.', "/")
    };
    PathBuf::from("/proc/sys").join(key)
}
