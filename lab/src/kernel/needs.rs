//! Describes what a program needs from a kernel, and checks a kernel for it.

use std::fs::OpenOptions;
use std::io;

use nix::libc;

use super::probe::{IPSET_ERR_FIND_TYPE, ipvs_over_netlink, ipvs_over_socket_options, set_type};
use crate::{Iptables, link, module, sysctl};

/// What a program needs from its kernel, for [`super::main`].
#[derive(Clone, Debug)]
pub struct Needs {
    ipvs: bool,
    socket_options: bool,
    sets: Vec<String>,
    devices: Vec<String>,
    modules: Vec<String>,
    settings: Vec<String>,
    rules: bool,
    memory: u32,
    guest: bool,
}

impl Needs {
    /// The set types that most kernels have. A program that needs no others can use the running kernel.
    pub const COMMON_SETS: &[&str] = &[
        "bitmap:ip",
        "bitmap:ip,mac",
        "bitmap:port",
        "hash:ip",
        "hash:ip,port",
        "hash:ip,port,ip",
        "hash:ip,port,net",
        "hash:net",
        "hash:net,iface",
        "hash:net,port",
        "list:set",
    ];

    const MEMORY: u32 = 1024;

    /// Needs IPVS over generic netlink: in the kernel, and with the capability CAP_NET_ADMIN in the initial user namespace.
    #[must_use]
    pub fn ipvs() -> Needs {
        Needs {
            ipvs: true,
            socket_options: false,
            sets: Vec::new(),
            devices: Vec::new(),
            modules: Vec::new(),
            settings: Vec::new(),
            rules: false,
            memory: Needs::MEMORY,
            guest: false,
        }
    }

    /// Needs these set types of ipset, e.g. `hash:ip,port,ip`. An ordinary user may use them in a new user and network namespace.
    #[must_use]
    pub fn sets(types: &[&str]) -> Needs {
        Needs {
            ipvs: false,
            ..Needs::ipvs()
        }
        .and_sets(types)
    }

    /// Needs only network namespaces.
    #[must_use]
    pub fn namespaces() -> Needs {
        Needs::sets(&[])
    }

    /// Accepts socket options instead of generic netlink for IPVS. An ordinary user may use them in a new user and network namespace.
    #[must_use]
    pub fn or_socket_options(mut self) -> Needs {
        self.socket_options = true;
        self
    }

    /// Adds set types.
    #[must_use]
    pub fn and_sets(mut self, types: &[&str]) -> Needs {
        self.sets.extend(types.iter().map(ToString::to_string));
        self
    }

    /// Adds devices of these kinds, e.g. `bridge`, `veth`, `dummy`.
    #[must_use]
    pub fn and_devices(mut self, kinds: &[&str]) -> Needs {
        self.devices.extend(kinds.iter().map(ToString::to_string));
        self
    }

    /// Adds modules that the kernel does not load by itself, e.g. `br_netfilter`. Only root can load them.
    #[must_use]
    pub fn and_modules(mut self, names: &[&str]) -> Needs {
        self.modules.extend(names.iter().map(ToString::to_string));
        self
    }

    /// Adds settings that the program writes, e.g. `net.ipv4.vs.conntrack`.
    #[must_use]
    pub fn and_settings(mut self, keys: &[&str]) -> Needs {
        self.settings.extend(keys.iter().map(ToString::to_string));
        self
    }

    /// Adds firewall rules by iptables, with nat.
    #[must_use]
    pub fn and_rules(mut self) -> Needs {
        self.rules = true;
        self
    }

    /// Sets the memory of a guest in MiB, instead of 1024. A guest takes only what it uses from the machine.
    #[must_use]
    pub fn memory(mut self, mebibytes: u32) -> Needs {
        self.memory = mebibytes;
        self
    }

    /// Requires a guest, for programs that change the kernel itself, for example which modules it can load.
    #[must_use]
    pub fn guest(mut self) -> Needs {
        self.guest = true;
        self
    }

    pub(crate) fn wants_guest(&self) -> bool {
        self.guest
    }

    /// Whether only root of the initial user namespace can run the program.
    pub(crate) fn wants_root(&self) -> bool {
        self.ipvs && !self.socket_options
    }

    pub(crate) fn mebibytes(&self) -> u32 {
        self.memory
    }

    /// Checks in the calling thread's network namespace that the kernel has everything and this process may use it. The kernel loads its modules for
    /// this, as it would for the program.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.ipvs {
            self.check_ipvs()?;
            load_schedulers();
        }
        for name in &self.sets {
            set_type(name).map_err(|error| match error.raw_os_error() {
                Some(IPSET_ERR_FIND_TYPE) => format!("it has no sets of type {name}"),
                Some(nix::libc::EINVAL) => "it has no ipset".to_owned(),
                _ => format!("asking it for sets of type {name}: {error}"),
            })?;
        }
        for kind in &self.devices {
            link::probe(kind).map_err(|error| match error.raw_os_error() {
                Some(nix::libc::EOPNOTSUPP) => format!("it has no {kind} devices"),
                _ => error.to_string(),
            })?;
        }
        for name in &self.modules {
            // Root's program loads it itself, when it needs it.
            if !module::is_loaded(name) && !module::may_load() {
                return Err(format!(
                    "the module {name} is not loaded, and only root can load it"
                ));
            }
        }
        for key in &self.settings {
            OpenOptions::new()
                .write(true)
                .open(sysctl::path(key))
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => {
                        format!("it has no setting {key}, or hides it in a user namespace")
                    }
                    _ => format!("the setting {key} cannot be written: {error}"),
                })?;
        }
        if self.rules {
            Iptables::new().map_err(|error| format!("it cannot do firewall rules: {error}"))?;
        }
        Ok(())
    }

    fn check_ipvs(&self) -> Result<(), String> {
        let mut answer = ipvs_over_netlink();
        if answer.as_ref().is_err_and(is_missing) {
            // Linux 5.10 does not load the module when its family is asked for.
            let _ = module::load("ip_vs");
            answer = ipvs_over_netlink();
        }
        if self.socket_options && answer.is_err() {
            answer = ipvs_over_socket_options();
        }
        answer.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOPROTOOPT) => "it has no IPVS".to_owned(),
            Some(libc::EPERM) if self.socket_options => {
                "it has IPVS, but this program lacks CAP_NET_ADMIN".to_owned()
            }
            Some(libc::EPERM) => {
                "it has IPVS, but this program lacks CAP_NET_ADMIN in the initial user namespace"
                    .to_owned()
            }
            _ => format!("asking it for IPVS: {error}"),
        })
    }
}

/// Loads the schedulers whose modules set up something in each network namespace, if the kernel has them.
///
/// The kernel would load them when a service first uses them. If a namespace is removed at that moment, Linux 6.1 deadlocks: the request holds
/// IPVS's mutex and waits for the module, the module waits for the end of the namespace, and that waits for the mutex.
fn load_schedulers() {
    for name in ["ip_vs_lblc", "ip_vs_lblcr"] {
        let _ = module::load(name);
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ENOENT)
}
