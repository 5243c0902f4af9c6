//! Installs what tests and examples need.

use std::path::Path;

use crate::shell::{self, Outcome, is_installed};

/// The package of User Mode Linux.
const GUEST: &str = "user-mode-linux";

/// A Debian package, and a check whether it is installed.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
}

const PACKAGES: [Package; 6] = [
    Package {
        name: GUEST,
        is_there: || {
            // If the variable names another kernel, the lab reports whether it is usable.
            std::env::var_os("IPVSET_UML").is_some()
                || is_installed("linux.uml") && Path::new("/usr/lib/uml/modules").is_dir()
        },
    },
    Package {
        name: "kmod",
        is_there: || is_installed("modprobe"),
    },
    Package {
        name: "iptables",
        is_there: || is_installed("iptables-legacy") || is_installed("iptables"),
    },
    Package {
        name: "ipvsadm",
        is_there: || is_installed("ipvsadm"),
    },
    Package {
        name: "ipset",
        is_there: || is_installed("ipset"),
    },
    Package {
        name: "iproute2",
        is_there: || is_installed("ip"),
    },
];

/// Installs packages as root. For other users, fails with the command to run.
pub(crate) fn install(missing: &[&str]) -> Outcome {
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(missing);
    let by_hand = format!("apt-get update && apt-get {}", arguments.join(" "));
    if !is_installed("apt-get") {
        return Err(format!(
            "these Debian packages, or their equivalents, are missing: {}",
            missing.join(", ")
        ));
    }
    if !is_root()? {
        return Err(format!(
            "{} missing; root can install it:\n\n    sudo sh -c '{by_hand}'\n",
            missing.join(", ")
        ));
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    shell::run("apt-get", "apt-get", &["update"], &quiet)?;
    shell::run("apt-get", "apt-get", &arguments, &quiet)
}

/// Installs everything that is missing.
pub(crate) fn run() -> Outcome {
    let mut missing = missing();
    if missing.contains(&GUEST) && is_ubuntu() {
        eprintln!(
            "Ubuntu has no package {GUEST}: tests and examples use the running kernel, and those that need a guest fail"
        );
        missing.retain(|name| *name != GUEST);
    }
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)?;
    match self::missing() {
        still if still.iter().all(|name| !missing.contains(name)) => Ok(()),
        still => Err(format!(
            "still missing after the installation: {}",
            still.join(", ")
        )),
    }
}

fn missing() -> Vec<&'static str> {
    let missing = PACKAGES.iter().filter(|package| !(package.is_there)());
    missing.map(|package| package.name).collect()
}

/// Whether this is Ubuntu or made from it. It has no package of User Mode Linux.
fn is_ubuntu() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let mut lines = release.lines().filter_map(|line| line.split_once('='));
    lines.any(|(key, value)| matches!(key, "ID" | "ID_LIKE") && value.contains("ubuntu"))
}

fn is_root() -> Result<bool, String> {
    use std::os::unix::fs::MetadataExt;
    let process = std::fs::metadata("/proc/self");
    process
        .map(|process| process.uid() == 0)
        .map_err(|error| format!("/proc/self: {error}"))
}
