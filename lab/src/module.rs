//! Kernel modules that nothing loads by itself, such as `br_netfilter`.

use std::path::Path;

use crate::error::Result;
use crate::{sysctl, tool};

/// Loads a module, by the program that the kernel itself uses: in a guest, the modules are not where modprobe looks. A module that is built into
/// the kernel counts as loaded.
pub fn load(name: &str) -> Result<()> {
    if Path::new("/sys/module")
        .join(name.replace('-', "_"))
        .is_dir()
    {
        return Ok(());
    }
    let modprobe = sysctl::read("kernel.modprobe").unwrap_or_else(|_| "modprobe".to_owned());
    tool::tool(&modprobe, ["--", name]).map(drop)
}
