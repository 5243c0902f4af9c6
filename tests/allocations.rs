//! Whatever a kernel sends, or whoever pretends to be one: there is a value or an error, and it
//! costs no more memory than a small multiple of what was sent. No length in a message makes
//! anybody allocate what it promises.

#[allow(dead_code, reason = "what messages say does not matter here")]
#[path = "../src/captured.rs"]
mod captured;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ipvset::ipset::messages::IpsetMessage;
use ipvset::ipvs::messages::IpvsMessage;
use netlink_packet_core::{NetlinkMessage, ParseableParametrized};
use netlink_packet_generic::GenlMessage;

thread_local! {
    /// Bytes that this thread asked for so far, whether or not it gave them back.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is handed to the system's allocator as it came; a thread's counter needs no
// allocation and no destructor of its own.
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

/// What reading may cost: twice the message, and the text of an error (that of
/// netlink-packet-core for no bytes at all takes 620).
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

/// Reads a message, every prefix of it, and all that differ from it in one byte; gives how many
/// of those were read and how many refused.
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

// Captured on little-endian machines, as are those below.
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
