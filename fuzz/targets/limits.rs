//! The limit of memory for a target.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The bytes that a target may hold whatever its input is: a connection has two buffers of 64 KiB.
const FIXED: usize = 1 << 20;
/// The bytes that a target may hold for each byte of its input.
const FOR_EACH: usize = 256;

/// Runs a target, and fails if it holds too much memory at a time.
pub fn run(target: fn(&[u8]), bytes: &[u8]) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    target(bytes);
    let most = ALLOCATOR.peak_usage().saturating_sub(before);
    let limit = FIXED + FOR_EACH * bytes.len();
    assert!(
        most <= limit,
        "{most} bytes are held for {} of input",
        bytes.len()
    );
}
