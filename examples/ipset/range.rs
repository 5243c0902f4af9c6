//! Options for the range of a bitmap.

use crate::arguments::Word;
use crate::complaint::{Complaint, said};
use crate::spelling::Spelled;

/// The range of a bitmap: `range FIRST-LAST`, `range NETWORK`, `network NETWORK`, or
/// `from FIRST to LAST`.
#[derive(Debug, Default)]
pub struct Range {
    first: Option<Word>,
    last: Option<Word>,
    /// Whether `to` is still required, because the first address or port was given alone.
    open: bool,
}

impl Range {
    pub const NAMES: [&[u8]; 4] = [b"range", b"network", b"from", b"to"];

    pub fn take(&mut self, name: &[u8], value: &Word, ports: bool) -> Result<(), Complaint> {
        let given = match name {
            b"to" => &self.last,
            _ => &self.first,
        };
        if given.is_some() {
            let behind = b" already specified";
            return Err(Complaint::new(said(b"Syntax error: ", name, behind)));
        }
        let has = |byte| value.contains(&byte);
        match name {
            b"to" => self.last = Some(value.clone()),
            b"from" if has(b'/') || has(b'-') => {
                let before = b"Syntax error: plain IP address must be supplied: ";
                return Err(Complaint::new(said(before, value, b"")));
            }
            b"network" if !has(b'/') || has(b'-') => {
                let before = b"Syntax error: IP/netblock must be supplied: ";
                return Err(Complaint::new(said(before, value, b"")));
            }
            b"range" if !ports && !has(b'/') && !has(b'-') => {
                let before = b"Syntax error: IP/cidr or IP-IP range must be specified: ";
                return Err(Complaint::new(said(before, value, b"")));
            }
            _ => {
                self.first = Some(value.clone());
                self.open = name == b"from" || ports && !has(b'-');
                if has(b'-') {
                    self.last = None;
                }
            }
        }
        Ok(())
    }

    /// Adds the range to the words. If the range is missing, it adds `other`, so that the other
    /// values can be checked.
    pub fn finish(self, spelled: &mut Spelled, other: &str) {
        let missing = |name| Complaint::usage(format!("Mandatory option `{name}' is missing"));
        let range = match (self.first, self.last) {
            (None, _) => Err(missing("range")),
            (Some(_), None) if self.open => Err(missing("to")),
            (Some(range), None) => Ok(range),
            (Some(mut range), Some(last)) => {
                let prefix = range.iter().position(|byte| *byte == b'/');
                range.truncate(prefix.unwrap_or(range.len()));
                Ok(said(&range, b"-", &last))
            }
        };
        let range = range.unwrap_or_else(|missing| {
            spelled.flaw.get_or_insert(missing);
            other.into()
        });
        spelled.words.extend([b"range".to_vec(), range]);
    }
}
