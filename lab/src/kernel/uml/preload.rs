//! The library that lets User Mode Linux start on processors with AMX (`lab/xstate/ptrace.rs` says why), preloaded into the guest's kernel.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// The shared library that `build.rs` made. It is empty if the machine cannot need it.
const LIBRARY: &[u8] = include_bytes!(env!("PTRACE_LIBRARY"));

/// Makes the command preload the library. The returned file is in memory only and must stay open until the command has started.
///
/// A kernel that is a script hands the library on to the program that it starts. A statically linked one ignores it.
pub(super) fn into(command: &mut Command) -> io::Result<Option<OwnedFd>> {
    if LIBRARY.is_empty() {
        return Ok(None);
    }
    let library = file()?;
    command.env("LD_PRELOAD", path(&library));
    Ok(Some(library))
}

/// Returns the library as a file without a name, so that nothing is left of it. Programs that are started meanwhile inherit it.
fn file() -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"ptrace.so", MFdFlags::empty())?);
    file.write_all(LIBRARY)?;
    Ok(file.into())
}

fn path(library: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", library.as_raw_fd())
}

#[cfg(all(test, target_arch = "x86_64", target_env = "gnu"))]
mod tests {
    use std::ffi::{CString, c_long, c_void};
    use std::mem;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Stdio};
    use std::ptr;

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::ptrace;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    use super::*;

    const NT_X86_XSTATE: usize = 0x202;

    /// The size of the legacy registers and the header. The header says which extended registers are in use. They follow it.
    const HEADER: usize = 512 + 64;

    type Ptrace = unsafe extern "C" fn(c_long, c_long, usize, usize) -> c_long;

    /// Returns the `ptrace` of the library and that of the C library.
    fn functions() -> (Ptrace, Ptrace) {
        let library = file().unwrap();
        let name = CString::new(path(&library)).unwrap();
        // SAFETY: the library has no constructors, and it stays loaded.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "the library cannot be loaded");
        let find = |handle| {
            // SAFETY: the handle is an open library's, or RTLD_DEFAULT.
            let symbol = unsafe { libc::dlsym(handle, c"ptrace".as_ptr()) };
            assert!(!symbol.is_null(), "it has no `ptrace`");
            // SAFETY: both functions take four arguments in registers.
            unsafe { mem::transmute::<*mut c_void, Ptrace>(symbol) }
        };
        (find(handle), find(libc::RTLD_DEFAULT))
    }

    /// A process that this thread traces, stopped before its first instruction.
    struct Traced(Child);

    impl Traced {
        fn start() -> Traced {
            let mut command = Command::new("sleep");
            command.arg("100").stdin(Stdio::null());
            // SAFETY: ptrace is async-signal-safe.
            unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
            let traced = Traced(command.spawn().unwrap());
            let stopped = waitpid(traced.pid(), None).unwrap();
            assert!(
                matches!(stopped, WaitStatus::Stopped(..)),
                "{stopped:?} instead of a stop"
            );
            traced
        }

        fn pid(&self) -> Pid {
            Pid::from_raw(self.0.id() as i32)
        }

        /// Sends a request for the extended registers with this buffer.
        fn request(
            &self,
            ptrace: Ptrace,
            number: c_long,
            bytes: &mut [u8],
        ) -> Result<usize, Errno> {
            let mut slice = libc::iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: bytes.len(),
            };
            let at = ptr::from_mut(&mut slice) as usize;
            // SAFETY: the slice and its bytes outlive the call.
            let result =
                unsafe { ptrace(number, c_long::from(self.pid().as_raw()), NT_X86_XSTATE, at) };
            Errno::result(result).map(|_| slice.iov_len)
        }

        fn whole(&self, ptrace: Ptrace) -> Vec<u8> {
            let mut bytes = vec![0; 64 * 1024];
            let length = self
                .request(ptrace, c_long::from(libc::PTRACE_GETREGSET), &mut bytes)
                .unwrap();
            bytes.truncate(length);
            bytes
        }

        fn set(&self, ptrace: Ptrace, bytes: &[u8]) -> Result<(), Errno> {
            self.request(
                ptrace,
                c_long::from(libc::PTRACE_SETREGSET),
                &mut bytes.to_vec(),
            )
            .map(drop)
        }
    }

    impl Drop for Traced {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Does what the guest's kernel does on a processor whose state is larger than its buffer. Here the buffer is shortened, so the
    /// test works on any processor.
    #[test]
    fn extended_registers_are_set_from_a_part_of_them() {
        let (ours, plain) = functions();
        let process = Traced::start();
        let mut wanted = process.whole(plain);
        let whole = wanted.len();
        assert!(whole > HEADER, "this processor has no extended registers");

        // Sets values in a legacy register (xmm0) and in one after the header (the upper half of ymm0). The header says that both
        // are in use.
        wanted[160..176].fill(0xa5);
        wanted[HEADER..HEADER + 16].fill(0x5a);
        wanted[512] |= 0b111;
        process.set(ours, &wanted).unwrap();
        assert_eq!(process.whole(plain)[160..176], [0xa5; 16]);
        assert_eq!(process.whole(plain)[HEADER..HEADER + 16], [0x5a; 16]);

        for length in [HEADER, HEADER + 64, whole - 8] {
            wanted[160..176].fill(length as u8);
            let part = &wanted[..length];
            assert_eq!(
                process.set(plain, part),
                Err(Errno::EFAULT),
                "{length} bytes"
            );
            assert_eq!(process.set(ours, part), Ok(()), "{length} bytes");
            // The rest of the state is unchanged.
            assert_eq!(process.whole(plain), wanted, "{length} bytes");
        }
        assert_eq!(process.set(ours, &wanted), Ok(()));
    }

    #[test]
    fn other_requests_behave_as_in_the_c_library() {
        let (ours, plain) = functions();
        let process = Traced::start();
        let pid = c_long::from(process.pid().as_raw());
        let ask = |ptrace: Ptrace, number: libc::c_uint, address: usize, data: usize| {
            // SAFETY: none of the requests writes to the memory of this process, except its return
            // value.
            Errno::result(unsafe { ptrace(c_long::from(number), pid, address, data) })
        };
        // Reads the stack pointer, and the word that it points to.
        let stack = mem::offset_of!(libc::user_regs_struct, rsp);
        let pointer = ask(ours, libc::PTRACE_PEEKUSER, stack, 0).unwrap();
        assert_ne!(pointer, 0);
        assert_eq!(ask(plain, libc::PTRACE_PEEKUSER, stack, 0), Ok(pointer));
        let pointer = pointer as usize;
        // Writes values and reads them back. The value -1 is not an error.
        for value in [7, -2] {
            assert_eq!(
                ask(ours, libc::PTRACE_POKEDATA, pointer, value as usize),
                Ok(0)
            );
            assert_eq!(ask(ours, libc::PTRACE_PEEKDATA, pointer, 0), Ok(value));
        }
        Errno::set_raw(libc::EIO);
        assert_eq!(ask(ours, libc::PTRACE_POKEDATA, pointer, usize::MAX), Ok(0));
        // SAFETY: reads a word of the traced process.
        let value = unsafe { ours(c_long::from(libc::PTRACE_PEEKDATA), pid, pointer, 0) };
        assert_eq!((value, Errno::last_raw()), (-1, 0));
        assert_eq!(ask(ours, libc::PTRACE_PEEKDATA, 8, 0), Err(Errno::EIO));
        let mut nobody = process.whole(plain);
        drop(process);
        assert_eq!(
            Traced(Command::new("true").spawn().unwrap()).request(
                ours,
                c_long::from(libc::PTRACE_SETREGSET),
                &mut nobody
            ),
            Err(Errno::ESRCH)
        );
    }
}
