//! Memory that a process keeps, since the kernel takes long to hand out a page for the first time.

use std::hint::black_box;

/// Makes this process keep freed memory, so that later runs use memory that was touched before. The
/// allocator of glibc keeps up to twice the largest piece that was freed.
pub(crate) fn keep_memory() {
    drop(black_box(vec![0u8; 16 << 20]));
}

/// Touches this much memory in MiB, which stays with this process: the allocator of glibc gives back
/// only what is above the last piece in use.
pub(crate) fn touch(mebibytes: usize) {
    // From now on, pieces of this size come from the heap.
    drop(black_box(vec![0u8; 31 << 20]));
    let pieces = (0..mebibytes).map(|_| vec![1u8; 1 << 20]);
    let mut pieces = black_box(pieces.collect::<Vec<_>>());
    std::mem::forget(pieces.pop());
}
