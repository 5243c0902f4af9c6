//! What holds for any replies to any requests.

use std::cell::RefCell;
use std::rc::Rc;

use super::connection::{Connection, DumpStep, ready};
use super::message::{Frame, flag, kind};
use super::scripted::{Reply, Request, Scripted};
use super::{Failure, Transport};

const COMMAND: u16 = 20;
const LIST: u16 = 21;
/// The most requests in a packet.
const MOST: u8 = 12;

/// Bytes that decide what happens next. Zeros follow the last one.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn next(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// What the kernel did with the last datagram, by its requests.
#[derive(Default)]
struct Truth {
    codes: Vec<i32>,
    /// The lengths of the messages of a dump, and how it ended.
    dumped: Vec<usize>,
    interrupted: bool,
    /// True if a reply got lost, or bytes came that are no reply.
    doubt: bool,
}

/// A kernel sends any bytes: nothing panics or goes on forever. A kernel carries out requests,
/// loses replies, and sends those to others: nothing is claimed that is not so.
pub fn datagrams(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    match choices.next() % 4 {
        0 => any_bytes(choices),
        _ => honest_kernel(choices),
    }
}

fn any_bytes(choices: Choices<'_>) {
    let operations = choices.0.to_vec();
    let choices = RefCell::new(choices);
    let mut connection = Connection::new(Scripted::new(|request| {
        let mut choices = choices.borrow_mut();
        let count = choices.next() % 4;
        (0..count)
            .map(|_| any_reply(request, &mut choices))
            .collect()
    }));
    for operation in operations.iter().take(6) {
        match operation % 4 {
            0 => drop(ready(connection.command(COMMAND, 0, |_| {}))),
            1 => drop(ready(connection.query(COMMAND, 0, |_| {})).map(<[u8]>::len)),
            2 => drop(list(&mut connection, usize::from(operation / 4))),
            _ => drop(packet(&mut connection, operation / 4 % MOST)),
        }
    }
}

fn any_reply(request: &Request<'_>, choices: &mut Choices<'_>) -> Reply {
    let length = usize::from(choices.next());
    match choices.next() % 8 {
        0 => Reply::Lost,
        1 => Reply::CutOff(choices.take(length).to_vec()),
        2 => Reply::Foreign(choices.take(length).to_vec()),
        3 => Reply::Datagram(choices.take(length).to_vec()),
        4 => request.error(i32::from(choices.next())),
        5 => request.done(),
        6 => {
            let flags = u16::from(choices.next()) << 4;
            request.data(flags, choices.take(length))
        }
        _ => {
            // A refusal with an extended ACK of any bytes.
            let Reply::Datagram(mut bytes) = request.error(1 + i32::from(choices.next())) else {
                return Reply::Lost;
            };
            bytes.extend(choices.take(length));
            let whole = u32::try_from(bytes.len()).unwrap_or_default();
            bytes[..4].copy_from_slice(&whole.to_ne_bytes());
            bytes[6..8].copy_from_slice(&(flag::ACK_TLVS | flag::CAPPED).to_ne_bytes());
            Reply::Datagram(bytes)
        }
    }
}

fn honest_kernel(choices: Choices<'_>) {
    let operations = choices.0.to_vec();
    let truth = Rc::new(RefCell::new(Truth::default()));
    let (known, mut choices) = (Rc::clone(&truth), choices);
    let mut connection = Connection::new(Scripted::new(move |request: &Request<'_>| {
        let (replies, truth) = carry_out(request, &mut choices);
        // What makes the kernel go on with a dump says nothing of the last request.
        if request.header.sequence != 0 {
            *known.borrow_mut() = truth;
        }
        replies
    }));
    for operation in operations.iter().rev().take(8) {
        let claimed = match operation % 3 {
            0 => Claimed::Command(ready(connection.command(COMMAND, 0, |_| {}))),
            1 => list(&mut connection, usize::from(operation / 3)),
            _ => packet(&mut connection, 1 + operation / 3 % MOST),
        };
        claimed.check(&truth.borrow());
    }
}

/// Carries out the requests of a datagram, and returns the replies.
fn carry_out(request: &Request<'_>, choices: &mut Choices<'_>) -> (Vec<Reply>, Truth) {
    let (mut replies, mut truth) = (Vec::new(), Truth::default());
    let mut at = 0;
    while let Ok((frame, next)) = Frame::read(request.bytes, at, false) {
        at = next;
        let one = request.numbered(frame.header.sequence);
        noise(&one, choices, &mut replies, &mut truth);
        match frame.header.kind {
            LIST => {
                for _ in 0..choices.next() % 4 {
                    let length = usize::from(choices.next()) / 8 * 4;
                    truth.dumped.push(length);
                    let interrupted = choices.next() % 8 == 7;
                    truth.interrupted |= interrupted;
                    let flags = if interrupted { flag::DUMP_INTR } else { 0 };
                    replies.push(one.data(flags, &vec![7; length]));
                }
                replies.push(one.done());
            }
            _ => {
                let choice = choices.next();
                let code = if choice % 4 == 3 {
                    i32::from(choice)
                } else {
                    0
                };
                let wants_ack = frame.header.flags & flag::ACK != 0;
                let code = if frame.header.kind == kind::NOOP {
                    0
                } else {
                    code
                };
                if code != 0 || wants_ack {
                    replies.push(one.error(code));
                }
                if frame.header.kind != kind::NOOP {
                    truth.codes.push(code);
                }
            }
        }
        if at >= request.bytes.len() {
            break;
        }
    }
    (replies, truth)
}

/// What may come between the replies.
fn noise(
    one: &Request<'_>,
    choices: &mut Choices<'_>,
    replies: &mut Vec<Reply>,
    truth: &mut Truth,
) {
    let choice = choices.next();
    // Replies to requests that nobody waits for any more.
    let stale = one.numbered(
        one.header
            .sequence
            .wrapping_sub(u32::from(choice))
            .wrapping_sub(40),
    );
    match choice % 16 {
        1 => replies.push(stale.error(i32::from(choice))),
        2 => replies.push(stale.data(0, &[1; 300])),
        3 => replies.push(stale.done()),
        4 => replies.push(one.of_kind(kind::NOOP)),
        5 => {
            if let Reply::Datagram(forged) = one.error(99) {
                replies.push(Reply::Foreign(forged));
            }
        }
        6 => {
            truth.doubt = true;
            replies.push(Reply::Lost);
        }
        7 => {
            truth.doubt = true;
            replies.push(one.of_kind(kind::OVERRUN));
        }
        8 => {
            truth.doubt = true;
            replies.push(Reply::Datagram(vec![choice; 17]));
        }
        _ => {}
    }
}

/// What a connection says that became of requests.
enum Claimed {
    Command(Result<(), Failure>),
    Dump(Vec<usize>, Option<Result<(), Failure>>),
    Packet(Result<super::Outcome, Failure>),
}

impl Claimed {
    fn check(self, truth: &Truth) {
        match self {
            Self::Command(Ok(())) => assert_eq!(truth.codes, [0]),
            Self::Command(Err(Failure::Rejected(rejection))) => {
                assert_eq!(truth.codes, [rejection.code]);
            }
            Self::Command(Err(_)) => assert!(truth.doubt, "a command has its answer"),
            Self::Dump(lengths, None) => assert!(truth.dumped.starts_with(&lengths)),
            Self::Dump(lengths, Some(Ok(()))) => {
                assert_eq!(lengths, truth.dumped);
                assert!(!truth.interrupted);
            }
            Self::Dump(lengths, Some(Err(Failure::Interrupted))) => {
                assert!(truth.interrupted && lengths == truth.dumped);
            }
            Self::Dump(_, Some(Err(_))) => assert!(truth.doubt, "a dump has its end"),
            Self::Packet(outcome) => {
                let outcome = outcome.unwrap();
                for (index, rejection) in &outcome.failures {
                    assert_eq!(truth.codes[*index as usize], rejection.code);
                }
                assert!(truth.doubt || !outcome.is_replies_lost);
                if !outcome.is_replies_lost {
                    let refused = truth.codes.iter().filter(|it| **it != 0).count();
                    assert_eq!(outcome.failures.len(), refused);
                }
            }
        }
    }
}

/// Reads at most `most` messages of a dump. The outcome is `None` if it was left before its end.
fn list<T: Transport>(connection: &mut Connection<T>, most: usize) -> Claimed {
    let mut lengths = Vec::new();
    if let Err(failure) = ready(connection.dump(LIST, |_| {})) {
        return Claimed::Dump(lengths, Some(Err(failure)));
    }
    for _ in 0..most {
        match ready(connection.dump_next()) {
            Ok(DumpStep::Data(payload)) => lengths.push(connection.payload(payload).len()),
            Ok(DumpStep::End) => return Claimed::Dump(lengths, Some(Ok(()))),
            Err(failure) => return Claimed::Dump(lengths, Some(Err(failure))),
        }
    }
    connection.leave_dump();
    Claimed::Dump(lengths, None)
}

fn packet<T: Transport>(connection: &mut Connection<T>, count: u8) -> Claimed {
    let mut packet = connection.packet();
    for _ in 0..count {
        assert!(connection.push(&mut packet, COMMAND, |_| {}).unwrap());
    }
    let outcome = ready(connection.send_packet(&mut packet));
    connection.keep(packet);
    Claimed::Packet(outcome)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let steps = (1..=15u8).step_by(2);
    let mut seeds: Vec<Vec<u8>> = steps
        .map(|step| (0..200u8).map(|n| n.wrapping_mul(step)).collect())
        .collect();
    seeds.extend([vec![0; 50], vec![1; 50]]);
    seeds
}
