//! Failures: the message and the exit status.

use std::io::{self, Write};

use ipvset::{Error, ErrorKind};

use crate::arguments::{Command, Word, is_quiet};

/// The version of the tool that this program replaces.
pub const VERSION: &str = "7.17";

#[derive(Debug)]
pub struct Complaint {
    /// The exit status: 1, or 2 if the command line is wrong.
    pub status: u8,
    /// The message in bytes, because it may contain words of the command line.
    text: Vec<u8>,
    /// Whether to print the text without the program's name.
    bare: bool,
    /// Whether to print nothing, because the command has `-quiet`.
    silent: bool,
}

impl Complaint {
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 1,
            text: text.into(),
            bare: false,
            silent: false,
        }
    }

    /// Silences the complaint if the words contain `-quiet`.
    pub fn unless_quiet(self, words: &[Word]) -> Self {
        Self {
            silent: self.silent || is_quiet(words),
            ..self
        }
    }

    pub fn usage(text: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 2,
            ..Self::new(text)
        }
    }

    /// A message that is not an error, for example that an element is not in a set.
    pub fn bare(text: impl Into<Vec<u8>>) -> Self {
        Self {
            bare: true,
            ..Self::new(text)
        }
    }

    pub fn syntax(error: &Error) -> Self {
        let reason = error.reason();
        // The rest is advice for programmers.
        let reason = reason.split("; IpSets::").next().unwrap_or_default();
        Self::new(format!("Syntax error: {reason}"))
    }

    /// Whether a word was found that is not a command.
    pub fn is_no_command(&self) -> bool {
        self.text.starts_with(b"No command specified")
    }

    /// Adds the number of a line of `restore`'s input.
    pub fn in_line(self, number: usize) -> Self {
        match (self.status, self.bare) {
            (1, false) => Self {
                text: said(
                    format!("Error in line {number}: ").as_bytes(),
                    &self.text,
                    b"",
                ),
                ..self
            },
            _ => self,
        }
    }

    /// Prints the complaint. Ignores a failure to print, because the exit status reports the
    /// complaint too.
    pub fn print(&self) {
        if self.silent {
            return;
        }
        let mut text = Vec::new();
        if !self.bare {
            text.extend(format!("ipset v{VERSION}: ").as_bytes());
        }
        text.extend(&self.text);
        text.push(b'\n');
        if !self.bare && self.status == 2 {
            text.extend(b"Try `ipset help' for more information.\n");
        }
        let _ = io::stderr().write_all(&text);
    }

    /// Converts an error of the crate from a command on a set of this type.
    pub fn from_error(command: Command, type_name: Option<&str>, error: &Error) -> Self {
        if let Some(code) = error.ipset_code() {
            if let Some(text) = ipset_text(command, type_name, code) {
                return Self::new(text);
            }
        }
        if let Some(errno) = error.errno() {
            return Self::new(errno_text(command, errno));
        }
        match error.kind() {
            ErrorKind::InvalidInput => Self::syntax(error),
            _ => Self::new(error.reason()),
        }
    }
}

impl From<io::Error> for Complaint {
    /// A pipe that its reader has closed ends the command without a message and with status 0.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self {
                status: 0,
                silent: true,
                ..Self::new("")
            },
            _ => Self::new(io_text(&error)),
        }
    }
}

/// Joins a word with the text before and after it.
pub fn said(before: &[u8], word: &[u8], behind: &[u8]) -> Vec<u8> {
    [before, word, behind].concat()
}

/// The message of C's `strerror`.
pub fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

// The numbers of Linux.
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ERANGE: i32 = 34;
const EMSGSIZE: i32 = 90;

fn errno_text(command: Command, errno: i32) -> String {
    let text = match errno {
        ENOENT => "The set with the given name does not exist",
        EEXIST if command == Command::Create => {
            "Set cannot be created: set with the same name already exists"
        }
        ERANGE => "The specified range is too large, split it up into smaller ranges",
        EMSGSIZE => "Kernel error received: message could not be created",
        errno => {
            let error = io::Error::from_raw_os_error(errno);
            return format!("Kernel error received: {}", io_text(&error));
        }
    };
    text.to_owned()
}

/// The tool's text for an error code of ipset. Some programs search for these words.
fn ipset_text(command: Command, type_name: Option<&str>, code: i32) -> Option<&'static str> {
    let method = type_name.and_then(|name| name.split(':').next());
    Some(match (code, command) {
        (4097, _) => "Kernel error received: ipset protocol error",
        (4098, _) => "Kernel error received: set type not supported",
        (4099, _) => "Kernel error received: maximal number of sets reached, cannot create more.",
        (4100, _) => "Set cannot be destroyed: it is in use by a kernel component",
        (4101, Command::Rename) => "Set cannot be renamed: a set with the new name already exists",
        (4101, _) => "Sets cannot be swapped: the second set does not exist",
        (4102, _) => "The sets cannot be swapped: their type does not match",
        (4103, Command::Add) => "Element cannot be added to the set: it's already added",
        (4103, _) => "Element cannot be deleted from the set: it's not added",
        (4104, _) => "The value of the CIDR parameter of the IP address is invalid",
        (4105, _) => "The value of the netmask parameter is invalid",
        (4106, _) => "Protocol family not supported by the set type",
        (4107, _) => "Timeout cannot be used: set was created without timeout support",
        (4108, _) => "Set cannot be renamed: it is in use by another system",
        (4109, _) => "An IPv4 address is expected, but not received",
        (4110, _) => "An IPv6 address is expected, but not received",
        (4111, _) => "Packet/byte counters cannot be used: set was created without counter support",
        (4112, _) => "Comment cannot be used: set was created without comment support",
        (4113, _) => "The value of the markmask parameter is invalid",
        (4114, _) => "Skbinfo mapping cannot be used: set was created without skbinfo support",
        (4115, _) => "netmask and bitmask options are mutually exclusive, provide only one",
        _ => match (method?, code - 4352) {
            ("bitmap", 0) => "Element is out of the range of the set",
            ("bitmap", 1) => "The range you specified exceeds the size limit of the set type",
            ("hash", 0) => "Hash is full, cannot add more elements",
            ("hash", 1) => "Null-valued element, cannot be stored in a hash type of set",
            ("hash", 2) => "Invalid protocol specified",
            ("hash", 3) => "Protocol missing, but must be specified",
            ("hash", 4) => "Range is not supported in the \"net\" component of the element",
            ("hash", 5) => "Invalid range, covers the whole address space",
            ("list", 0) => "Set to be added/deleted/tested as element does not exist.",
            ("list", 1) => "Sets with list:set type cannot be added to the set.",
            ("list", 2) => "No reference set specified.",
            ("list", 3) => "The set to which you referred with 'before' or 'after' does not exist.",
            ("list", 4) => "The set is full, more elements cannot be added.",
            ("list", 5) => {
                "The set to which you referred with 'before' or 'after' is not added to the set."
            }
            _ => return None,
        },
    })
}
