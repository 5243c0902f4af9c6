//! The only `unsafe` code of this crate.
//!
//! Some of IPVS's socket options are read with a buffer that is input too: the kernel reads from
//! it which service is meant, and writes the answer over it. No safe function of nix or of the
//! standard library passes such a buffer to `getsockopt`.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

use crate::ipvs::message::sockopt::number::Readable;

/// Reads an option. The kernel reads `buffer` and overwrites it with the answer.
#[expect(unsafe_code, reason = "no safe function does this")]
pub(super) fn get(socket: impl AsFd, option: Readable, buffer: &mut [u8]) -> nix::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let mut length = libc::socklen_t::try_from(buffer.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: `buffer` is initialized memory of `length` bytes, which nothing else uses during the
    // call. The kernel reads and writes at most `length` bytes of it: all of these options compare
    // their length with `length` before they copy anything. None of them contains a pointer, or
    // keeps the buffer after the call. Every byte that the kernel may write is a valid `u8`.
    // `length` itself is a variable of the type that the call expects.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_IP,
            option as libc::c_int,
            buffer.as_mut_ptr().cast(),
            &mut length,
        )
    };
    Errno::result(result).map(drop)
}
