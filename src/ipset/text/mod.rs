//! Sets and entries in the syntax of the `ipset` tool, and whole files of `ipset save`. No
//! kernel is asked for anything.
//!
//! A set is written as it is created, an entry as it is added:
//!
//! ```
//! use ipvset::ipset::{AnySet, Entry, HashNetPort, IpSet, udp};
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
//! [`Reader`] and [`Writer`] do so with the files of `ipset save`, [`Commands`] reads every file
//! that `ipset restore` takes.
//!
//! The text is the tool's own (version 7.17): every line that `ipset save` prints is read, and
//! written again as it was. Beside what that prints, ranges, names of ICMP messages, numbers in
//! the bases of C (`0x10`, `010`), options in any order and those of older versions are read. Two
//! things differ from the tool: `forceadd` is written, which the tool forgets, and a quote may only
//! stand around a whole word. Names of hosts and services are read where [`Names`] knows them.
//!
//! A line is bytes: names and comments need not be UTF-8. What a `String` cannot carry is escaped
//! by `Display`, so that it is never taken for something else.

mod command;
mod commands;
mod element;
mod entry;
mod legacy;
mod lines;
mod names;
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
pub(super) use element::{Parts, Text, only_in, read_protocol};
#[cfg(feature = "serde")]
pub(crate) use entry::{read_skb_mark, read_skb_priority};
pub(super) use names::protocol_name;
pub(super) use piece::Flaw;
pub(super) use shown::{Escaped, Shown};
pub(super) use value::{ValueText, print_element};

pub use command::{Command, CommandLine, Listing};
pub use commands::Commands;
pub use names::Names;
pub use options::{OptionName, OptionText};
pub use reader::{Line, Reader};
pub use switches::Output;
pub use writer::Writer;

/// The words of a line: separated by blanks, or in double quotes, which are taken off. Blanks are
/// the space, the tab and the ends of lines.
///
/// # Errors
/// `InvalidInput` for a quote that is not closed, or does not stand around a whole word.
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
