//! What it takes to read listings, without a kernel: the crate, a walk over the headers of the
//! attributes, a copy of the same bytes, and the ecosystem's trees of attributes.

mod attributes;
mod shapes;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipvset::ipset::{HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface, IpSet};
use netlink_packet_core::{Emitable, NlaBuffer, NlasIterator};

use attributes::{Tree, leaf, nest};
use shapes::Shape;

/// Entries in a message: about what the kernel puts into a datagram of 32 KiB.
const COUNT: u32 = 700;

fn entries<T: Shape>(criterion: &mut Criterion) {
    let set = IpSet::<T>::new("bench").unwrap();
    let mut group = criterion.benchmark_group(format!("decode/{}", set.type_name()));
    let payload = message::<T>();
    group.throughput(Throughput::Elements(COUNT.into()));
    let entries = set.listed(&payload).unwrap().map(Result::unwrap);
    assert!(entries.eq((0..COUNT).map(T::entry)));

    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            for entry in set.listed(black_box(&payload)).unwrap() {
                black_box(entry.unwrap().value());
            }
        });
    });
    group.bench_function("walk over headers", |bencher| {
        // Behind the fixed header of nfnetlink.
        bencher.iter(|| black_box(walk(black_box(&payload[4..]))));
    });
    let mut copy = vec![0; payload.len()];
    group.bench_function("copy, all at once", |bencher| {
        bencher.iter(|| black_box(&mut copy[..]).copy_from_slice(black_box(&payload)));
    });
    group.bench_function("attribute trees", |bencher| {
        bencher.iter(|| black_box(parse(black_box(&payload[4..]))));
    });
    group.finish();
}

/// A message of a listing, without its netlink header.
fn message<T: Shape>() -> Vec<u8> {
    let entries = (0..COUNT).map(|number| nest(7, T::tree(number))).collect();
    let attributes = [leaf(1, [7]), leaf(2, b"bench\0"), nest(8, entries)];
    let mut payload = vec![0; 4 + attributes.as_slice().buffer_len()];
    attributes.as_slice().emit(&mut payload[4..]);
    payload
}

/// Looks at length and type of each attribute, nested ones too, and at nothing else.
fn walk(mut bytes: &[u8]) -> u32 {
    let mut sum = 0;
    while let Some(header) = bytes.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        sum += u32::from(kind);
        // Into a nest, or behind a value.
        let step = match kind & attributes::NESTED {
            0 => length.next_multiple_of(4),
            _ => 4,
        };
        bytes = bytes.get(step..).unwrap_or_default();
    }
    sum
}

/// The attributes in some bytes, those that are nested too.
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
    entries::<HashIp>(criterion);
    entries::<HashIpPort>(criterion);
    entries::<HashIpPortIp>(criterion);
    entries::<HashNet>(criterion);
    entries::<HashNetIface>(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
