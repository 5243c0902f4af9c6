//! What holds for any text and any message of ipset.

use super::messages::{IpsetMessage, Reply, Request};
use super::text::{AddressLines, Command, Commands, Line, Reader, Writer, words};
use super::types::AnyType;
use super::{AnyEntry, AnySet};
use crate::fuzzing::check_position;

/// Any file is read or refused in its place, and what was read is printed as it is read.
pub fn ipset_text(bytes: &[u8]) {
    let mut lines = Vec::new();
    for line in Reader::new(bytes) {
        match line {
            // No comment is written for an empty one, which the kernel stores the same way.
            Ok(Line::Add(_, entry)) if entry.options().comment_bytes() == Some(b"") => {}
            Ok(line) => lines.push(line),
            Err(error) => check_position(bytes, &error),
        }
    }
    check_file(&lines);
    for line in Commands::new(bytes) {
        match line {
            Ok(line) => {
                if let Command::Create(set) = line.command {
                    check_set(&set);
                }
            }
            Err(error) => check_position(bytes, &error),
        }
    }
    for line in AddressLines::new(bytes) {
        if let Err(error) = line {
            check_position(bytes, &error);
        }
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(words) = words(line) {
            assert!(words.iter().map(|it| it.len()).sum::<usize>() <= line.len());
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(set) = text.parse::<AnySet>() {
            check_set(&set);
        }
        if let Ok(kind) = text.parse::<AnyType>() {
            assert_eq!(kind.to_string().parse::<AnyType>().unwrap(), kind);
        }
    }
}

fn check_set(set: &AnySet) {
    let printed = set.to_string();
    // The text shows other names in a form that is not read.
    let is_text = std::str::from_utf8(set.name().as_bytes()).is_ok();
    if is_text && Writer::new(Vec::new()).create(set).is_ok() {
        assert_eq!(&printed.parse::<AnySet>().unwrap(), set, "{printed}");
    }
}

/// Writes the lines, as far as they can be written, and reads them back.
fn check_file(lines: &[Line]) {
    let mut writer = Writer::new(Vec::new());
    let written: Vec<&Line> = lines
        .iter()
        .filter(|line| match line {
            Line::Create(set) => writer.create(set).is_ok(),
            Line::Add(name, entry) => writer.add(name, entry).is_ok(),
        })
        .collect();
    let file = writer.into_inner();
    let again: Vec<Line> = Reader::new(&file[..]).map(Result::unwrap).collect();
    assert!(
        again.iter().eq(written),
        "{}",
        String::from_utf8_lossy(&file)
    );
}

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "create a hash:ip,port,ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment skbinfo\n\
         add a 10.0.0.1,tcp:80,10.0.0.2 timeout 5 packets 1 bytes 2 comment \"a b\" skbmark 0x1/0xff skbprio 1:2 skbqueue 3\n",
        "create n hash:net,iface family inet6 netmask 64 bucketsize 12 initval 0x5\nadd n fd00::/64,physdev:eth+ nomatch wildcard\n",
        "create b bitmap:ip,mac range 10.0.0.0/24 netmask 28\nadd b 10.0.0.1,00:11:22:33:44:55\n\
         create p bitmap:port range 0-100\nadd p 5-9\ncreate l list:set size 8\nadd l a before b\n",
        "-N web iphash --hashsize 128\n-A web 10.0.0.1-10.0.0.9\n-! add web 10.0.0.0/30\nswap web new\nCOMMIT\nquit\n",
        "create m hash:ip,mark markmask 0xff bitmask 255.0.255.0 forceadd\nadd m 10.0.0.1,0x5\n\
         create q hash:net,port,net family inet\nadd q 10.0.0.0/8,icmp:echo-request,10.0.0.0/8\nlist q -output xml\n",
    ];
    texts.map(|it| it.as_bytes().to_vec()).to_vec()
}

/// Any bytes are a message or refused, a message is encoded as it is decoded, and so are its
/// entries, whatever the type of their set is.
pub fn ipset_messages(bytes: &[u8]) {
    let Some(([command, flags], payload)) = bytes.split_first_chunk() else {
        return;
    };
    let message_type = 6 << 8 | u16::from(*command);
    let Ok(message) = IpsetMessage::decode(message_type, (*flags).into(), payload) else {
        return;
    };
    let encoded = message.encode().unwrap();
    let again = IpsetMessage::decode(message.message_type(), (*flags).into(), &encoded).unwrap();
    assert_eq!(again.encode().unwrap(), encoded);
    if !is_odd(&message) {
        assert_eq!(again, message);
    }
    let entries = match &message {
        IpsetMessage::Request(
            Request::Add { entries, .. }
            | Request::Remove { entries, .. }
            | Request::Test { entry: entries, .. },
        ) => entries,
        IpsetMessage::Reply(Reply::Set { entries, .. }) => entries,
        _ => return,
    };
    for kind in AnyType::all() {
        let found: Vec<AnyEntry> = entries.read(kind).map_while(Result::ok).collect();
        assert!(found.len() <= bytes.len());
    }
}

/// Returns true if a message may contain what is not encoded, because the kernel would ignore it:
/// flags of a request, or options that the type of a set does not have.
fn is_odd(message: &IpsetMessage) -> bool {
    matches!(
        message,
        IpsetMessage::Request(
            Request::Add { .. } | Request::Remove { .. } | Request::Create { .. }
        ) | IpsetMessage::Reply(Reply::Set { .. } | Reply::Header(_))
    )
}

pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    // The command and the flags of the netlink header; generic flags fit one byte.
    let begin = |message: &[u8]| vec![message[4], message[6]];
    crate::fuzzing::messages("ipset", include_str!("message/captured.txt"), begin, 16)
}
