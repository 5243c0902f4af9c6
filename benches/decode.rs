//! Times reading dumps without a kernel: by the crate, by a walk over the headers of the
//! attributes, by a copy of the same bytes, and by trees of attributes.

mod attributes;
mod contenders;
mod entries;
mod reports;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ipvset::ipset::IpSet;
use ipvset::ipset::types::{HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface};
use netlink_packet_core::{Emitable, NlaBuffer, NlasIterator};

use attributes::{Tree, leaf, nest};
use entries::Shape;
use reports::Reported;

/// The number of entries in a message: about as many as the kernel puts into a datagram of 32 KiB.
const ENTRIES: u32 = 700;
/// The number of services or servers in a datagram, each in its own message.
const REPORTS: usize = 90;

/// A datagram of a dump of IPVS.
fn dump(criterion: &mut Criterion, what: &str, reported: &Reported) {
    let reports = vec![reported; REPORTS];
    let bytes = reported.attributes.repeat(REPORTS);
    let mut group = contenders::group(criterion, format!("decode/{what}"), REPORTS, bytes.len());
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            for report in black_box(&reports) {
                black_box(report.read());
            }
        });
    });
    beside(&mut group, &bytes);
    group.finish();
}

/// A message of a listing of ipset.
fn listing_of<T: Shape>(criterion: &mut Criterion) {
    let set = IpSet::<T>::new("bench").unwrap();
    let payload = listing::<T>();
    let entries = set.listed(&payload).unwrap().map(Result::unwrap);
    assert!(entries.eq((0..ENTRIES).map(T::entries())));

    let name = format!("decode/{}", set.type_name());
    let mut group = contenders::group(criterion, name, ENTRIES as usize, payload.len());
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            for entry in set.listed(black_box(&payload)).unwrap() {
                black_box(entry.unwrap().value());
            }
        });
    });
    // After the fixed header of nfnetlink.
    beside(&mut group, &payload[4..]);
    group.finish();
}

/// Adds the other contenders, for the attributes in `bytes`.
fn beside(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8]) {
    group.bench_function("walk over headers", |bencher| {
        bencher.iter(|| black_box(walk(black_box(bytes))));
    });
    contenders::copy(group, bytes);
    group.bench_function("attribute trees", |bencher| {
        bencher.iter(|| black_box(parse(black_box(bytes))));
    });
}

/// Returns a message of a listing, without its netlink header.
fn listing<T: Shape>() -> Vec<u8> {
    let entries = (0..ENTRIES)
        .map(|number| nest(7, T::tree(number)))
        .collect();
    let attributes = [leaf(1, [7]), leaf(2, b"bench\0"), nest(8, entries)];
    let mut payload = vec![0; 4 + attributes.as_slice().buffer_len()];
    attributes.as_slice().emit(&mut payload[4..]);
    payload
}

/// Reads only the length and type of each attribute, including nested ones.
fn walk(mut bytes: &[u8]) -> u32 {
    let mut sum = 0;
    while let Some(header) = bytes.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        sum += u32::from(kind);
        // Steps into a nest, or over a value.
        let step = match kind & attributes::NESTED {
            0 => length.next_multiple_of(4),
            _ => 4,
        };
        bytes = bytes.get(step..).unwrap_or_default();
    }
    sum
}

/// Parses attributes, including nested ones.
fn parse(bytes: &[u8]) -> Vec<Tree> {
    let attributes = NlasIterator::new(bytes).map(|attribute| {
        let attribute: NlaBuffer<&[u8]> = attribute.unwrap();
        if attribute.nested_flag() {
            nest(attribute.kind(), parse(attribute.value()))
        } else {
            leaf(attribute.kind(), attribute.value())
        }
    });
    attributes.collect()
}

fn all(criterion: &mut Criterion) {
    dump(criterion, "services", &reports::service());
    dump(criterion, "servers", &reports::server());
    listing_of::<HashIp>(criterion);
    listing_of::<HashIpPort>(criterion);
    listing_of::<HashIpPortIp>(criterion);
    listing_of::<HashNet>(criterion);
    listing_of::<HashNetIface>(criterion);
}

criterion_group!(name = benches; config = contenders::times(); targets = all);
criterion_main!(benches);
