//! The jobs of IPVS over its socket options, which need no root. The floor makes the same system
//! calls, with structures that were encoded beforehand.

use std::os::fd::{AsRawFd, OwnedFd};

use ipvset::ipvs::{ControlInterface, Ipvs};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::Outcome;
use crate::ipvs::{SERVERS, add, operations, read, warm_up};
use crate::job::{Job, contenders};
use crate::measure::{Run, time};
use crate::memory::keep_memory;

pub(crate) const TABLE: &str = "services with 10 servers each, over socket options";

const NETLINK: &str = "ipvset over netlink";

/// The sizes of `struct ip_vs_service_user` and `struct ip_vs_dest_user`, which the kernel reads.
const SERVICE: usize = 44;
const SERVER: usize = 24;
/// The size of the part that identifies a service.
const KEY: usize = 16;
/// The sizes of `struct ip_vs_service_entry` and `struct ip_vs_dest_entry`, which it writes, and of
/// the headers of their lists.
const SERVICE_ENTRY: usize = 104;
const SERVER_ENTRY: usize = 96;
const SERVICES_HEADER: usize = 8;
const SERVERS_HEADER: usize = 24;

pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let job = |name| Job {
        name,
        what: TABLE,
        count: if quick { 100 } else { 1_000 },
        contenders: contenders(&[NETLINK]),
    };
    vec![job("add"), job("read")]
}

pub(crate) fn contend(contender: &str, job: &str, services: u32) -> Outcome<Run> {
    let over = match contender {
        NETLINK => ControlInterface::Netlink,
        _ => ControlInterface::SocketOptions,
    };
    let mut ipvs = Ipvs::connect_over(over)?;
    warm_up(&mut ipvs)?;
    keep_memory();
    for _ in 0..3 {
        drop(operations(services).collect::<Vec<_>>());
    }
    if job == "read" {
        add(&mut ipvs, services)?;
        read(&mut ipvs, services)?;
    }
    let run = match (job, contender) {
        ("add", "floor") => {
            let calls = calls(services);
            let options = open()?;
            time(|| calls.iter().try_for_each(|call| set(&options, call)))
        }
        ("add", _) => time(|| add(&mut ipvs, services)),
        (_, "floor") => {
            let mut lists = Lists::new(services)?;
            time(|| lists.read())
        }
        _ => time(|| read(&mut ipvs, services)),
    }?;
    ipvs.flush()?;
    Ok(run)
}

fn open() -> Outcome<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socket(
        AddressFamily::Inet,
        SockType::Datagram,
        flags,
        None,
    )?)
}

/// An option's number and its structure.
type Call = (libc::c_int, Vec<u8>);

/// Returns the calls that add the services with their servers.
fn calls(services: u32) -> Vec<Call> {
    const IP_VS_SO_SET_ADD: libc::c_int = 1154;
    const IP_VS_SO_SET_ADDDEST: libc::c_int = 1159;
    let of_service = |number| {
        let service = service(number);
        let servers = (0..SERVERS).map(move |it| {
            let bytes = [&service[..], &server(it)].concat();
            (IP_VS_SO_SET_ADDDEST, bytes)
        });
        std::iter::once((IP_VS_SO_SET_ADD, service.to_vec())).chain(servers)
    };
    (0..services).flat_map(of_service).collect()
}

fn service(number: u32) -> [u8; SERVICE] {
    let mut bytes = [0; SERVICE];
    bytes[..KEY].copy_from_slice(&key(number));
    bytes[KEY..KEY + 2].copy_from_slice(b"rr");
    bytes[40..].copy_from_slice(&u32::MAX.to_ne_bytes());
    bytes
}

/// Returns the beginning of the structures, which identifies a service.
fn key(number: u32) -> [u8; KEY] {
    let mut bytes = [0; KEY];
    bytes[..2].copy_from_slice(&(libc::IPPROTO_TCP as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&(0x0a64_0001 + number).to_be_bytes());
    bytes[8..10].copy_from_slice(&8080_u16.to_be_bytes());
    bytes
}

/// Returns a server that is reached by masquerading, with weight 1.
fn server(number: u32) -> [u8; SERVER] {
    let mut bytes = [0; SERVER];
    bytes[..4].copy_from_slice(&(0x0a00_000b + number).to_be_bytes());
    bytes[4..6].copy_from_slice(&8080_u16.to_be_bytes());
    bytes[12..16].copy_from_slice(&1_u32.to_ne_bytes());
    bytes
}

fn set(socket: &OwnedFd, (option, structure): &Call) -> Outcome {
    let length = libc::socklen_t::try_from(structure.len())?;
    // SAFETY: the kernel reads `length` bytes of the structure.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            *option,
            structure.as_ptr().cast(),
            length,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// The lists of the whole table: of the services, and of the servers of each.
struct Lists {
    socket: OwnedFd,
    services: Vec<u8>,
    servers: Vec<Vec<u8>>,
}

impl Lists {
    /// Prepares lists with room for just what there is.
    fn new(services: u32) -> Outcome<Self> {
        let room = SERVICES_HEADER + services as usize * SERVICE_ENTRY;
        let mut list = vec![0; room];
        list[..4].copy_from_slice(&services.to_ne_bytes());
        let of_service = |number| {
            let mut list = vec![0; SERVERS_HEADER + SERVERS as usize * SERVER_ENTRY];
            list[..KEY].copy_from_slice(&key(number));
            list[KEY..KEY + 4].copy_from_slice(&SERVERS.to_ne_bytes());
            list
        };
        Ok(Self {
            socket: open()?,
            services: list,
            servers: (0..services).map(of_service).collect(),
        })
    }

    fn read(&mut self) -> Outcome {
        const IP_VS_SO_GET_SERVICES: libc::c_int = 1154;
        const IP_VS_SO_GET_DESTS: libc::c_int = 1156;
        get(&self.socket, IP_VS_SO_GET_SERVICES, &mut self.services)?;
        for list in &mut self.servers {
            get(&self.socket, IP_VS_SO_GET_DESTS, list)?;
        }
        // An address at the end shows that the list is full.
        let last = &self.services[self.services.len() - SERVICE_ENTRY..];
        if last[4..8] == [0; 4] {
            return Err("the list of services is not full".into());
        }
        Ok(())
    }
}

fn get(socket: &OwnedFd, option: libc::c_int, buffer: &mut [u8]) -> Outcome {
    let mut length = libc::socklen_t::try_from(buffer.len())?;
    // SAFETY: the kernel reads and writes at most `length` bytes of the buffer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            option,
            buffer.as_mut_ptr().cast(),
            &mut length,
        )
    };
    Errno::result(result)?;
    Ok(())
}
