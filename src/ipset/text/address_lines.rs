//! Reads plain lists of addresses.

use std::fmt;
use std::io::BufRead;
use std::iter::FusedIterator;
use std::net::IpAddr;

use ipnet::{IpSubnets, Ipv6Subnets};

use super::lines::Lines;
use super::piece::{Flaw, Piece};
use crate::error::Cause;
use crate::ipset::{Addresses, Ipv4Range};
use crate::{Error, Result};

const READ: &str = "read list of addresses";

/// Reads a plain list line by line: an address, a network or a range of addresses on each.
///
/// What follows `#` or `;` in a line is a comment. Blanks and empty lines are skipped. IPv4 and
/// IPv6 may be mixed: [`Addresses::family`] tells them apart. A range of IPv6 addresses, which the
/// kernel does not know, is returned as the fewest networks that cover it.
///
/// ```
/// use ipvset::ipset::text::AddressLines;
///
/// let list = "\
/// ## from the gateway
/// 192.0.2.7
/// 198.51.100.0/24 ; a whole network
/// 203.0.113.8 - 203.0.113.20
/// example.org
/// 2001:db8::/32
/// ";
/// let (good, bad): (Vec<_>, Vec<_>) = AddressLines::new(list.as_bytes()).partition(Result::is_ok);
/// assert_eq!(good.len(), 4);
/// let errors: Vec<_> = bad.into_iter().filter_map(Result::err).collect();
/// assert_eq!(errors[0].position(), Some((5, 1)));
/// ```
///
/// After an error, the iterator goes on with the next line, so bad lines can be reported and left
/// out. No line is held longer than until the next one is read.
///
/// # Errors
/// The iterator returns [`InvalidInput`](crate::ErrorKind::InvalidInput) for a malformed line, with
/// its [position](Error::position), and [`Io`](crate::ErrorKind::Io) if reading fails.
pub struct AddressLines<R> {
    lines: Lines<R>,
    /// What follows of a range of IPv6 addresses.
    networks: Option<IpSubnets>,
}

impl<R: BufRead> AddressLines<R> {
    /// Reads from a file, a pipe or a byte slice.
    pub fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            networks: None,
        }
    }

    /// Returns the number of the last line that was read, from 1.
    pub fn line_number(&self) -> usize {
        self.lines.number()
    }

    fn read(&mut self) -> Result<Option<Addresses>> {
        loop {
            if let Some(network) = self.networks.as_mut().and_then(Iterator::next) {
                return Ok(Some(network.into()));
            }
            let read = self.lines.advance();
            if !read.map_err(|error| Error::new(READ, Cause::Io(error)))? {
                return Ok(None);
            }
            let flaw = |flaw: Flaw| flaw.error(READ, self.lines.line(), self.lines.number());
            let piece = trimmed(Piece::line(self.lines.line()));
            if self.lines.is_too_long() {
                return Err(flaw(piece.flaw("the line is too long")));
            }
            let stated = Piece {
                text: piece
                    .text
                    .split(|it| b"#;".contains(it))
                    .next()
                    .unwrap_or_default(),
                ..piece
            };
            let stated = trimmed(stated);
            if stated.text.is_empty() {
                continue;
            }
            match parse(stated).map_err(flaw)? {
                Stated::Addresses(addresses) => return Ok(Some(addresses)),
                Stated::Networks(networks) => self.networks = Some(networks),
            }
        }
    }
}

/// What a line states.
enum Stated {
    Addresses(Addresses),
    Networks(IpSubnets),
}

fn parse(text: Piece<'_>) -> Result<Stated, Flaw> {
    let Some((first, last)) = text.split(b'-') else {
        return match text.parse() {
            Some(addresses) => Ok(Stated::Addresses(addresses)),
            None => Err(text.flaw(format!(
                "'{}' is not an address, a network or a range of addresses",
                text.shown()
            ))),
        };
    };
    let address = |piece: Piece<'_>| {
        let piece = trimmed(piece);
        let why = || piece.flaw(format!("'{}' is not an address", piece.shown()));
        piece.parse::<IpAddr>().ok_or_else(why)
    };
    match (address(first)?, address(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ok(Stated::Addresses(Ipv4Range::new(first, last).into()))
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let networks = Ipv6Subnets::new(one.min(other), one.max(other), 0);
            Ok(Stated::Networks(networks.into()))
        }
        _ => Err(text.flaw("the ends of the range have different families")),
    }
}

/// Removes the blanks around a text.
fn trimmed(piece: Piece<'_>) -> Piece<'_> {
    let blanks = piece.text.len() - piece.text.trim_ascii_start().len();
    Piece {
        text: piece.text.trim_ascii(),
        at: piece.at + blanks,
    }
}

impl<R: BufRead> Iterator for AddressLines<R> {
    type Item = Result<Addresses>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl<R: BufRead> FusedIterator for AddressLines<R> {}

impl<R> fmt::Debug for AddressLines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressLines")
            .field("line_number", &self.lines.number())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<String, (usize, usize, String)>> {
        let items = AddressLines::new(text.as_bytes());
        let shown = items.map(|item| match item {
            Ok(addresses) => Ok(addresses.to_string()),
            Err(error) => {
                let (line, column) = error.position().unwrap();
                Err((line, column, error.reason()))
            }
        });
        shown.collect()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (text, expected) in [
            ("", &[][..]),
            ("\n\r\n \t\n# all\n;\n  # of it\n", &[]),
            ("192.0.2.7", &["192.0.2.7"]),
            ("\t192.0.2.7 \r\n", &["192.0.2.7"]),
            ("192.0.2.7/32\n192.0.2.9/24", &["192.0.2.7", "192.0.2.0/24"]),
            (
                "192.0.2.7#a\n192.0.2.8;b # c\n",
                &["192.0.2.7", "192.0.2.8"],
            ),
            ("192.0.2.7-192.0.2.9", &["192.0.2.7-192.0.2.9"]),
            ("192.0.2.9 - 192.0.2.7 ; turned", &["192.0.2.7-192.0.2.9"]),
            ("192.0.2.7-192.0.2.7", &["192.0.2.7"]),
            ("0.0.0.0/0\n::/0", &["0.0.0.0/0", "::/0"]),
            (
                "2001:db8::/32\n10.0.0.1\n::1",
                &["2001:db8::/32", "10.0.0.1", "::1"],
            ),
            ("::5 - ::1\n::9", &["::1", "::2/127", "::4/127", "::9"]),
            ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["::/0"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|it| Ok((*it).to_owned())).collect();
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_bad_line_is_told_and_the_next_one_read() {
        let long = "1".repeat(70_000);
        for (text, column, why) in [
            (
                "example.org",
                1,
                "'example.org' is not an address, a network or a range of addresses",
            ),
            (
                " 10.0.0.1 10.0.0.2",
                2,
                "'10.0.0.1 10.0.0.2' is not an address, a network or a range of addresses",
            ),
            (
                "10.0.0.0/33",
                1,
                "'10.0.0.0/33' is not an address, a network or a range of addresses",
            ),
            ("10.0.0.1 - x", 12, "'x' is not an address"),
            ("10.0.0.1-", 10, "'' is not an address"),
            (
                "10.0.0.1-::1",
                1,
                "the ends of the range have different families",
            ),
            (&long, 1, "the line is too long"),
        ] {
            let expected = [
                Ok("10.0.0.1".to_owned()),
                Err((2, column, why.to_owned())),
                Ok("::1".to_owned()),
            ];
            assert_eq!(read(&format!("10.0.0.1\n{text}\n::1\n")), expected);
        }
        let mut bytes = AddressLines::new(&b"\xff\n10.0.0.1"[..]);
        assert!(bytes.next().unwrap().unwrap_err().is_invalid_input());
        assert_eq!(bytes.line_number(), 1);
        assert!(bytes.next().unwrap().is_ok());
        assert!(bytes.next().is_none() && bytes.next().is_none());
    }
}
