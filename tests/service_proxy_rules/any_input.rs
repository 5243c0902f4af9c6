//! What holds for any input of the example service_proxy. The fuzz target `kubernetes` runs this
//! with any bytes.

use crate::cluster::Cluster;
use crate::input::{self, Event};
use crate::translate::{Node, Settings, Wanted};

/// Reads any input into memory. What is broken is told with its place.
pub fn read(bytes: &[u8]) -> Cluster {
    let mut cluster = Cluster::default();
    let ended = input::read(bytes, |event| {
        if let Event::Broken { position, reason } = &event {
            let mut lines = bytes.split(|byte| *byte == b'\n');
            let line = lines.nth(position.line - 1);
            let length = line.expect("the line is in the input").len();
            // The end of a line counts as a part of it.
            let column = position.column;
            assert!(
                (1..=length + 1).contains(&column),
                "{position} of {length}: {reason}"
            );
            assert!(!reason.is_empty());
        }
        let told = cluster.enter(0, event);
        assert!(told.is_none_or(|it| !it.is_empty()));
    });
    ended.expect("bytes in memory are always read");
    cluster
}

/// What the node has to look like does not depend on whether it is translated event by event or at
/// the end.
pub fn translate(bytes: &[u8]) {
    let mut cluster = Cluster::default();
    let mut stepwise = wanted();
    let ended = input::read(bytes, |event| {
        cluster.enter(0, event);
        stepwise.follow(&mut cluster);
    });
    ended.expect("bytes in memory are always read");
    let mut at_once = wanted();
    at_once.follow(&mut read(bytes));
    assert_eq!(stepwise.table, at_once.table);
    assert_eq!(stepwise.health_checks, at_once.health_checks);
    assert!(stepwise.addresses.iter().eq(at_once.addresses.iter()));
    assert_eq!(stepwise.services(), at_once.services());
}

fn wanted() -> Wanted {
    let node = Node {
        name: "here".into(),
        zone: Some("a".into()),
        addresses: vec![
            [192, 0, 2, 10].into(),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 10].into(),
        ],
    };
    Wanted::new(node, Settings::default()).expect("the names of sets are short")
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_their_beginnings_and_with_any_byte_replaced() {
        for seed in crate::seeds::seeds() {
            for end in 0..seed.len() {
                super::read(&seed[..end]);
            }
            super::translate(&seed);
            for place in (0..seed.len()).step_by(31) {
                let mut changed = seed.clone();
                for byte in *b"{\"9:\xff\n" {
                    changed[place] = byte;
                    super::translate(&changed);
                }
            }
        }
    }
}
