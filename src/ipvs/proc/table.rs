//! The parser of `/proc/net/ip_vs` (`ip_vs_info_seq_show`, net/netfilter/ipvs/ip_vs_ctl.c).

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::snapshot::{
    Row, Snapshot, SnapshotForwarding, SnapshotKey, SnapshotPersistence, SnapshotServer,
    SnapshotService,
};
use super::text::{Fields, Unexpected, decimal_u32, hex_u32, protocol, socket_address};
use crate::error::Cause;
use crate::ipvs::{Info, Scheduler, Version};
use crate::{Error, Result};

const OPERATION: &str = "read table";

impl Snapshot {
    /// Reads a snapshot from the text of `/proc/net/ip_vs`.
    ///
    /// # Errors
    /// - [`MalformedReply`](crate::ErrorKind::MalformedReply) if the text is not of this
    ///   form; [`Error::position`](crate::Error::position) returns where.
    /// - [`Io`](crate::ErrorKind::Io) if reading fails.
    pub fn read(text: impl BufRead) -> Result<Self> {
        let mut snapshot = Self::default();
        self::read(&mut snapshot, text)?;
        Ok(snapshot)
    }
}

/// Replaces the content of a snapshot with that of a text. After an error, the snapshot is
/// empty.
pub(super) fn read(snapshot: &mut Snapshot, text: impl BufRead) -> Result<()> {
    snapshot.clear();
    let mut number = 0;
    let read = each_line(text, |line| {
        number += 1;
        match number {
            1 => heading(line).map(|info| snapshot.info = info),
            2 => expect(line, "Prot LocalAddress:Port"),
            3 => expect(line, "  -> RemoteAddress:Port"),
            _ => read_line(snapshot, line),
        }
        .map_err(|why| why.in_line(number, OPERATION))
    });
    let read = read.and_then(|()| match number {
        // The text ends within the heading.
        0..3 => Err(no_heading().in_line(number.max(1), OPERATION)),
        _ => Ok(()),
    });
    if read.is_err() {
        snapshot.clear();
    }
    read
}

/// Calls `read` with each line. It copies a line only if the line is split between two pieces of
/// the text.
fn each_line(mut text: impl BufRead, mut read: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut begun = Vec::new();
    loop {
        let piece = match text.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                None => begun.extend_from_slice(line),
                Some(line) if begun.is_empty() => read(line)?,
                Some(line) => {
                    begun.extend_from_slice(line);
                    read(&begun)?;
                    begun.clear();
                }
            }
        }
        text.consume(length);
    }
    match begun.is_empty() {
        true => Ok(()),
        false => read(&begun),
    }
}

pub(super) fn failed(error: io::Error) -> Error {
    Error::new(OPERATION, Cause::Io(error))
}

/// Reads the text's first line.
pub(super) fn info(text: &[u8]) -> Result<Info> {
    let line = text.split(|byte| *byte == b'\n').next();
    heading(line.unwrap_or_default()).map_err(|why| why.in_line(1, OPERATION))
}

fn no_heading() -> Unexpected {
    Unexpected {
        column: 1,
        meant: "the heading of the table of services",
    }
}

fn expect(line: &[u8], start: &str) -> Result<(), Unexpected> {
    match line.starts_with(start.as_bytes()) {
        true => Ok(()),
        false => Err(no_heading()),
    }
}

fn read_line(snapshot: &mut Snapshot, line: &[u8]) -> Result<(), Unexpected> {
    if let Some(server) = line.strip_prefix(b"  -> ") {
        let Some(row) = snapshot.services.last_mut() else {
            return Err(Unexpected {
                column: 1,
                meant: "a service, ahead of its servers",
            });
        };
        // Columns count from the line's start.
        let indent = line.len() - server.len();
        let server = read_server(Fields::new(server)).map_err(|why| why.behind(indent))?;
        snapshot.servers.push(server);
        row.end = snapshot.servers.len();
    } else if !line.is_empty() {
        snapshot.services.push(Row {
            service: read_service(Fields::new(line))?,
            end: snapshot.servers.len(),
        });
    }
    Ok(())
}

/// Reads `IP Virtual Server version 1.2.1 (size=4096)`.
fn heading(line: &[u8]) -> Result<Info, Unexpected> {
    let mut fields = Fields::new(line);
    for word in ["IP", "Virtual", "Server", "version"] {
        fields.read("IP Virtual Server version", |it| {
            (it == word.as_bytes()).then_some(())
        })?;
    }
    let version = fields.read("a version", version)?;
    let connection_table_size = fields.read("(size=...)", |word| {
        decimal_u32(word.strip_prefix(b"(size=")?.strip_suffix(b")")?)
    })?;
    Ok(Info {
        version,
        connection_table_size,
    })
}

fn version(word: &[u8]) -> Option<Version> {
    let mut parts = word.split(|byte| *byte == b'.');
    let mut part = || decimal_u32(parts.next()?)?.try_into().ok();
    Some(Version {
        major: part()?,
        minor: part()?,
        patch: part()?,
    })
}

/// Reads `TCP  0A090909:0050 rr ops persistent 3000 FFFFFFFF` or `FWM  00000007 rr`.
fn read_service(mut fields: Fields<'_>) -> Result<SnapshotService, Unexpected> {
    let protocol = fields.read("a protocol or FWM", |word| match word {
        b"FWM" => Some(None),
        name => protocol(name).map(Some),
    })?;
    let key = match protocol {
        Some(protocol) => SnapshotKey::Address {
            protocol,
            address: fields.read("the virtual address", socket_address)?,
        },
        None => SnapshotKey::FirewallMark {
            mark: fields.read("a firewall mark", |word| NonZeroU32::new(hex_u32(word)?))?,
        },
    };
    let scheduler = fields.read("a scheduler", |name| Scheduler::reported(name).ok())?;
    let mut one_packet = match key {
        SnapshotKey::Address {
            address: SocketAddr::V6(_),
            ..
        } => None,
        _ => Some(false),
    };
    let mut persistence = None;
    loop {
        let before = fields;
        match fields.next() {
            b"" => break,
            b"ops" => one_packet = Some(true),
            b"persistent" => {
                persistence = Some(SnapshotPersistence {
                    ticks: fields.read("a timeout", decimal_u32)?,
                    mask: fields.read("a mask", hex_u32)?,
                });
            }
            _ => {
                fields = before;
                fields.read("ops or persistent", |_| None::<()>)?;
            }
        }
    }
    Ok(SnapshotService {
        key,
        scheduler,
        one_packet,
        persistence,
    })
}

/// Reads `0A00000B:1F90      Masq    1      0          0`.
#[inline]
fn read_server(mut fields: Fields<'_>) -> Result<SnapshotServer, Unexpected> {
    let server = SnapshotServer {
        address: fields.read("the server's address", socket_address)?,
        forwarding: fields.read("a forwarding method", forwarding)?,
        weight: fields.read("a weight", decimal_u32)?,
        active_connections: fields.read("a number of connections", count)?,
        inactive_connections: fields.read("a number of connections", count)?,
    };
    fields.end()?;
    Ok(server)
}

#[inline]
fn forwarding(word: &[u8]) -> Option<SnapshotForwarding> {
    match word {
        b"Masq" => Some(SnapshotForwarding::Masquerade),
        b"Local" => Some(SnapshotForwarding::LocalNode),
        b"Tunnel" => Some(SnapshotForwarding::Tunnel),
        b"Route" => Some(SnapshotForwarding::DirectRouting),
        b"Bypass" => Some(SnapshotForwarding::Bypass),
        _ => None,
    }
}

/// Reads a number of connections. It can be negative for a moment, which counts as 0.
#[inline]
fn count(word: &[u8]) -> Option<u32> {
    match word.strip_prefix(b"-") {
        Some(digits) => decimal_u32(digits).map(|_| 0),
        None => decimal_u32(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::Protocol;
    use crate::ipvs::proc::captured;

    #[test]
    fn words_of_forwarding_methods() {
        use SnapshotForwarding::*;
        for (word, expected) in [
            ("Masq", Some(Masquerade)),
            ("Local", Some(LocalNode)),
            ("Tunnel", Some(Tunnel)),
            ("Route", Some(DirectRouting)),
            ("Bypass", Some(Bypass)),
            ("masq", None),
        ] {
            assert_eq!(forwarding(word.as_bytes()), expected);
        }
    }

    #[test]
    fn what_the_kernel_writes() {
        let snapshot = Snapshot::read(captured::TABLE).unwrap();
        assert_eq!(snapshot.info().version.to_string(), "1.2.1");
        assert_eq!(snapshot.info().connection_table_size, 4096);
        assert_eq!(snapshot.len(), 15);
        let all: Vec<_> = snapshot.iter().collect();
        assert_eq!(
            all.iter().map(|(_, servers)| servers.len()).sum::<usize>(),
            21
        );

        let (service, servers) = all[0];
        let address = "[fd09::9]:82".parse().unwrap();
        let protocol = Protocol::TCP;
        assert_eq!(service.key, SnapshotKey::Address { protocol, address });
        assert_eq!(service.scheduler, Scheduler::RoundRobin);
        assert_eq!((service.one_packet, service.persistence), (None, None));
        assert_eq!(servers[0].address, "10.0.0.12:82".parse().unwrap());
        assert_eq!(servers[0].forwarding, SnapshotForwarding::Tunnel);
        assert_eq!(servers[1].address, "[fd00::2]:82".parse().unwrap());
        assert_eq!(servers[1].forwarding, SnapshotForwarding::DirectRouting);

        let (service, servers) = all[2];
        let persistence = SnapshotPersistence {
            ticks: 30_000,
            mask: 0xffff_ff00,
        };
        assert_eq!(service.persistence, Some(persistence));
        assert_eq!(servers.len(), 1);
        let (_, servers) = all[4];
        assert_eq!((servers[0].weight, servers[1].weight), (0, 100));
        let connections = (
            servers[1].active_connections,
            servers[1].inactive_connections,
        );
        assert_eq!(connections, (1, 3));
        let (service, _) = all[6];
        assert_eq!(service.one_packet, Some(true));

        let marks = all.iter().filter_map(|(service, _)| match service.key {
            SnapshotKey::FirewallMark { mark } => Some(mark.get()),
            SnapshotKey::Address { .. } => None,
        });
        assert_eq!(marks.collect::<Vec<_>>(), [7, 7, u32::MAX]);
        assert!(all[14].1.is_empty());
    }

    #[test]
    fn lines_that_are_none_of_the_kernels_are_told_by_place() {
        let with = |line: &str| {
            let text = [captured::TABLE, line.as_bytes()].concat();
            Snapshot::read(&text[..])
        };
        with("IP_47  0A090909:0050 none ops  persistent 10 FF000000\n").unwrap();
        for (line, column, meant) in [
            ("TCP  0A090909 rr ", 6, "virtual address"),
            ("FWM  00000000 rr ", 6, "mark"),
            ("TCP  0A090909:0050 rr odd", 23, "ops"),
            ("TCP  0A090909:0050 rr persistent x F", 34, "timeout"),
            ("  -> 0A00000B:1F90 Fast 1 0 0", 20, "method"),
            ("  -> 0A00000B:1F90 Masq -1 0 0", 25, "weight"),
            ("  -> 0A00000B:1F90 Masq 1 0 0 0", 31, "end"),
        ] {
            let error = with(line).unwrap_err();
            assert_eq!(error.position(), Some((40, column)), "{error}");
            assert!(error.to_string().contains(meant), "{error}");
            assert_eq!(error.kind(), ErrorKind::MalformedReply);
        }
        assert_eq!(
            Snapshot::read(&b""[..]).unwrap_err().position(),
            Some((1, 1))
        );
        // A text that ends within its heading fails in its last line.
        let heading = captured::TABLE.split(|byte| *byte == b'\n').next();
        assert_eq!(
            Snapshot::read(heading.unwrap()).unwrap_err().position(),
            Some((1, 1))
        );
        let lonely = captured::TABLE
            .split_inclusive(|byte| *byte == b'\n')
            .take(3);
        let lonely = [lonely.flatten().copied().collect(), b"  -> x".to_vec()].concat();
        assert_eq!(
            Snapshot::read(&lonely[..]).unwrap_err().position(),
            Some((4, 1))
        );
    }

    #[test]
    fn pieces_of_any_size_are_the_same_text() {
        let whole = Snapshot::read(captured::TABLE).unwrap();
        for size in [1, 7, 64, 1000] {
            let pieces = io::BufReader::with_capacity(size, captured::TABLE);
            assert_eq!(Snapshot::read(pieces).unwrap(), whole);
        }
        let unended = captured::TABLE.trim_ascii_end();
        assert_eq!(Snapshot::read(unended).unwrap(), whole);
    }

    #[test]
    fn memory_is_used_again_but_never_what_was_in_it() {
        let mut snapshot = Snapshot::read(captured::TABLE).unwrap();
        let whole = snapshot.clone();
        read(&mut snapshot, captured::TABLE).unwrap();
        assert_eq!(snapshot, whole);
        let damaged = [captured::TABLE, b"x"].concat();
        read(&mut snapshot, &damaged[..]).unwrap_err();
        assert!(snapshot.is_empty());
    }

    #[test]
    fn any_damage_is_an_error_or_another_table() {
        captured::damaged(captured::TABLE, |bytes| drop(Snapshot::read(bytes)));
    }

    /// A text whose reading is interrupted before each piece.
    struct Interrupted<'a> {
        text: &'a [u8],
        interrupts: bool,
    }

    impl io::Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.interrupts = !self.interrupts;
            match self.interrupts {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.text.read(buffer),
            }
        }
    }

    #[test]
    fn reading_goes_on_after_an_interruption() {
        let text = Interrupted {
            text: captured::TABLE,
            interrupts: false,
        };
        let read = Snapshot::read(io::BufReader::with_capacity(100, text)).unwrap();
        assert_eq!(read, Snapshot::read(captured::TABLE).unwrap());
    }

    #[test]
    fn a_heading_of_another_table_is_refused() {
        for line in 1..=3 {
            let mut lines: Vec<_> = captured::TABLE.split_inclusive(|it| *it == b'\n').collect();
            lines[line - 1] = b"another heading\n";
            let error = Snapshot::read(&lines.concat()[..]).unwrap_err();
            assert_eq!(error.position(), Some((line, 1)));
        }
    }

    #[test]
    fn reading_ends_with_any_other_error() {
        struct Broken;

        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }

        let error = Snapshot::read(io::BufReader::new(Broken)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    }
}
