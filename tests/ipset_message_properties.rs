//! Messages with any set and entry are read back unchanged, typed and untyped. Reading any bytes
//! does not panic.

#[path = "ipset/arbitrary.rs"]
mod arbitrary;

use arbitrary::{entry, network, port, set, v4};
use ipvset::Family;
use ipvset::ipset::messages::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use proptest::collection::vec;
use proptest::prelude::*;

/// Encodes a request as the kernel receives it.
fn bytes(request: Request) -> Vec<u8> {
    let message = NetlinkMessage::<IpsetMessage>::from(request);
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn read(bytes: &[u8]) -> Request {
    match NetlinkMessage::deserialize(bytes).map(|message| message.payload) {
        Ok(NetlinkPayload::InnerMessage(IpsetMessage::Request(request))) => request,
        other => panic!("{other:?}"),
    }
}

fn entries(request: Request) -> EncodedEntries {
    match request {
        Request::Add { entries, .. }
        | Request::Remove { entries, .. }
        | Request::Test { entry: entries, .. } => entries,
        other => panic!("{other:?}"),
    }
}

/// Checks that typed entries produce the same message and the same text as untyped ones.
fn same_typed<T: SetType + Default>(set: &AnySet, untyped: &AnyEntry) {
    let Some(set) = set.typed::<T>() else { return };
    let sent = bytes(Request::add(&set.untype(), untyped.clone()).unwrap());
    let found = entries(read(&sent));
    let mut read = found.read(T::default()).map(Result::unwrap);
    let typed = read.next().unwrap();
    assert!(read.next().is_none());
    assert_eq!(bytes(Request::add(&set, typed.clone()).unwrap()), sent);
    assert_eq!(typed.to_string(), given(&set.untype(), untyped).to_string());
    let all = Request::add_all(&set, vec![typed; 2])
        .next()
        .unwrap()
        .unwrap();
    // The entries were sent with counters.
    let untyped = vec![given(&set.untype(), untyped); 2];
    let all_untyped = Request::add_all(&set.untype(), untyped)
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(bytes(all), bytes(all_untyped));
}

/// Returns an entry as it is sent: with counters, if the set has them.
fn given(set: &AnySet, entry: &AnyEntry) -> AnyEntry {
    let mut entry = entry.clone();
    if set.options().counters {
        entry.options_mut().packets.get_or_insert(0);
        entry.options_mut().bytes.get_or_insert(0);
    }
    entry
}

/// Returns an entry as it is removed or tested.
fn bare(entry: &AnyEntry) -> AnyEntry {
    let mut bare = AnyEntry::from(entry.value().clone());
    bare.options_mut().nomatch = entry.options().nomatch;
    bare
}

fn one(request: Request, set: &AnySet) -> AnyEntry {
    let entries = entries(read(&bytes(request)));
    let mut entries = entries.read(kind(set)).map(Result::unwrap);
    let entry = entries.next().unwrap();
    assert!(entries.next().is_none());
    entry
}

fn kind(set: &AnySet) -> AnyType {
    set.type_name().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, ..Default::default() })]

    #[test]
    fn a_set_is_read_as_it_was_created(set in set(), revision in 0..9u8) {
        let request = Request::create(&set, revision)?;
        prop_assert_eq!(read(&bytes(request.clone())), request);
    }

    #[test]
    fn an_entry_is_read_as_it_was_written((set, entry) in set().prop_flat_map(entry)) {
        prop_assert_eq!(one(Request::add(&set, entry.clone())?, &set), given(&set, &entry));
        prop_assert_eq!(one(Request::remove(&set, entry.clone())?, &set), bare(&entry));
        if let Ok(test) = Request::test(&set, entry.clone()) {
            prop_assert_eq!(one(test, &set), bare(&entry));
        }
    }

    #[test]
    fn typed_and_untyped_messages_are_equal((set, entry) in set().prop_flat_map(entry)) {
        same_typed::<BitmapIp>(&set, &entry);
        same_typed::<BitmapIpMac>(&set, &entry);
        same_typed::<BitmapPort>(&set, &entry);
        same_typed::<HashIp>(&set, &entry);
        same_typed::<HashIpMac>(&set, &entry);
        same_typed::<HashIpMark>(&set, &entry);
        same_typed::<HashIpPort>(&set, &entry);
        same_typed::<HashIpPortIp>(&set, &entry);
        same_typed::<HashIpPortNet>(&set, &entry);
        same_typed::<HashMac>(&set, &entry);
        same_typed::<HashNet>(&set, &entry);
        same_typed::<HashNetIface>(&set, &entry);
        same_typed::<HashNetNet>(&set, &entry);
        same_typed::<HashNetPort>(&set, &entry);
        same_typed::<HashNetPortNet>(&set, &entry);
        same_typed::<ListSet>(&set, &entry);
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(
        command in 0..20u8, flags in any::<u16>(), payload in vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![0; 16];
        bytes[..4].copy_from_slice(&(16 + payload.len() as u32).to_ne_bytes());
        bytes[4..6].copy_from_slice(&(6 << 8 | u16::from(command)).to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend(payload);
        if let Ok(message) = NetlinkMessage::<IpsetMessage>::deserialize(&bytes) {
            let mut again = vec![0; message.buffer_len() + 1024];
            message.serialize(&mut again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..Default::default() })]

    /// A thousand entries fill a few messages. All except the last are full.
    #[test]
    fn many_are_read_as_they_were_written(
        all in vec((v4(), port(), network(Family::Ipv4)), 0..2500),
    ) {
        let set = IpSet::<HashIpPortNet>::new("many")?;
        let all = all.into_iter().map(Entry::<HashIpPortNet>::from);
        let all: Vec<_> = all.filter(|entry| set.validate_entry(entry.clone()).is_ok()).collect();
        let mut found = Vec::new();
        for request in Request::add_all(&set, all.clone()) {
            for entry in entries(read(&bytes(request?))).read(HashIpPortNet) {
                found.push(entry?);
            }
        }
        prop_assert_eq!(found, all);
    }
}
