use std::io::{self, BufRead};
use std::thread;

use super::connection::{Columns, Connection};
use super::growth::{ATTEMPTS, PAUSE, Size, Watch};
use super::text::Unexpected;
use crate::error::Cause;
use crate::{Error, Result};

const OPERATION: &str = "read connections";

/// An iterator over the connections in `/proc/net/ip_vs_conn` or `ip_vs_conn_sync`.
///
/// It holds only one line at a time, so a table of millions takes no more memory than a small
/// one. The kernel walks its table while the file is read, so the iterator may or may not return
/// a connection that begins or ends in the meantime. Up to Linux 6.1 at least, each read of some
/// fifty lines starts by counting from the table's start, so the time grows with the square of
/// the table's size.
///
/// # Tables that change their size
/// From Linux 7.1 on, the table grows and shrinks in the background. If this happens while the
/// file is read, connections may be missing or repeated. Then the last item is an error
/// ([`is_inconsistent`](Error::is_inconsistent)), and the file has to be read again.
///
/// The iterator of [`Proc::connections`](super::Proc::connections) detects this with
/// `/proc/net/ip_vs_status`, which it reads before the first line and after the last. That file
/// shows the table's size and whether it is changing. Only root can read it. For other users,
/// the iterator compares the size in the heading of `/proc/net/ip_vs`. This misses a change that
/// is not complete when the last line is read. Both miss a table that grew and then shrank to its
/// old size while the file was read.
///
/// # Errors
/// A line that is not understood is an error of kind
/// [`MalformedReply`](crate::ErrorKind::MalformedReply) with the line's number
/// ([`Error::position`]); the iterator goes on with the next line. After an error of reading the
/// file, the iterator ends.
#[derive(Debug)]
pub struct Connections<R> {
    reader: R,
    columns: Option<Columns>,
    line: Vec<u8>,
    number: usize,
    done: bool,
    /// Detects whether the kernel's table kept its size.
    watched: Option<Watched>,
}

/// A table that may grow, and its size when reading began.
#[derive(Debug)]
struct Watched {
    watch: Watch,
    size: Size,
}

impl<R: BufRead> Connections<R> {
    /// Reads connections from the text of either file.
    ///
    /// ```
    /// use ipvset::ipvs::proc::{ConnectionState, Connections};
    ///
    /// let text = "\
    /// Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
    /// TCP 0A000203 D196 0A090909 0050 0A000002 1F90 ESTABLISHED     885
    /// ";
    /// let connection = Connections::new(text.as_bytes()).next().unwrap()?;
    /// assert_eq!(connection.client, "10.0.2.3:53654".parse()?);
    /// assert_eq!(connection.state, ConnectionState::Established);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            columns: None,
            line: Vec::new(),
            number: 0,
            done: false,
            watched: None,
        }
    }

    /// Reads connections, with an error at the end if the table's size has changed since.
    pub(super) fn watched(reader: R, watch: Watch) -> Result<Self> {
        for attempt in 0..ATTEMPTS {
            if attempt != 0 {
                thread::sleep(PAUSE);
            }
            if let Some(size) = watch.size()? {
                let watched = Some(Watched { watch, size });
                let connections = Self::new(reader);
                return Ok(Self {
                    watched,
                    ..connections
                });
            }
        }
        Err(Error::new(OPERATION, Cause::Inconsistent))
    }

    /// Ends the reading. Returns an error if the table's size has changed.
    fn end(&mut self) -> Result<()> {
        self.done = true;
        match self.watched.take() {
            Some(Watched { watch, size }) if watch.size()? != Some(size) => {
                Err(Error::new(OPERATION, Cause::Inconsistent))
            }
            _ => Ok(()),
        }
    }

    /// Puts the next line, without its line feed, into `self.line`. Returns false at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let read = self.reader.read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        Ok(read != 0)
    }

    fn read_connection(&mut self) -> Result<Option<Connection>> {
        let columns = match self.columns {
            Some(columns) => columns,
            None => {
                // Without the columns, no line can be understood.
                self.done = true;
                if !self.read_line().map_err(failed)? {
                    return Ok(None);
                }
                let columns = columns(&self.line).map_err(|why| self.malformed(why))?;
                self.done = false;
                *self.columns.insert(columns)
            }
        };
        match self.read_line() {
            Ok(true) => {}
            Ok(false) => return self.end().map(|()| None),
            Err(error) => {
                self.done = true;
                return Err(failed(error));
            }
        }
        Connection::parse(&self.line, columns)
            .map(Some)
            .map_err(|why| self.malformed(why))
    }

    fn malformed(&self, why: Unexpected) -> Error {
        why.in_line(self.number, OPERATION)
    }
}

impl<R: BufRead> Iterator for Connections<R> {
    type Item = Result<Connection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.read_connection().transpose()
    }
}

impl<R: BufRead> std::iter::FusedIterator for Connections<R> {}

fn failed(error: io::Error) -> Error {
    Error::new(OPERATION, Cause::Io(error))
}

/// Returns which file this is, by its heading. Other columns than the known ones are an error.
fn columns(heading: &[u8]) -> Result<Columns, Unexpected> {
    let words = heading.split(|byte| *byte == b' ');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let common: [&[u8]; 8] = [
        b"Pro", b"FromIP", b"FPrt", b"ToIP", b"TPrt", b"DestIP", b"DPrt", b"State",
    ];
    match words.strip_prefix(&common) {
        Some([b"Expires", ..]) => Ok(Columns::Engine),
        Some([b"Origin", b"Expires"]) => Ok(Columns::Origin),
        _ => Err(Unexpected {
            column: 1,
            meant: "the heading of a table of connections",
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    use super::*;
    use crate::ErrorKind;
    use crate::Protocol;
    use crate::ipvs::PersistenceEngine;
    use crate::ipvs::proc::captured;
    use crate::ipvs::proc::growth::tests::{file, status_with};
    use crate::ipvs::proc::{ConnectionState, Origin};

    fn read(text: &[u8]) -> Vec<Connection> {
        Connections::new(text).map(Result::unwrap).collect()
    }

    #[test]
    fn what_the_kernel_writes() {
        let all = read(captured::CONNECTIONS);
        assert_eq!(
            all.len(),
            captured::CONNECTIONS.split(|b| *b == b'\n').count() - 2
        );
        let first = &all[0];
        assert_eq!(first.protocol, Protocol::TCP);
        assert_eq!(first.client, "[fd02::3]:39034".parse().unwrap());
        assert_eq!(first.virtual_address, "[fd09::9]:80".parse().unwrap());
        assert_eq!(first.destination, "[fd00::2]:8080".parse().unwrap());
        assert_eq!(first.state, ConnectionState::TimeWait);
        assert_eq!(first.expires_in, Duration::from_secs(107));
        assert_eq!((first.origin, &first.engine_data), (None, &None));
        // IPv4 to IPv6 and back, through tunnels.
        assert_eq!(all[1].client, "10.0.2.3:34410".parse().unwrap());
        assert_eq!(all[1].destination, "[fd00::2]:82".parse().unwrap());
        assert_eq!(all[5].client, "[fd02::3]:44128".parse().unwrap());
        assert_eq!(all[5].destination, "10.0.0.12:82".parse().unwrap());
        let states: std::collections::BTreeSet<_> =
            all.iter().map(|it| it.state.as_str()).collect();
        let seen = [
            "ASSURED",
            "CLOSE",
            "CLOSE_WAIT",
            "ESTABLISHED",
            "FIN_WAIT",
            "NONE",
            "SYN_RECV",
            "TIME_WAIT",
            "UDP",
        ];
        assert!(states.iter().eq(seen.iter()), "{states:?}");
    }

    #[test]
    fn templates_firewall_marks_and_engines() {
        let all = read(captured::CONNECTIONS);
        let templates: Vec<_> = all.iter().filter(|it| it.is_template()).collect();
        assert_eq!(templates.len(), 6);
        let marked: Vec<_> = all
            .iter()
            .filter(|it| it.firewall_mark().is_some())
            .collect();
        assert_eq!(marked.len(), 2);
        for template in marked {
            assert!(template.is_template());
            assert_eq!(template.firewall_mark().unwrap().get(), 7);
        }
        let engines: Vec<_> = all
            .iter()
            .filter_map(|it| it.engine_data.as_ref())
            .collect();
        assert_eq!(engines.len(), 1);
        assert_eq!(engines[0].engine, PersistenceEngine::Sip);
        assert_eq!(engines[0].data, b"a84b4c76e66710@pc33.example.com");
    }

    #[test]
    fn the_sync_file_says_who_told() {
        let own = read(captured::SYNC_MASTER);
        assert!(own.iter().all(|it| it.origin == Some(Origin::Local)));
        let told = read(captured::SYNC_BACKUP);
        assert!(told.iter().all(|it| it.origin == Some(Origin::Synced)));
        assert_eq!((own.len(), told.len()), (34, 10));
        assert_eq!(told[1].expires_in, Duration::from_secs(899));
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_the_next_is_read() {
        let text = [
            captured::CONNECTIONS,
            b"TCP 0A000203 866 0A090909 0052 0A000002 0052 NONE 5\n",
            b"TCP 0A000203 8660 0A090909 0052 0A000002 0052 NONE 5 sip a b \n",
        ]
        .concat();
        let mut connections = Connections::new(&text[..]).skip_while(Result::is_ok);
        let error = connections.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MalformedReply);
        assert_eq!(error.position(), Some((28, 14)));
        assert_eq!(
            error.to_string(),
            "read connections: the kernel's table is malformed: line 28, column 14: expected a port"
        );
        let next = connections.next().unwrap().unwrap();
        assert_eq!(next.engine_data.unwrap().data, b"a b ");
        assert!(connections.next().is_none());
    }

    #[test]
    fn other_columns_are_not_guessed_at() {
        let text = b"Pro FromIP FPrt ToIP TPrt LocalIP LPrt DestIP DPrt State Expires\n\
            TCP 0A000203 8660 0A090909 0052 0A000002 0052 NONE 5\n";
        let mut connections = Connections::new(&text[..]);
        let error = connections.next().unwrap().unwrap_err();
        assert_eq!(error.position(), Some((1, 1)));
        assert!(connections.next().is_none());
        assert!(Connections::new(&b""[..]).next().is_none());
    }

    #[test]
    fn any_damage_is_an_error_or_another_connection() {
        for text in [captured::CONNECTIONS, captured::SYNC_BACKUP] {
            captured::damaged(text, |bytes| for _ in Connections::new(bytes) {});
        }
    }

    #[test]
    fn a_table_that_changes_its_size_while_it_is_read_is_inconsistent() {
        for (later, is_inconsistent) in [
            (status_with(256, 200), false),
            (status_with(512, 456), true),
            (status_with(256, 456), true),
        ] {
            let status = file(status_with(256, 200).as_bytes());
            let watch = Watch::Status(status.try_clone().unwrap());
            let mut connections = Connections::watched(captured::CONNECTIONS, watch).unwrap();
            connections.next().unwrap().unwrap();
            status.write_all_at(later.as_bytes(), 0).unwrap();
            let last = connections.last().unwrap();
            assert_eq!(last.is_err_and(|it| it.is_inconsistent()), is_inconsistent);
        }
    }

    #[test]
    fn a_table_that_is_always_being_resized_is_not_read() {
        let watch = Watch::Status(file(status_with(256, 456).as_bytes()));
        let error = Connections::watched(captured::CONNECTIONS, watch).unwrap_err();
        assert!(error.is_inconsistent());
    }
}
