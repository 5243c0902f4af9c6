//! Reads and writes sets, entries and save files in the syntax of the `ipset` tool.
//!
//! This module does not access the kernel. A set has the text with which the tool creates it, and
//! an entry the text with which the tool adds it:
//!
//! ```
//! use ipvset::ipset::elements::udp;
//! use ipvset::ipset::types::HashNetPort;
//! use ipvset::ipset::{AnySet, Entry, IpSet};
//!
//! let set: AnySet = "names hash:net,port family inet6 timeout 300 comment".parse()?;
//! let entry = set.parse_entry("2001:db8::/32,udp:53 timeout 60 comment \"our own\"")?;
//! assert_eq!(entry.to_string(), "2001:db8::/32,udp:53 timeout 60 comment \"our own\"");
//!
//! // The same where the type is known at compile time.
//! let set: IpSet<HashNetPort> = "names hash:net,port family inet6".parse()?;
//! let entry: Entry<HashNetPort> = "2001:db8::/32,udp:53 nomatch".parse()?;
//! assert_eq!(entry.value().1, udp(53));
//!
//! let error = set.parse_entry("2001:db8::/129,udp:53").unwrap_err();
//! assert_eq!(error.position(), Some((1, 12)));
//! assert_eq!(error.reason(), "'129' is out of range 0-128");
//! # Ok::<(), ipvset::Error>(())
//! ```
//!
//! [`Reader`] and [`Writer`] read and write the files of `ipset save`. [`Commands`] reads every
//! file that `ipset restore` accepts. [`AddressLines`] reads plain lists of addresses and networks.
//!
//! The syntax is that of version 7.17 of the tool. Every line that `ipset save` prints can be read,
//! and is written again unchanged if `ipset restore` takes it: it does not take an option of its own
//! as a comment, such as `comment "-q"`. Other text that the tool accepts can be read too: ranges, names
//! of ICMP messages, numbers in the bases of C (`0x10`, `010`), options in any order, and options
//! of older versions. Names of hosts and services are read with the help of
//! [`Names`](crate::Names).
//!
//! Two things differ from the tool. `forceadd` is written, which the tool omits. A quote is only
//! accepted around a whole word.
//!
//! A line consists of bytes, since names and comments need not be UTF-8. `Display` escapes what a
//! `String` cannot represent, in a form that cannot be mistaken for something else.

mod address_lines;
mod command;
mod commands;
mod element;
mod entry;
mod icmp;
mod legacy;
mod lines;
mod options;
mod piece;
mod reader;
mod set;
mod shown;
mod switches;
mod value;
mod writer;

use crate::Result;
use piece::Words;

#[cfg(feature = "serde")]
pub(crate) use element::read_whole_port;
pub(super) use element::{Parts, Text, only_in};
#[cfg(feature = "serde")]
pub(crate) use entry::{read_skb_mark, read_skb_priority};
pub(super) use piece::Flaw;
pub(super) use shown::{Escaped, Shown};
pub(super) use value::{ValueText, print_element};

pub use address_lines::AddressLines;
pub use command::{Command, CommandLine, Listing};
pub use commands::Commands;
pub use options::{OptionName, OptionText};
pub use reader::{Line, Reader};
pub use switches::Output;
pub use writer::Writer;

/// Splits a line into words.
///
/// Words are separated by blanks, or enclosed in double quotes, which are removed. Blanks are the
/// space, the tab, `\r` and `\n`.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a quote that is not closed, or that does
/// not enclose a whole word.
pub fn words(line: &[u8]) -> Result<Vec<&[u8]>> {
    let mut words = Words::of(line);
    let mut all = Vec::new();
    loop {
        match words.next() {
            Ok(Some(word)) => all.push(word.text),
            Ok(None) => return Ok(all),
            Err(flaw) => return Err(flaw.error("read line", line, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_words() {
        let expected: [&[u8]; 4] = [b"add", b"web", b"10.0.0.1", b"a b"];
        assert_eq!(words(b" add\tweb 10.0.0.1  \"a b\"\r\n").unwrap(), expected);
        assert!(words(b" \t").unwrap().is_empty());
        for wrong in [&b"add \"web"[..], b"add we\"b\""] {
            assert!(words(wrong).unwrap_err().is_invalid_input());
        }
    }
}
