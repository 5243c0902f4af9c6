//! Times writing requests without a kernel: by the crate, by a copy of the same bytes, and by trees
//! of attributes.

mod attributes;
mod contenders;
mod entries;
mod requests;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ipvset::ipset::IpSet;
use ipvset::ipset::messages::{IpsetMessage, Request};
use ipvset::ipset::types::{HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface};
use ipvset::ipvs::messages::IpvsMessage;
use netlink_packet_core::{Emitable, NetlinkSerializable};

use attributes::{NET, Tree, leaf, nest};
use entries::Shape;

/// The attribute with the number of an entry.
const LINE: u16 = 9;

/// A full message has more entries than this.
const COUNT: u32 = 1_000;

/// Encodes one request of IPVS.
fn operation<const N: usize>(
    criterion: &mut Criterion,
    what: &str,
    message: &IpvsMessage,
    trees: impl Fn() -> [Tree; N],
) {
    let length = message.buffer_len();
    let mut bytes = vec![0; length];
    message.emit(&mut bytes);
    assert_eq!(bytes, emitted(&trees()), "{what}");
    let mut group = contenders::group(criterion, format!("encode/{what}"), 1, length);
    let mut buffer = bytes.clone();
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            let message = black_box(message);
            let length = message.buffer_len();
            message.emit(&mut buffer[..length]);
        });
    });
    beside(&mut group, &bytes, || emitted(&trees()));
    group.finish();
}

/// Encodes one entry, and a full message of entries.
fn of_set<T: Shape>(criterion: &mut Criterion) {
    one_entry::<T>(criterion);
    let set = IpSet::<T>::new("bench").unwrap();
    let entry = T::entries();
    let tree = |number: u32| {
        let mut attributes = vec![leaf(LINE | NET, (number + 1).to_be_bytes())];
        attributes.extend(T::tree(number));
        nest(7, attributes)
    };
    // All messages are written to the same buffer, one after the other.
    let mut messages = set.add_messages((0..).map(entry));
    let bytes = messages.next_message().unwrap().unwrap().to_vec();
    let length = [tree(0)].as_slice().buffer_len();
    let count = bytes.len() / length;
    assert!(count >= COUNT as usize);

    let name = format!("encode/bulk of {}", set.type_name());
    let mut group = contenders::group(criterion, name, count, bytes.len());
    // The numbers of the entries do not matter. There are 4 billion, which is enough for a
    // benchmark.
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            black_box(messages.next_message().unwrap().unwrap());
        });
    });
    let mut copy = vec![0; bytes.len()];
    group.bench_function("copy, entry by entry", |bencher| {
        let length = black_box(length);
        bencher.iter(|| {
            let to = black_box(&mut copy[..]).chunks_exact_mut(length);
            for (to, from) in to.zip(black_box(&bytes).chunks_exact(length)) {
                to.copy_from_slice(from);
            }
        });
    });
    let trees = || [nest(8, (0..count as u32).map(tree).collect())];
    beside(&mut group, &bytes, || emitted(&trees()));
    group.finish();
}

fn one_entry<T: Shape>(criterion: &mut Criterion) {
    let set = IpSet::<T>::new("bench").unwrap();
    let entry = T::entries();
    let request = || IpsetMessage::from(Request::add(&set, entry(black_box(7))).unwrap());
    let length = request().buffer_len();
    let mut bytes = vec![0; length];
    request().serialize(&mut bytes);
    let trees = || {
        let entry = nest(7, T::tree(black_box(7)));
        [leaf(1, [7]), leaf(2, b"bench\0"), entry]
    };
    // After the fixed header of nfnetlink.
    assert_eq!(bytes[4..], emitted(&trees()), "{}", set.type_name());

    let name = format!("encode/one entry of {}", set.type_name());
    let mut group = contenders::group(criterion, name, 1, length);
    let mut buffer = bytes.clone();
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            let request = request();
            let length = request.buffer_len();
            request.serialize(&mut buffer[..length]);
        });
    });
    beside(&mut group, &bytes, || emitted(&trees()));
    group.finish();
}

/// Adds the other contenders: a copy, and trees of attributes.
fn beside(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8], trees: impl Fn() -> Vec<u8>) {
    contenders::copy(group, bytes);
    group.bench_function("attribute trees", |bencher| {
        bencher.iter(|| black_box(trees()));
    });
}

fn emitted(trees: &[Tree]) -> Vec<u8> {
    let mut bytes = vec![0; trees.buffer_len()];
    trees.emit(&mut bytes);
    bytes
}

fn all(criterion: &mut Criterion) {
    operation(
        criterion,
        "one service",
        &requests::add_service(),
        requests::service_trees,
    );
    operation(
        criterion,
        "one server",
        &requests::add_server(),
        requests::server_trees,
    );
    of_set::<HashIp>(criterion);
    of_set::<HashIpPort>(criterion);
    of_set::<HashIpPortIp>(criterion);
    of_set::<HashNet>(criterion);
    of_set::<HashNetIface>(criterion);
}

criterion_group!(name = benches; config = contenders::times(); targets = all);
criterion_main!(benches);
