//! Kernel modules that are not loaded automatically, such as `br_netfilter`.

use std::path::Path;

use nix::unistd::Uid;

use crate::error::Result;
use crate::rootless::as_root;
use crate::{sysctl, tool};

/// Loads a module, with the program that the kernel itself uses, because a guest's modules are not where modprobe looks. A module that is built
/// into the kernel counts as loaded.
pub fn load(name: &str) -> Result<()> {
    if is_loaded(name) {
        return Ok(());
    }
    let modprobe = sysctl::read("kernel.modprobe").unwrap_or_else(|_| "modprobe".to_owned());
    let loaded = as_root(&modprobe, ["--", name], "");
    loaded
        .unwrap_or_else(|| tool::tool(&modprobe, ["--", name]))
        .map(drop)
}

/// Whether a module is loaded, or built into the kernel.
pub(crate) fn is_loaded(name: &str) -> bool {
    Path::new("/sys/module")
        .join(name.replace('-', "_"))
        .is_dir()
}

/// Whether this process may load modules: whether it is root, and not only of a user namespace of its own.
pub(crate) fn may_load() -> bool {
    let whole = format!("0 0 {}", u32::MAX);
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    Uid::effective().is_root() && map.split_whitespace().eq(whole.split(' '))
}
