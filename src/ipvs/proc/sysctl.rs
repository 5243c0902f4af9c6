//! The `net.ipv4.vs.*` sysctls of a network namespace, which apply to IPv4 and IPv6.
//!
//! Each constant is the name of a sysctl with the type and the range of its values.
//! [`Proc::get`] reads its value and [`Proc::set`] writes it. [`Proc::get_text`] and
//! [`Proc::set_text`] do the same for sysctls without a constant.
//!
//! The descriptions follow the kernel's Documentation/networking/ipvs-sysctl.rst and
//! `ip_vs_control_net_init_sysctl` in net/netfilter/ipvs/ip_vs_ctl.c. Linux 5.10 has every
//! sysctl for which no version is named.
//!
//! Up to Linux 6.1 at least, there are no sysctls in a network namespace that belongs to a user
//! namespace of its own. From 6.10 on, it has all of them. All can be written there, except
//! [`SYNC_QLEN_MAX`], [`SYNC_SOCK_SIZE`], [`RUN_ESTIMATION`], [`EST_CPULIST`] and [`EST_NICE`],
//! which can only be read.

mod known;
mod value;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use known::*;
use value::Limits;
pub use value::{ConnectionReuse, DefenseMode, SyncThreshold, Value};

use super::Proc;
use crate::error::Cause;
use crate::{Error, Result};

/// A sysctl whose values are of type `T`.
pub struct Sysctl<T> {
    name: &'static str,
    limits: Limits,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T> Sysctl<T> {
    const fn new(name: &'static str) -> Self {
        Self::limited(name, Limits::None)
    }

    const fn limited(name: &'static str, limits: Limits) -> Self {
        Self {
            name,
            limits,
            of: std::marker::PhantomData,
        }
    }

    /// Returns the sysctl's name, without `net.ipv4.vs.` before it.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Sysctl<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Sysctl<T> {}

impl<T> fmt::Debug for Sysctl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sysctl({})", self.name)
    }
}

const DIRECTORY: &str = "/proc/sys/net/ipv4/vs";
const GET: &str = "read sysctl";
const SET: &str = "set sysctl";
const LIST: &str = "list sysctls";

impl Proc {
    /// Returns the value of a sysctl.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel does not have the sysctl, or
    ///   IPVS is not loaded.
    /// - [`MalformedReply`](crate::ErrorKind::MalformedReply) if the value does not fit
    ///   the sysctl's type.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Io`](crate::ErrorKind::Io)
    ///   if reading the file fails.
    pub fn get<T: Value>(&self, sysctl: Sysctl<T>) -> Result<T> {
        let text = self.get_text(sysctl.name)?;
        T::read(&text).ok_or_else(|| {
            let cause = Cause::Report {
                line: 1,
                column: 1,
                message: format!("`{}` is not {}", text.escape_debug(), T::MEANT).into(),
            };
            Error::new(GET, cause).object(Name(sysctl.name))
        })
    }

    /// Sets the value of a sysctl.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the value is outside the sysctl's
    ///   range, and was not written, or the kernel refused it.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the program lacks
    ///   CAP_NET_ADMIN over the namespace.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel does not have the sysctl, or
    ///   IPVS is not loaded.
    /// - [`Io`](crate::ErrorKind::Io) if writing the file fails otherwise.
    pub fn set<T: Value>(&self, sysctl: Sysctl<T>, value: &T) -> Result<()> {
        value
            .check(&sysctl.limits)
            .map_err(|why| Error::refused(SET, why).object(Name(sysctl.name)))?;
        self.set_text(sysctl.name, &value.written())
    }

    /// Returns the value of a sysctl as the kernel writes it, also of one without a constant.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel does not have the sysctl, or
    ///   IPVS is not loaded.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if this cannot be the name of a sysctl.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Io`](crate::ErrorKind::Io)
    ///   if reading the file fails.
    pub fn get_text(&self, name: &str) -> Result<String> {
        let mut text = String::new();
        self.open_sysctl(GET, name, OpenOptions::new().read(true))?
            .read_to_string(&mut text)
            .map_err(|error| failed(GET, name, error))?;
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    /// Sets the value of a sysctl as text, also of one without a constant.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if the kernel refused the value, or this
    ///   cannot be the name of a sysctl.
    /// - Otherwise as for [`Proc::set`].
    pub fn set_text(&self, name: &str, value: &str) -> Result<()> {
        // In one write, because the kernel takes each write as a whole value.
        let line = format!("{value}\n");
        self.open_sysctl(SET, name, OpenOptions::new().write(true))?
            .write_all(line.as_bytes())
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => {
                    let why = format!("the kernel refuses `{}`", value.escape_debug());
                    Error::refused(SET, why).object(Name(name))
                }
                _ => failed(SET, name, error),
            })
    }

    /// Returns the names of the sysctls that this kernel has, in alphabetical order.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) if the kernel has no IPVS, or it is not
    ///   loaded.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Io`](crate::ErrorKind::Io)
    ///   if reading the directory fails.
    pub fn sysctls(&self) -> Result<Vec<String>> {
        let list = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(DIRECTORY)? {
                names.extend(entry?.file_name().into_string());
            }
            names.sort_unstable();
            Ok(names)
        };
        self.inside(list).map_err(|error| {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => super::not_loaded(),
                _ => Cause::Io(error),
            };
            Error::new(LIST, cause).object(Name("*"))
        })
    }

    fn open_sysctl(
        &self,
        operation: &'static str,
        name: &str,
        options: &OpenOptions,
    ) -> Result<fs::File> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(known) {
            let why = format!("`{}` can't be the name of a sysctl", name.escape_debug());
            return Err(Error::refused(operation, why));
        }
        self.inside(|| options.open(path(name)))
            .map_err(|error| failed(operation, name, error))
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

fn failed(operation: &'static str, name: &str, error: io::Error) -> Error {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => {
            Cause::Unavailable("the kernel has no such sysctl, or IPVS is not loaded".into())
        }
        _ => Cause::Io(error),
    };
    Error::new(operation, cause).object(Name(name))
}

/// The name of a sysctl as sysctl(8) writes it.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net.ipv4.vs.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_directory() {
        let proc = Proc::new();
        for wrong in ["", "a/b", "..", "a b", "\u{e4}"] {
            let error = proc.get_text(wrong).unwrap_err();
            assert!(error.is_invalid_input(), "{wrong:?}: {error}");
            let error = proc.set_text(wrong, "1").unwrap_err();
            assert!(error.is_invalid_input(), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_sysctl_that_no_kernel_has_is_unavailable() {
        let proc = Proc::new();
        for name in ["unheard-of", "unheard_of", "a1", "9"] {
            for error in [
                proc.get_text(name),
                proc.set_text(name, "1").map(|()| String::new()),
            ] {
                let error = error.unwrap_err();
                assert!(error.is_unavailable(), "{error}");
                let object = format!("net.ipv4.vs.{name}");
                assert_eq!(error.object_name(), Some(object.as_str()));
            }
        }
        assert_eq!(
            path("am_droprate"),
            Path::new("/proc/sys/net/ipv4/vs/am_droprate")
        );
    }
}
