//! What it takes to write requests down, without a kernel: the crate, a copy of the same bytes,
//! and the ecosystem's trees of attributes.

mod attributes;
mod shapes;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipvset::ipset::{Bulk, HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface, IpSet};
use netlink_packet_core::Emitable;

use attributes::{NET, Tree, leaf, nest};
use shapes::Shape;

/// The attribute that numbers an entry.
const LINE: u16 = 9;

/// A message of a bulk, with as many entries as it holds: 1,000 and more.
fn entries<T: Shape>(criterion: &mut Criterion) {
    let set = IpSet::<T>::new("bench").unwrap();
    let mut group = criterion.benchmark_group(format!("encode/{}", set.type_name()));
    let mut messages = set.add_messages((0..=u32::MAX).map(T::entry), Bulk::new());
    let bytes = messages.next_message().unwrap().unwrap().to_vec();
    let tree = |number: u32| {
        let mut entry = vec![leaf(LINE | NET, (number + 1).to_be_bytes())];
        entry.extend(T::tree(number));
        nest(7, entry)
    };
    let length = [tree(0)].as_slice().buffer_len();
    let count = (bytes.len() / length) as u32;
    group.throughput(Throughput::Elements(count.into()));

    // The numbers of the entries do not matter, and 4 billion are enough for a benchmark.
    group.bench_function("ipvset", |bencher| {
        bencher.iter(|| {
            black_box(messages.next_message().unwrap().unwrap());
        });
    });
    let mut copy = vec![0; bytes.len()];
    group.bench_function("copy, all at once", |bencher| {
        bencher.iter(|| black_box(&mut copy[..]).copy_from_slice(black_box(&bytes)));
    });
    group.bench_function("copy, entry by entry", |bencher| {
        let length = black_box(length);
        bencher.iter(|| {
            let to = black_box(&mut copy[..]).chunks_exact_mut(length);
            for (to, from) in to.zip(black_box(&bytes).chunks_exact(length)) {
                to.copy_from_slice(from);
            }
        });
    });
    group.bench_function("attribute trees", |bencher| {
        bencher.iter(|| {
            let message: [Tree; 1] = [nest(8, (0..count).map(tree).collect())];
            let mut bytes = vec![0; message.as_slice().buffer_len()];
            message.as_slice().emit(&mut bytes);
            black_box(bytes);
        });
    });
    group.finish();
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
