//! Reading any message returns a value or an error, and allocates no more than a small multiple of
//! the message. A wrong length in a message never causes a large allocation.

#[allow(dead_code, reason = "the content of the messages is not used here")]
#[path = "../src/captured.rs"]
mod captured;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ipvset::ipset::messages::IpsetMessage;
use ipvset::ipvs::messages::IpvsMessage;
use netlink_packet_core::{NetlinkMessage, ParseableParametrized};
use netlink_packet_generic::GenlMessage;

thread_local! {
    /// The number of bytes that this thread has allocated so far, including freed ones.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a counter.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed to the system's allocator unchanged. The counter of a thread needs
// no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

fn count(bytes: usize) {
    ALLOCATED.with(|it| it.set(it.get() + bytes));
}

/// Returns the maximum that reading may allocate: twice the message, and the text of an error (620
/// bytes for the error of netlink-packet-core about an empty message).
fn limit(message: &[u8]) -> usize {
    2 * message.len() + 1024
}

fn check<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    let before = ALLOCATED.get();
    let outcome = read(bytes);
    let allocated = ALLOCATED.get() - before;
    let limit = limit(bytes);
    assert!(allocated <= limit, "{allocated} bytes for {bytes:02x?}");
    outcome
}

/// Reads a message, every prefix of it, and all messages that differ from it in one byte. Returns
/// how many were read and how many were refused.
fn check_around<T, E>(
    message: &[u8],
    read: impl Fn(&[u8]) -> Result<T, E> + Copy,
) -> (usize, usize) {
    let mut outcomes = (0, 0);
    let mut tell = |outcome: Result<T, E>| match outcome {
        Ok(_) => outcomes.0 += 1,
        Err(_) => outcomes.1 += 1,
    };
    assert!(check(message, read).is_ok(), "{message:02x?}");
    for end in 0..message.len() {
        tell(check(&message[..end], read));
    }
    let mut changed = message.to_vec();
    for at in 0..message.len() {
        for value in 0..=255 {
            changed[at] = value;
            tell(check(&changed, read));
        }
        changed[at] = message[at];
    }
    outcomes
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATED.get();
    let mut bytes = Vec::<u8>::with_capacity(1000);
    assert_eq!(ALLOCATED.get() - before, 1000);
    bytes.reserve_exact(3000);
    assert_eq!(ALLOCATED.get() - before, 4000);
}

// The messages were captured on little-endian machines.
#[cfg(target_endian = "little")]
fn check_captured<T, E>(runs: Vec<captured::Run>, read: impl Fn(&[u8]) -> Result<T, E> + Copy) {
    let mut messages = 0;
    let (mut good, mut bad) = (0, 0);
    for run in runs {
        for message in run.sent.iter().chain(&run.received) {
            let (read, refused) = check_around(message, read);
            good += read;
            bad += refused;
            messages += 1;
        }
    }
    assert!(messages > 30, "{messages}");
    assert!(good > 10_000 && bad > 10_000, "{good} {bad}");
}

#[cfg(target_endian = "little")]
#[test]
fn captured_messages_of_ipvs() {
    let file = include_str!("../src/ipvs/captured.txt");
    check_captured(captured::runs("ipvsadm", file), |bytes| {
        GenlMessage::<IpvsMessage>::parse_with_param(bytes, 0u16)
    });
}

#[cfg(target_endian = "little")]
#[test]
fn captured_messages_of_ipset() {
    let file = include_str!("data/ipset-messages-linux-6.18.txt");
    check_captured(captured::runs("ipset", file), |bytes| {
        NetlinkMessage::<IpsetMessage>::deserialize(bytes)
    });
}
