//! A stand-in for the C library's `ptrace`, preloaded into User Mode Linux so that it starts on processors with AMX.
//!
//! User Mode Linux 6.12 and older keeps a process's extended registers (`NT_X86_XSTATE`) in a buffer of a fixed size. AMX needs more: 11,008
//! bytes. Reading the registers into the shorter buffer succeeds, but the machine's kernel refuses to set them from it: `PTRACE_SETREGSET` wants
//! the whole state and fails with `EFAULT`. This function then reads the whole state, lays the given bytes over its beginning, and sets the whole.
//! If the processor's state fits, every request goes straight to the kernel.
//!
//! `build.rs` compiles this file alone into a shared library. It is `no_std` and calls nothing but `__errno_location`, so that it loads with
//! whatever C library the kernel was linked to.

#![no_std]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_long};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const SYS_PTRACE: c_long = 101;
const PEEKTEXT: c_long = 1;
const PEEKUSER: c_long = 3;
const GETREGSET: c_long = 0x4204;
const SETREGSET: c_long = 0x4205;
const NT_X86_XSTATE: usize = 0x202;
const EFAULT: c_long = 14;

/// More than the state of any processor. A larger state is refused, as without this library.
const ROOM: usize = 32 * 1024;

/// `struct iovec`.
#[repr(C)]
struct Slice {
    base: *mut u8,
    length: usize,
}

/// A buffer for the whole state of a process. It is not on the stack, because the guest's kernel calls from
/// stacks of a few KiB.
struct Buffer {
    taken: AtomicBool,
    bytes: UnsafeCell<[u8; ROOM]>,
}

// SAFETY: only the caller that changed `taken` from false to true uses the bytes.
unsafe impl Sync for Buffer {}

/// Several buffers, because a signal handler or another thread may call during a call.
static BUFFERS: [Buffer; 4] = [const {
    Buffer {
        taken: AtomicBool::new(false),
        bytes: UnsafeCell::new([0; ROOM]),
    }
}; 4];

/// The length of this machine's whole state once a shorter one was refused, and 0 before.
static WHOLE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

/// Works like the C library's function, but also sets the extended registers from a buffer that is shorter than the
/// whole state.
///
/// The C library declares it as variadic. On x86-64, a variadic function receives these arguments in the same registers.
///
/// # Safety
///
/// As for `ptrace(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptrace(
    request: c_long,
    process: c_long,
    address: usize,
    data: usize,
) -> c_long {
    if (PEEKTEXT..=PEEKUSER).contains(&request) {
        // The system call stores the value; the C library's function returns it, and -1 is a value too.
        let mut value: c_long = 0;
        let result = unsafe { call(request, process, address, &raw mut value as usize) };
        if result == 0 {
            unsafe { *__errno_location() = 0 };
            return value;
        }
        return returned(result);
    }
    let extended = request == SETREGSET && address == NT_X86_XSTATE;
    let whole = WHOLE.load(Ordering::Relaxed);
    if extended && whole > 0 && unsafe { (*(data as *const Slice)).length } < whole {
        return returned(unsafe { set_over_the_whole(process, data as *const Slice) });
    }
    let mut result = unsafe { call(request, process, address, data) };
    if extended && result == -EFAULT {
        result = unsafe { set_over_the_whole(process, data as *const Slice) };
    }
    returned(result)
}

/// Reads the whole state, lays the given part over its beginning, and sets the whole.
unsafe fn set_over_the_whole(process: c_long, given: *const Slice) -> c_long {
    let free = BUFFERS
        .iter()
        .find(|buffer| !buffer.taken.swap(true, Ordering::Acquire));
    let Some(buffer) = free else {
        return -EFAULT;
    };
    let mut all = Slice {
        base: buffer.bytes.get().cast(),
        length: ROOM,
    };
    let request = |number, slice: &mut Slice| unsafe {
        call(number, process, NT_X86_XSTATE, &raw mut *slice as usize)
    };
    let mut result = request(GETREGSET, &mut all);
    if result == 0 {
        let (base, length) = unsafe { ((*given).base, (*given).length) };
        if length < all.length {
            WHOLE.store(all.length, Ordering::Relaxed);
            unsafe { ptr::copy_nonoverlapping(base, all.base, length) };
            result = request(SETREGSET, &mut all);
        } else {
            result = -EFAULT;
        }
    }
    buffer.taken.store(false, Ordering::Release);
    result
}

/// Converts the result of a system call to that of the C library.
fn returned(result: c_long) -> c_long {
    if result >= 0 {
        return result;
    }
    unsafe { *__errno_location() = -result as c_int };
    -1
}

/// Makes the system call. Returns zero or more, or a negative errno.
unsafe fn call(request: c_long, process: c_long, address: usize, data: usize) -> c_long {
    let result;
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_PTRACE => result,
            in("rdi") request,
            in("rsi") process,
            in("rdx") address,
            in("r10") data,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
