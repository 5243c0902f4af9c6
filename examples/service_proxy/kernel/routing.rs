//! A socket of the kernel's routing subsystem, which has devices and addresses.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

#[derive(Debug)]
pub struct Routing {
    socket: Socket,
    buffer: Vec<u8>,
}

/// How many requests are sent together. If all of them fail, the answers still fit into the
/// socket.
const TOGETHER: usize = 128;
/// The largest datagram that the kernel sends.
const DATAGRAM: usize = 32 << 10;

impl Routing {
    pub fn connect() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(DATAGRAM),
        })
    }

    /// Sends a request, and gives the objects that it asks for to the function.
    pub fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        mut object: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes, message, flags | NLM_F_ACK, 0);
        self.socket.send(&bytes, 0)?;
        loop {
            let mut ended = None;
            self.receive(|_, payload| match payload {
                NetlinkPayload::InnerMessage(it) => object(it),
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    ended = Some(Err(error.to_io()));
                }
                NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => ended = Some(Ok(())),
                _ => {}
            })?;
            if let Some(outcome) = ended {
                return outcome;
            }
        }
    }

    /// Sends a request for each thing, in few datagrams. Returns the things whose request failed,
    /// with the reason.
    pub fn request_all<T: Copy>(
        &mut self,
        things: &[T],
        flags: u16,
        message: impl Fn(T) -> RouteNetlinkMessage,
    ) -> io::Result<Vec<(T, io::Error)>> {
        let mut failures = Vec::new();
        let mut bytes = Vec::new();
        for things in things.chunks(TOGETHER) {
            bytes.clear();
            let last = things.len() - 1;
            for (place, thing) in things.iter().enumerate() {
                // A request that fails is answered in any case. The answer to the last one comes
                // after those.
                let ack = if place == last { NLM_F_ACK } else { 0 };
                write(&mut bytes, message(*thing), flags | ack, place as u32);
            }
            self.socket.send(&bytes, 0)?;
            let mut has_ended = false;
            while !has_ended {
                self.receive(|place, payload| {
                    let place = place as usize;
                    if let NetlinkPayload::Error(error) = payload {
                        has_ended |= place == last;
                        if error.code.is_some() {
                            failures.push((things[place], error.to_io()));
                        }
                    }
                })?;
            }
        }
        Ok(failures)
    }

    /// Receives a datagram. The function gets the sequence number and the payload of each message.
    fn receive(
        &mut self,
        mut message: impl FnMut(u32, NetlinkPayload<RouteNetlinkMessage>),
    ) -> io::Result<()> {
        self.buffer.clear();
        self.socket.recv(&mut self.buffer, 0)?;
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let next = NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
            let length = next.header.length as usize;
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            message(next.header.sequence_number, next.payload);
        }
        Ok(())
    }
}

/// Appends a request.
fn write(bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let begin = bytes.len();
    bytes.resize(begin + message.buffer_len(), 0);
    message.serialize(&mut bytes[begin..]);
}
