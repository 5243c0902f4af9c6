//! What the fuzz targets in `fuzz/` run: functions that take any bytes, and check more than that
//! nothing panics. Each stands beside the code that it drives, because it needs what is private
//! there. This module exists with `--cfg fuzzing` and in unit tests, which run each function with
//! its seeds.

use crate::captured;

pub use crate::ipset::fuzzing::{ipset_messages, ipset_text};
pub use crate::ipset::plan::properties::rounds::set_plan;
pub use crate::ipvs::fuzzing::{ipvs_messages, ipvs_text, socket_options};
pub use crate::ipvs::plan::tests::fuzzing::plan;
pub use crate::ipvs::proc::fuzzing::proc;
pub use crate::netlink::fuzzing::datagrams;
#[cfg(feature = "serde")]
pub use crate::serde::fuzzing::json;

/// A target: its name, its function and its seeds.
pub type Target = (&'static str, fn(&[u8]), Vec<Vec<u8>>);

/// Returns all targets.
pub fn all() -> Vec<Target> {
    vec![
        ("ipvs_text", ipvs_text, crate::ipvs::fuzzing::text_seeds()),
        (
            "ipset_text",
            ipset_text,
            crate::ipset::fuzzing::text_seeds(),
        ),
        (
            "ipvs_messages",
            ipvs_messages,
            crate::ipvs::fuzzing::message_seeds(),
        ),
        (
            "ipset_messages",
            ipset_messages,
            crate::ipset::fuzzing::message_seeds(),
        ),
        ("datagrams", datagrams, crate::netlink::fuzzing::seeds()),
        ("proc", proc, crate::ipvs::proc::fuzzing::seeds()),
        #[cfg(feature = "serde")]
        ("json", json, crate::serde::fuzzing::seeds()),
        (
            "socket_options",
            socket_options,
            crate::ipvs::fuzzing::socket_option_seeds(),
        ),
        ("plan", plan, crate::ipvs::plan::tests::fuzzing::seeds()),
        (
            "set_plan",
            set_plan,
            crate::ipset::plan::properties::rounds::seeds(),
        ),
    ]
}

/// Checks that an error in a text has its position in the text.
pub(crate) fn check_position(text: &[u8], error: &crate::Error) {
    let (line, column) = error.position().expect("an error in a text has a position");
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.nth(line.checked_sub(1).expect("lines are counted from 1"));
    let length = line.expect("the line is in the text").len();
    assert!(
        (1..=length + 1).contains(&column),
        "column {column} of {length}: {error}"
    );
}

/// Returns the messages of captured runs that begin after `header` bytes, each behind the bytes
/// that `begin` makes of the message.
pub(crate) fn messages(
    tool: &str,
    file: &'static str,
    begin: fn(&[u8]) -> Vec<u8>,
    header: usize,
) -> Vec<Vec<u8>> {
    let runs = captured::runs(tool, file).into_iter();
    let all = runs.flat_map(|run| run.sent.into_iter().chain(run.received));
    let long = all.filter(|it| it.len() >= header);
    long.map(|it| [begin(&it), it[header..].to_vec()].concat())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_takes_its_seeds_and_their_beginnings() {
        for (name, target, seeds) in all() {
            assert!(!seeds.is_empty(), "{name}");
            for seed in seeds {
                target(&seed);
                target(&seed[..seed.len() / 2]);
                target(&seed[..seed.len().min(1)]);
            }
        }
    }
}
