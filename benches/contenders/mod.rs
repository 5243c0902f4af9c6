//! The contenders that every benchmark of reading or writing compares the crate with.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};

/// Measures long enough for stable medians.
pub fn times() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

/// Creates a group of benchmarks whose elements have this many bytes in total.
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

/// Copies the same bytes, which is the least that writing can take.
pub fn copy(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8]) {
    let mut copy = vec![0; bytes.len()];
    group.bench_function("copy", |bencher| {
        bencher.iter(|| black_box(&mut copy[..]).copy_from_slice(black_box(bytes)));
    });
}
