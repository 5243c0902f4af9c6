//! What the crate stands beside, whatever is written or read.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};

/// Long enough for medians that stay.
pub fn times() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

/// A group of benchmarks about so many elements that have so many bytes together.
pub fn group<'a>(
    criterion: &'a mut Criterion,
    name: String,
    elements: usize,
    bytes: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: elements as u64,
        bytes: bytes as u64,
    });
    group
}

/// A copy of the same bytes: the least that writing can take.
pub fn copy(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8]) {
    let mut copy = vec![0; bytes.len()];
    group.bench_function("copy", |bencher| {
        bencher.iter(|| black_box(&mut copy[..]).copy_from_slice(black_box(bytes)));
    });
}
