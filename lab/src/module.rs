//! Kernel modules that are not loaded automatically, such as `br_netfilter`.

use std::path::Path;

use crate::error::Result;
use crate::rootless::as_root;
use crate::{sysctl, tool};

/// Loads a module, with the program that the kernel itself uses, because a guest's modules are not where modprobe looks. A module that is built
/// into the kernel counts as loaded.
pub fn load(name: &str) -> Result<()> {
    if Path::new("/sys/module")
        .join(name.replace('-', "_"))
        .is_dir()
    {
        return Ok(());
    }
    let modprobe = sysctl::read("kernel.modprobe").unwrap_or_else(|_| "modprobe".to_owned());
    let loaded = as_root(&modprobe, ["--", name], "");
    loaded
        .unwrap_or_else(|| tool::tool(&modprobe, ["--", name]))
        .map(drop)
}
