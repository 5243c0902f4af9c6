//! Asks a kernel whether it has IPVS and set types, without the crate that is tested.

use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{Emitable, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlHeader, GenlMessage};
use netlink_sys::{Socket, SocketAddr, protocols};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType};

/// The kernel's error for a set type that it lacks.
pub(super) const IPSET_ERR_FIND_TYPE: i32 = 4098;

/// Resolves the family and asks for IPVS's version, which the kernel returns only to processes that may configure IPVS.
pub(super) fn ipvs_over_netlink() -> io::Result<()> {
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

/// Asks for IPVS's version with a socket option. The kernel answers only the root of the user namespace that owns the network namespace.
pub(super) fn ipvs_over_socket_options() -> io::Result<()> {
    const IP_VS_SO_GET_VERSION: libc::c_int = 1152;
    let socket = nix::sys::socket::socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Raw,
    )?;
    let mut version = [0_u8; 64];
    let mut length = version.len() as libc::socklen_t;
    // SAFETY: `version` is memory of `length` bytes, of which the kernel writes at most `length`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            IP_VS_SO_GET_VERSION,
            version.as_mut_ptr().cast(),
            &mut length,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Asks for a set type's revisions.
pub(super) fn set_type(name: &str) -> io::Result<()> {
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
