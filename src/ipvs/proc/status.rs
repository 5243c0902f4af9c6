use std::io;

use super::text::{Fields, Unexpected, decimal};
use crate::error::Cause;
use crate::{Error, Result};

/// The number of services and connections, and how full their tables are.
///
/// [`Proc::status`](super::Proc::status) returns it. A value that the kernel leaves out is
/// `None`. Lines that this crate does not know are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// The number of connections, including the templates of persistent services.
    pub connections: u64,
    /// The table of connections.
    pub connection_table: HashTable,
    /// The number of virtual services.
    pub services: u64,
    /// The table of services.
    pub service_table: HashTable,
    /// The number of slots for kernel threads that update statistics: the most threads that were
    /// needed so far.
    pub statistics_threads: Option<u64>,
    /// The maximum number of these threads.
    pub statistics_threads_max: Option<u64>,
    /// The maximum number of counters that such a thread updates at a time.
    pub statistics_chain_max: Option<u64>,
    /// The maximum number of counters that such a thread can update.
    pub statistics_per_thread: Option<u64>,
}

/// A hash table of IPVS, which grows and shrinks with the number of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HashTable {
    /// The number of buckets; 0 while there is no table, as before the first service.
    pub buckets: u64,
    /// The load factor for which the kernel made the table: see
    /// [`CONN_LFACTOR`](super::sysctl::CONN_LFACTOR) and
    /// [`SVC_LFACTOR`](super::sysctl::SVC_LFACTOR).
    pub load_factor: Option<i32>,
    /// The number of buckets with no entry, with one entry, with two and so on. The last number
    /// also counts the buckets with more entries. It is empty if the table has no entry.
    pub chains: Vec<u64>,
}

impl HashTable {
    /// Returns true if the kernel is moving the entries into a table of another size.
    ///
    /// Until it has moved all of them, `/proc/net/ip_vs` and `/proc/net/ip_vs_conn` show only the
    /// entries that it has not moved yet.
    pub fn is_being_resized(&self) -> bool {
        // Then `chains` counts the buckets of both tables.
        let buckets = self.chains.iter().copied().fold(0, u64::saturating_add);
        !self.chains.is_empty() && buckets != self.buckets
    }

    fn read(&mut self, what: &[u8], fields: Fields<'_>) -> Result<(), Unexpected> {
        let length = match what {
            b"" => {
                let (buckets, load_factor) = size(fields)?;
                (self.buckets, self.load_factor) = (buckets, load_factor);
                return Ok(());
            }
            b" empty" => Some(0),
            other => other.strip_prefix(b" len-").and_then(decimal),
        };
        // Ignores absurd lengths, so that they take no memory.
        let length = length.and_then(|it| usize::try_from(it).ok());
        if let Some(length) = length.filter(|it| *it < 1024) {
            if self.chains.len() <= length {
                self.chains.resize(length + 1, 0);
            }
            self.chains[length] = number(fields)?;
        }
        Ok(())
    }
}

/// Reads `128 (7 bits, lfactor -3)`.
fn size(mut fields: Fields<'_>) -> Result<(u64, Option<i32>), Unexpected> {
    let buckets = fields.read("a number", decimal)?;
    let mut load_factor = None;
    loop {
        match fields.next() {
            b"" => return Ok((buckets, load_factor)),
            b"lfactor" => {
                let number = std::str::from_utf8(fields.next()).ok();
                load_factor = number.and_then(|it| it.trim_end_matches(')').parse().ok());
            }
            _ => {}
        }
    }
}

fn number(mut fields: Fields<'_>) -> Result<u64, Unexpected> {
    fields.read("a number", decimal)
}

/// Reads `1 (max 16)`.
fn slots(mut fields: Fields<'_>) -> Result<(u64, Option<u64>), Unexpected> {
    let slots = fields.read("a number", decimal)?;
    let max = match fields.next() {
        b"(max" => fields.next().strip_suffix(b")").and_then(decimal),
        _ => None,
    };
    Ok((slots, max))
}

/// Reads `/proc/net/ip_vs_status` (`ip_vs_status_show`, net/netfilter/ipvs/ip_vs_ctl.c).
pub(super) fn status(text: &[u8]) -> Result<Status> {
    let mut status = Status::default();
    let (mut connections, mut services) = (None, None);
    for (line, at) in text.split(|byte| *byte == b'\n').zip(1..) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let fields = Fields::new(value.get(1..).unwrap_or_default());
        let read = match name {
            b"Conns" => number(fields).map(|it| connections = Some(it)),
            b"Services" => number(fields).map(|it| services = Some(it)),
            b"Stats thread slots" => slots(fields).map(|(slots, max)| {
                status.statistics_threads = Some(slots);
                status.statistics_threads_max = max;
            }),
            b"Stats chain max len" => {
                number(fields).map(|it| status.statistics_chain_max = Some(it))
            }
            b"Stats thread ests" => {
                number(fields).map(|it| status.statistics_per_thread = Some(it))
            }
            other => {
                let tables = [
                    (&b"Conn buckets"[..], &mut status.connection_table),
                    (&b"Service buckets"[..], &mut status.service_table),
                ];
                let found = tables
                    .into_iter()
                    .find_map(|(start, table)| Some((table, other.strip_prefix(start)?)));
                found.map_or(Ok(()), |(table, what)| table.read(what, fields))
            }
        };
        read.map_err(|why| why.behind(colon + 1).in_line(at, OPERATION))?;
    }
    let missing = |meant| Unexpected { column: 1, meant }.in_line(1, OPERATION);
    status.connections = connections.ok_or_else(|| missing("a status with `Conns:`"))?;
    status.services = services.ok_or_else(|| missing("a status with `Services:`"))?;
    Ok(status)
}

const OPERATION: &str = "read status";

pub(super) fn failed(error: io::Error) -> Error {
    Error::new(OPERATION, Cause::Io(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::ipvs::proc::captured;

    #[test]
    fn what_the_kernel_writes() {
        let read = status(captured::STATUS).unwrap();
        assert_eq!((read.connections, read.services), (0, 1));
        assert_eq!(read.connection_table.buckets, 256);
        assert_eq!(read.connection_table.load_factor, Some(-4));
        assert!(read.connection_table.chains.is_empty());
        assert_eq!(read.service_table.buckets, 16);
        assert_eq!(read.service_table.load_factor, Some(-3));
        assert_eq!(read.service_table.chains, [15, 1]);
        assert!(!read.service_table.is_being_resized());
        assert_eq!(read.statistics_threads, Some(1));
        assert_eq!(read.statistics_threads_max, Some(4));
        assert_eq!(read.statistics_chain_max, Some(0));
        assert_eq!(read.statistics_per_thread, Some(0));
    }

    #[test]
    fn lines_may_come_and_go() {
        let text = b"New:\tx\nConns:\t7\nService buckets:\t8\nService buckets len-3:\t4 (9%)\n\
            Service buckets len-x:\t?\nServices:\t2\nStats thread slots:\t3\n";
        let read = status(text).unwrap();
        assert_eq!((read.connections, read.services), (7, 2));
        assert_eq!(read.service_table.load_factor, None);
        assert_eq!(read.service_table.chains, [0, 0, 0, 4]);
        assert!(read.service_table.is_being_resized());
        assert_eq!(read.statistics_threads, Some(3));
        assert_eq!(read.statistics_threads_max, None);
    }

    #[test]
    fn what_is_no_status_is_told_by_its_place() {
        let error = status(b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MalformedReply);
        let error = status(b"Conns:\t1\nServices:\tx\n").unwrap_err();
        assert_eq!(error.position(), Some((2, 11)));
    }

    #[test]
    fn any_damage_is_an_error_or_other_numbers() {
        captured::damaged(captured::STATUS, |bytes| drop(status(bytes)));
    }

    #[test]
    fn absurd_lengths_are_ignored() {
        let text = |length| format!("Conns:\t0\nServices:\t0\nService buckets len-{length}:\t1\n");
        let chains = |length| {
            let read = status(text(length).as_bytes()).unwrap();
            read.service_table.chains.len()
        };
        assert_eq!((chains(1023), chains(1024)), (1024, 0));
    }
}
