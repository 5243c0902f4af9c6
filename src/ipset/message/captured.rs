//! Reads and writes messages captured from the real tool and the real kernel. They have the byte
//! order of the machine on which they were captured, which is little-endian.

use std::collections::{BTreeSet, HashSet};

use netlink_packet_core::{DecodeError, NetlinkHeader, NetlinkMessage, NetlinkPayload};

use super::{IpsetMessage, ListContent, Reply, Request};
use crate::captured::{self, Run};
use crate::ipset::message::attr::{data, top};
use crate::ipset::message::counters::NOT_GIVEN;
use crate::ipset::{AnyEntry, AnySet, AnyType};
use crate::netlink::flag;
use crate::netlink::message::{HEADER, kind};
use crate::wire::{Attributes, Writer};

/// The runs of `ipset`.
fn runs() -> Vec<Run> {
    captured::runs("ipset", include_str!("captured.txt"))
}

fn deserialize(bytes: &[u8]) -> Result<NetlinkMessage<IpsetMessage>, DecodeError> {
    NetlinkMessage::deserialize(bytes)
}

fn read(bytes: &[u8]) -> NetlinkMessage<IpsetMessage> {
    deserialize(bytes).unwrap()
}

fn write(message: &NetlinkMessage<IpsetMessage>) -> Vec<u8> {
    let mut message = message.clone();
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The sets that were created before a run, so that its entries can be read.
#[derive(Default)]
struct Sets(Vec<AnySet>);

impl Sets {
    fn get(&self, name: &str) -> &AnySet {
        let found = self.0.iter().rev().find(|it| *it.name() == *name);
        found.unwrap_or_else(|| panic!("no set {name}"))
    }

    /// Makes this crate's request for these arguments of the tool. `revision` is the one that the
    /// tool found in the kernel.
    fn request(&mut self, arguments: &str, revision: u8) -> Option<Request> {
        let words: Vec<_> = arguments.split(' ').filter(|it| *it != "-exist").collect();
        let name = |at: usize| words.get(at).map(|name| name.parse().unwrap());
        let entry = || {
            let set = self.get(words[1]);
            (set, set.parse_entry(words[2..].join(" ")).unwrap())
        };
        let request = match words[0] {
            "create" => {
                let set: AnySet = words[1..].join(" ").parse().unwrap();
                self.0.push(set.clone());
                Request::create(&set, revision).unwrap()
            }
            "add" => {
                let (set, entry) = entry();
                Request::add(set, entry).unwrap()
            }
            "del" => {
                let (set, entry) = entry();
                Request::remove(set, entry).unwrap()
            }
            "test" => {
                let (set, entry) = entry();
                Request::test(set, entry).unwrap()
            }
            "destroy" => Request::Destroy {
                set: name(1),
                exclusive: true,
            },
            "flush" => Request::Flush { set: name(1) },
            "rename" => Request::Rename {
                from: name(1).unwrap(),
                to: name(2).unwrap(),
            },
            "swap" => Request::Swap {
                one: name(1).unwrap(),
                other: name(2).unwrap(),
            },
            "list" => Request::List {
                set: words[1..]
                    .iter()
                    .find(|word| !word.starts_with('-') && **word != "save")
                    .map(|name| name.parse().unwrap()),
                content: match words.get(1) {
                    Some(&"-n") => ListContent::Names,
                    Some(&"-t") => ListContent::Headers,
                    _ => ListContent::Entries,
                },
            },
            "save" => Request::Save { set: name(1) },
            "version" => Request::Protocol,
            _ => return None,
        };
        Some(match arguments.contains(" -exist ") {
            true => request.not_exclusive(),
            false => request,
        })
    }
}

/// The bytes are those of the tool, except for the differences that are removed here.
#[test]
fn requests_are_those_of_the_tool() {
    let (mut sets, mut compared) = (Sets::default(), 0);
    for run in runs() {
        let sent = run.sent.last().unwrap();
        let Some(request) = sets.request(run.arguments, revision(sent)) else {
            continue;
        };
        let ours = write(&request.into());
        same(run.arguments, &ours, sent);
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

/// Returns the revision that the tool found in the kernel, if this message creates a set.
fn revision(sent: &[u8]) -> u8 {
    match read(sent).payload {
        NetlinkPayload::InnerMessage(IpsetMessage::Request(Request::Create {
            revision, ..
        })) => revision,
        _ => 0,
    }
}

fn same(arguments: &str, ours: &[u8], theirs: &[u8]) {
    const TYPE: std::ops::Range<usize> = 4..6;
    const FLAGS: std::ops::Range<usize> = 6..8;
    assert_eq!(ours[TYPE], theirs[TYPE], "{arguments}");
    // The kernel ignores NLM_F_CREATE. It sends the ACK of a dump twice if there is no such set.
    // This crate does not set NLM_F_EXCL for flushing, renaming and swapping.
    let mut flags = u16::from_ne_bytes([theirs[6], theirs[7]]) & !0x400;
    if arguments.starts_with(['l', 's']) && !arguments.starts_with("swap") {
        flags &= !flag::ACK;
    }
    if ["flush", "rename", "swap"]
        .iter()
        .any(|it| arguments.starts_with(it))
    {
        flags &= !flag::EXCL;
    }
    assert_eq!(ours[FLAGS], flags.to_ne_bytes(), "{arguments}");

    let attributes = |bytes| Attributes::new(bytes).map(Result::unwrap);
    let (mut our, mut their) = (attributes(&ours[20..]), attributes(&theirs[20..]));
    for (our, their) in our.by_ref().zip(their.by_ref()) {
        assert_eq!(our.kind(), their.kind(), "{arguments}");
        if our.kind() != top::DATA {
            assert_eq!(our.payload(), their.payload(), "{arguments}");
            continue;
        }
        let (our, mut their) = (content(our.payload()), content(their.payload()));
        // A single entry needs no line number.
        if let Some(at) = place(&their, data::LINENO) {
            their.remove(at);
        }
        // Without given counters, a new entry might inherit those of a dead one. If the entry may
        // exist, counters that are not given have the value that means this.
        let counters = |value| {
            [data::BYTES, data::PACKETS].map(|kind| {
                let mut writer = Writer::default();
                writer.u64_net(kind, value);
                writer.bytes().to_vec()
            })
        };
        for added in [counters(0), counters(NOT_GIVEN)] {
            if our.contains(&added[0]) && !their.contains(&added[0]) {
                their.extend(added);
                their.sort();
            }
        }
        // A bitmap's range is written with both ends.
        if arguments == "create bi2 bitmap:ip range 10.0.0.0/8 netmask 24" {
            let at = place(&their, data::CIDR).unwrap();
            their[at] = our[place(&our, data::IP_TO).unwrap()].clone();
            their.sort();
        }
        assert_eq!(our, their, "{arguments}");
    }
    assert!(
        our.next().is_none() && their.next().is_none(),
        "{arguments}"
    );
}

/// Returns the attributes, sorted, since the kernel accepts them in any order.
fn content(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut content = Vec::new();
    let mut walk = Attributes::new(bytes);
    loop {
        let rest = walk.rest();
        if walk.next().transpose().unwrap().is_none() {
            break;
        }
        content.push(rest[..rest.len() - walk.rest().len()].to_vec());
    }
    content.sort();
    content
}

/// Returns the place of the attribute of a kind.
fn place(content: &[Vec<u8>], kind: u16) -> Option<usize> {
    let of_kind = |it: &Vec<u8>| Attributes::new(it).next().unwrap().unwrap().kind() == kind;
    content.iter().position(of_kind)
}

/// Many entries in one request equal those of the tool, which numbers them by the lines of its
/// file. The error names the third one.
#[test]
fn many_entries_are_those_of_the_tool() {
    let run = runs()
        .into_iter()
        .find(|it| it.arguments.starts_with("restore"));
    let run = run.unwrap();
    let set: AnySet = "big hash:ip,port".parse().unwrap();
    let entries = [
        "10.0.0.1,tcp:80",
        "10.0.0.2,tcp:80",
        "10.0.0.1,tcp:80",
        "10.0.0.3,tcp:80",
    ]
    .map(|it| set.parse_entry(it).unwrap());
    let mut requests = Request::add_all(&set, entries.clone());
    let ours = requests.next().unwrap().unwrap();
    assert!(requests.next().is_none());
    let theirs = read(run.sent.last().unwrap()).payload;
    let NetlinkPayload::InnerMessage(IpsetMessage::Request(theirs)) = theirs else {
        panic!("{theirs:?}");
    };
    assert_eq!(lines(&ours), lines(&theirs));
    assert_eq!(text(&theirs, &set), text(&ours, &set));
    assert_eq!(
        text(&ours, &set),
        entries.each_ref().map(AnyEntry::to_string)
    );

    let NetlinkPayload::Error(error) = read(run.received.last().unwrap()).payload else {
        panic!("no error");
    };
    assert_eq!(Request::refused_entry(&error.header), Some(2));
    let error = ours.error(error.raw_code(), Some(&set)).unwrap();
    assert!(error.is_already_exists(), "{error}");
}

/// Returns the attributes of each entry. This crate writes the line number first, the tool last.
fn lines(request: &Request) -> Vec<Vec<Vec<u8>>> {
    let bytes = write(&request.clone().into());
    let many = Attributes::new(&bytes[20..]).map(Result::unwrap);
    let many = many.last().unwrap();
    assert_eq!(many.kind(), top::ADT);
    let entries = many.nested().map(Result::unwrap);
    entries.map(|entry| content(entry.payload())).collect()
}

fn text(request: &Request, set: &AnySet) -> Vec<String> {
    let Request::Add { entries, .. } = request else {
        panic!("{request:?}");
    };
    let entries = entries.read(*set.kind());
    entries.map(|entry| entry.unwrap().to_string()).collect()
}

/// Sets and entries of each type are read as the tool prints them from the same messages.
#[test]
fn listings_are_what_the_tool_makes_of_them() {
    let mut types = BTreeSet::new();
    for run in runs() {
        if !run.arguments.ends_with("-o save") && !run.arguments.starts_with("save") {
            continue;
        }
        let mut lines = Vec::new();
        let mut set = None;
        for bytes in &run.received {
            let NetlinkPayload::InnerMessage(IpsetMessage::Reply(reply)) = read(bytes).payload
            else {
                continue;
            };
            let Reply::Set {
                name,
                info,
                entries,
            } = reply
            else {
                continue;
            };
            if let Some(info) = info {
                types.insert(info.type_name.clone());
                set = info.set;
                // The tool does not print this option.
                lines.push(format!("create {}", set.as_ref().unwrap()).replace(" forceadd", ""));
            }
            for entry in entries.read(*set.as_ref().unwrap().kind()) {
                lines.push(format!("add {name} {}", entry.unwrap()));
            }
        }
        assert_eq!(lines, run.printed, "{}", run.arguments);
    }
    assert_eq!(types.len(), 16, "{types:?}");
}

#[test]
fn what_is_written_reads_back() {
    for run in runs() {
        for bytes in run.sent.iter().chain(&run.received) {
            let message = read(bytes);
            let written = write(&message);
            assert_eq!(read(&written).payload, message.payload, "{}", run.arguments);
        }
    }
}

/// Whatever the kernel sends, reading it returns a value or an error.
#[test]
fn no_prefix_and_no_changed_byte_panics() {
    let (mut sets, mut seen) = (Sets::default(), HashSet::new());
    for run in runs() {
        let name = run.arguments.split(' ').nth(1).unwrap_or_default();
        sets.request(run.arguments, 0);
        let set = sets.0.iter().rev().find(|set| *set.name() == *name);
        let kind = set.map_or("hash:ip,port".parse().unwrap(), |set| *set.kind());
        for bytes in run.sent.iter().chain(&run.received) {
            if !seen.insert(bytes.clone()) {
                continue;
            }
            // netlink-packet-core reads the header.
            for end in HEADER..bytes.len() {
                try_read(&bytes[..end], kind);
            }
            let mut changed = bytes.clone();
            for at in HEADER..bytes.len() {
                let byte = bytes[at];
                let flipped = (0..8).map(|bit| byte ^ (1 << bit));
                for value in flipped.chain([0, 255, byte.wrapping_sub(1), byte.wrapping_add(1)]) {
                    changed[at] = value;
                    try_read(&changed, kind);
                }
                changed[at] = byte;
            }
        }
    }
}

fn try_read(bytes: &[u8], set: AnyType) {
    let mut header = NetlinkHeader::default();
    header.message_type = u16::from_ne_bytes([bytes[4], bytes[5]]);
    header.flags = u16::from_ne_bytes([bytes[6], bytes[7]]);
    if header.message_type == kind::ERROR && bytes.len() > 36 {
        if let Ok(NetlinkPayload::Error(error)) = deserialize(bytes).map(|it| it.payload) {
            let _ = Request::refused_entry(&error.header);
        }
        return;
    }
    if let Ok(
        IpsetMessage::Reply(Reply::Set { entries, .. })
        | IpsetMessage::Request(
            Request::Add { entries, .. }
            | Request::Remove { entries, .. }
            | Request::Test { entry: entries, .. },
        ),
    ) = IpsetMessage::decode(header.message_type, header.flags, &bytes[HEADER..])
    {
        entries.read(set).for_each(drop);
    }
}
