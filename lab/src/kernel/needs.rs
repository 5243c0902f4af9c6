//! Describes what a program needs from a kernel, and checks a kernel for it.

use std::io;

use netlink_packet_core::{Emitable, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlHeader, GenlMessage};
use netlink_sys::{Socket, SocketAddr, protocols};

use crate::{Iptables, link, module};

/// What a program needs from its kernel, for [`super::main`].
#[derive(Clone, Debug)]
pub struct Needs {
    ipvs: bool,
    sets: Vec<String>,
    devices: Vec<String>,
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
            sets: Vec::new(),
            devices: Vec::new(),
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

    pub(crate) fn wants_ipvs(&self) -> bool {
        self.ipvs
    }

    pub(crate) fn mebibytes(&self) -> u32 {
        self.memory
    }

    /// Checks in the calling thread's network namespace that the kernel has everything and this process may use it. The kernel loads its modules for
    /// this, as it would for the program.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.ipvs {
            let mut answer = ipvs();
            if answer.as_ref().is_err_and(is_missing) {
                // Linux 5.10 does not load the module when its family is asked for.
                let _ = module::load("ip_vs");
                answer = ipvs();
            }
            answer.map_err(|error| match error.raw_os_error() {
                Some(nix::libc::ENOENT) => "it has no IPVS".to_owned(),
                Some(nix::libc::EPERM) => "it has IPVS, but this program lacks CAP_NET_ADMIN in the initial user namespace".to_owned(),
                _ => format!("asking it for IPVS: {error}"),
            })?;
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
        if self.rules {
            Iptables::new().map_err(|error| format!("it cannot do firewall rules: {error}"))?;
        }
        Ok(())
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

/// The kernel's error for a set type that it lacks.
const IPSET_ERR_FIND_TYPE: i32 = 4098;

/// Resolves the family and asks for IPVS's version, which the kernel returns only to processes that may configure IPVS.
fn ipvs() -> io::Result<()> {
    const GET_INFO: u8 = 15;
    let socket = connect(protocols::NETLINK_GENERIC)?;
    let mut request = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(GenlMessage::from_payload(GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: vec![GenlCtrlAttrs::FamilyName("IPVS".to_owned())],
        })),
    );
    request.header.flags = netlink_packet_core::NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let reply = exchange(&socket, &bytes)?;
    let reply =
        NetlinkMessage::<GenlMessage<GenlCtrl>>::deserialize(&reply).map_err(io::Error::other)?;
    let NetlinkPayload::InnerMessage(reply) = reply.payload else {
        return Err(io::Error::other("the reply to GETFAMILY is not a family"));
    };
    let family = reply
        .payload
        .nlas
        .iter()
        .find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(id) => Some(*id),
            _ => None,
        });
    let family = family.ok_or_else(|| io::Error::other("the family IPVS has no number"))?;
    let mut header = [0; 4];
    GenlHeader {
        cmd: GET_INFO,
        version: 1,
    }
    .emit(&mut header);
    exchange(&socket, &message(family, &header)).map(drop)
}

/// Asks for a set type's revisions.
fn set_type(name: &str) -> io::Result<()> {
    const NFNL_SUBSYS_IPSET: u16 = 6;
    const IPSET_CMD_TYPE: u16 = 13;
    let socket = connect(protocols::NETLINK_NETFILTER)?;
    // struct nfgenmsg: family IPv4, version 0, resource 0; then protocol 6, the type's name, family IPv4.
    let mut payload = vec![2, 0, 0, 0];
    attribute(&mut payload, 1, &[6]);
    attribute(&mut payload, 3, format!("{name}\0").as_bytes());
    attribute(&mut payload, 5, &[2]);
    exchange(
        &socket,
        &message(NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_TYPE, &payload),
    )
    .map(drop)
}

fn attribute(bytes: &mut Vec<u8>, number: u16, value: &[u8]) {
    bytes.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
    bytes.extend_from_slice(&number.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.length = 16 + payload.len() as u32;
    header.message_type = kind;
    header.flags = netlink_packet_core::NLM_F_REQUEST;
    let mut bytes = vec![0; 16];
    header.emit(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

fn connect(protocol: isize) -> io::Result<Socket> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends a request and returns the reply, or the kernel's errno as an error.
fn exchange(socket: &Socket, request: &[u8]) -> io::Result<Vec<u8>> {
    socket.send(request, 0)?;
    let (reply, _) = socket.recv_from_full()?;
    let kind = reply
        .get(4..6)
        .map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
    let code = reply.get(16..20).map_or(0, crate::kernel::frame::number);
    match kind {
        Some(2) if code != 0 => Err(io::Error::from_raw_os_error(-code)),
        Some(_) => Ok(reply),
        None => Err(io::Error::other("the reply is too short for netlink")),
    }
}
