//! What holds for any file in /proc.

use super::sysctl::{ConnectionReuse, DefenseMode, SyncThreshold, Value};
use super::{Connections, Snapshot, captured, status, table, totals};
use crate::Result;
use crate::fuzzing::check_position;

/// Any file is read or refused in its place. The first byte says which file it is.
pub fn proc(bytes: &[u8]) {
    let Some((file, text)) = bytes.split_first() else {
        return;
    };
    match file % 6 {
        0 => check(
            text,
            Snapshot::read(text).map(|it| {
                assert!(it.len() <= lines(text));
                assert!(it.changes_since(&it.clone()).is_empty());
            }),
        ),
        1 => {
            for connection in Connections::new(text) {
                check(text, connection.map(drop));
            }
        }
        2 => check(text, totals::totals(text).map(drop)),
        3 => check(
            text,
            totals::per_cpu(text).map(|it| assert!(it.len() <= lines(text))),
        ),
        4 => check(text, status::status(text).map(drop)),
        _ => {
            check(text, table::info(text).map(drop));
            sysctls(text);
        }
    }
}

fn check(text: &[u8], read: Result<()>) {
    if let Err(error) = read {
        check_position(text, &error);
    }
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count()
}

fn sysctls(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    same::<i32>(text);
    same::<u32>(text);
    same::<u64>(text);
    same::<bool>(text);
    same::<DefenseMode>(text);
    same::<SyncThreshold>(text);
    same::<ConnectionReuse>(text);
}

/// A sysctl's value is written as it is read.
fn same<T: Value + PartialEq + std::fmt::Debug>(text: &str) {
    if let Some(value) = T::read(text) {
        assert_eq!(T::read(&value.written()), Some(value), "{text:?}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let files = [
        captured::TABLE,
        captured::CONNECTIONS,
        captured::STATS.as_bytes(),
        captured::STATS_PER_CPU.as_bytes(),
        captured::STATUS,
        b"3\t50",
    ];
    let all = files.iter().enumerate();
    let mut seeds: Vec<_> = all
        .map(|(file, text)| [&[file as u8], *text].concat())
        .collect();
    seeds.push([&[1], captured::SYNC_MASTER].concat());
    seeds.push([&[1], captured::SYNC_BACKUP].concat());
    seeds
}
