//! The `net.ipv4.vs.*` sysctls of a network namespace, for IPv6 as well as IPv4: typed where
//! they are known, by name where not.
//!
//! Each constant here is a name with the type and the range of its values; reading and writing
//! is [`Proc::get`] and [`Proc::set`]. What is said of them follows the kernel's
//! Documentation/networking/ipvs-sysctl.rst and `ip_vs_control_net_init_sysctl` of
//! net/netfilter/ipvs/ip_vs_ctl.c. Where no version is named, Linux 5.10 has it already.
//!
//! In a network namespace that belongs to a user namespace of its own there are none up to
//! Linux 6.1 at least. From 6.10 on all are there and can be written, except for
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

    /// Its name, without the `net.ipv4.vs.` ahead.
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
    /// The value of a sysctl.
    ///
    /// # Errors
    /// Unavailable if this kernel has no such sysctl (or no IPVS); a malformed reply if its
    /// value is none of the type's; else those of reading the file.
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

    /// Gives a sysctl another value.
    ///
    /// # Errors
    /// Invalid input for a value outside the sysctl's range, which is not written; permission
    /// denied without CAP_NET_ADMIN over the namespace; unavailable as for [`Proc::get`].
    pub fn set<T: Value>(&self, sysctl: Sysctl<T>, value: &T) -> Result<()> {
        value
            .check(&sysctl.limits)
            .map_err(|why| Error::refused(SET, why).object(Name(sysctl.name)))?;
        self.set_text(sysctl.name, &value.written())
    }

    /// The value of a sysctl that may have no constant here, as the kernel writes it.
    ///
    /// # Errors
    /// Unavailable if this kernel has no such sysctl (or no IPVS), invalid input for what is no
    /// name of one, else those of reading the file.
    pub fn get_text(&self, name: &str) -> Result<String> {
        let mut text = String::new();
        self.open_sysctl(GET, name, OpenOptions::new().read(true))?
            .read_to_string(&mut text)
            .map_err(|error| failed(GET, name, error))?;
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    /// Writes the value of a sysctl that may have no constant here.
    ///
    /// # Errors
    /// As for [`Proc::get_text`] and [`Proc::set`]; what the kernel refuses is invalid input.
    pub fn set_text(&self, name: &str, value: &str) -> Result<()> {
        // In one piece, since each write is a value of its own.
        let line = format!("{value}\n");
        self.open_sysctl(SET, name, OpenOptions::new().write(true))?
            .write_all(line.as_bytes())
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => {
                    let why = format!("the kernel does not take `{}`", value.escape_debug());
                    Error::refused(SET, why).object(Name(name))
                }
                _ => failed(SET, name, error),
            })
    }

    /// The names of the sysctls that this kernel has, in alphabetical order.
    ///
    /// # Errors
    /// Unavailable without IPVS, else those of reading the directory.
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
            let why = format!("`{}` is no name of a sysctl", name.escape_debug());
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
            Cause::Unavailable("this kernel has none of that name, or IPVS is not loaded".into())
        }
        _ => Cause::Io(error),
    };
    Error::new(operation, cause).object(Name(name))
}

/// As sysctl(8) writes it.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net.ipv4.vs.{}", self.0)
    }
}
