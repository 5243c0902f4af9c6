//! Names for the temporary sets of a handle.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};

use crate::ipset::{SetName, ToSetName};

/// The prefix of the names of the crate's temporary sets.
const PREFIX: &str = "ipvset-";

/// The name of a handle's temporary set, claimed with a Unix socket that is bound to it.
///
/// Abstract socket names belong to the network namespace, as names of sets do, and the kernel frees
/// them when the process ends for any reason. So a temporary set whose name is not claimed was left
/// behind.
#[derive(Debug)]
pub(crate) struct Claim {
    /// `None` if the process may not open such a socket.
    socket: Option<OwnedFd>,
    name: Option<SetName>,
}

impl Claim {
    /// Opens the socket without claiming a name. Has to be called in the network namespace of the
    /// sets.
    pub(crate) fn open() -> Self {
        let socket = socket::socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        Self {
            socket: socket.ok(),
            name: None,
        }
    }

    /// Makes the claim of a process that may not open a Unix socket.
    #[cfg(test)]
    pub(in crate::ipset) fn without_socket() -> Self {
        Self {
            socket: None,
            name: None,
        }
    }

    /// Returns the name of the handle's temporary set, and claims it on the first call.
    pub(in crate::ipset) fn name(&mut self) -> crate::Result<SetName> {
        self.name_of(|| RandomState::new().build_hasher().finish())
    }

    fn name_of(&mut self, mut number: impl FnMut() -> u64) -> crate::Result<SetName> {
        if let Some(name) = self.name {
            return Ok(name);
        }
        loop {
            let random = number();
            let name = format!("{PREFIX}{random:016x}");
            let bound = self.socket.as_ref().map(|socket| {
                let address = UnixAddr::new_abstract(name.as_bytes())?;
                socket::bind(socket.as_raw_fd(), &address)
            });
            match bound {
                Some(Ok(())) => return Ok(*self.name.insert(name.set_name()?)),
                // A process and its fork have the same random numbers.
                Some(Err(Errno::EADDRINUSE)) => {}
                // Without a claim, another process cannot see that the set is in use. So the name
                // has another form, which never counts as left behind, and is new each time.
                Some(Err(_)) | None => return format!("{PREFIX}x{random:016x}").set_name(),
            }
        }
    }

    /// Returns true if a set was made by a handle that does not exist any more, or by this one
    /// earlier.
    pub(in crate::ipset) fn is_left_over(&self, name: &SetName) -> bool {
        if self.name.is_some_and(|own| own == *name) {
            return true;
        }
        let Some(socket) = &self.socket else {
            return false;
        };
        if !number(name).is_some_and(is_hexadecimal) {
            return false;
        }
        let connected = UnixAddr::new_abstract(name.as_bytes())
            .and_then(|address| socket::connect(socket.as_raw_fd(), &address));
        connected == Err(Errno::ECONNREFUSED)
    }
}

/// Returns true if a set has the name of a temporary set, of any handle.
pub(super) fn is_temporary(name: &SetName) -> bool {
    let number = number(name).map(|number| number.strip_prefix(b"x").unwrap_or(number));
    number.is_some_and(is_hexadecimal)
}

/// Returns what follows the prefix of temporary sets.
fn number(name: &SetName) -> Option<&[u8]> {
    name.as_bytes().strip_prefix(PREFIX.as_bytes())
}

fn is_hexadecimal(number: &[u8]) -> bool {
    number.len() == 16 && number.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_handles_with_the_same_random_numbers_have_two_names() {
        // Unique to this process, since others may run the same test.
        let first = u64::from(std::process::id()) << 32;
        let claims = || {
            let mut numbers = first..;
            let mut claim = Claim::open();
            let name = claim.name_of(|| numbers.next().unwrap()).unwrap();
            (claim, name)
        };
        let (one, one_name) = claims();
        let (other, other_name) = claims();
        assert_ne!(one_name, other_name);
        assert!(one.is_left_over(&one_name), "its own");
        assert!(!one.is_left_over(&other_name) && !other.is_left_over(&one_name));
        drop(other);
        assert!(one.is_left_over(&other_name));
        for name in [
            "ipvset-",
            "ipvset-x123456789abcdef",
            "ipvset-0123456789abcdeg",
            "blocked",
        ] {
            assert!(!one.is_left_over(&name.parse().unwrap()), "{name}");
        }
    }

    /// The process may not open a Unix socket.
    #[test]
    fn a_name_that_cannot_be_claimed_is_another_one_each_time() {
        let mut claim = Claim::without_socket();
        let (one, other) = (claim.name().unwrap(), claim.name().unwrap());
        assert_ne!(one, other);
        for name in [one, other] {
            assert!(name.to_string().starts_with("ipvset-x") && is_temporary(&name));
            assert!(!claim.is_left_over(&name) && !Claim::open().is_left_over(&name));
        }
    }
}
