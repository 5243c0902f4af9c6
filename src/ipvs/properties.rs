//! What holds for every value and every text.

use proptest::prelude::*;

use crate::ipvs::arbitrary::{
    counted, daemon, key, operation, query, real_server, report, table_entry, virtual_service,
};
use crate::ipvs::message::uapi::service;
use crate::ipvs::messages::*;
use crate::ipvs::*;
use crate::wire::{Attributes, Writer};

fn read(like: &IpvsMessage, bytes: &[u8]) -> IpvsMessage {
    IpvsMessage::decode(like.command(), bytes).unwrap()
}

fn through_bytes(message: impl Into<IpvsMessage>) -> IpvsMessage {
    let message = message.into();
    read(&message, &message.encode().unwrap())
}

/// What a message says of an operation: of two the kernel's answer looks the same, and it has
/// no message for those that depend on what is there.
fn as_message(operation: Operation) -> IpvsMessage {
    use Operation as O;
    match operation {
        O::SetTimeouts(timeouts) => Report::Timeouts(timeouts).into(),
        O::StartDaemon(daemon) => Report::Daemon(daemon).into(),
        O::PutService(it) => O::AddService(it).into(),
        O::PutServer(key, it) => O::AddServer(key, it).into(),
        O::RemoveServiceIfPresent(it) => O::RemoveService(it).into(),
        O::RemoveServerIfPresent(key, it) => O::RemoveServer(key, it).into(),
        other => other.into(),
    }
}

/// The report as a kernel without 64-bit counters writes it.
fn without_wide_counters(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    for outer in Attributes::new(bytes).map(Result::unwrap) {
        writer.nest(outer.kind(), |writer| {
            for inner in outer.nested().map(Result::unwrap) {
                // The same number in a service and in a server.
                if inner.kind() != service::STATISTICS_64 {
                    writer.attribute(inner.kind(), inner.payload());
                }
            }
        });
    }
    writer.bytes().to_vec()
}

/// A line as somebody may mistype it.
fn mistyped() -> impl Strategy<Value = String> {
    let slip = prop_oneof!["\\PC{0,3}", "[-a-zA-Z0-9.:,=\\[\\] ]{0,3}"];
    (operation(), any::<prop::sample::Index>(), 0usize..3, slip).prop_map(
        |(operation, at, removed, slip)| {
            let mut text: Vec<char> = operation.to_string().chars().collect();
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, slip.chars());
            text.into_iter().collect()
        },
    )
}

/// Options in any order, with and without values.
fn jumbled() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "-[AEDaedCZtufsprgimwxyMob6]",
        "--(set|start-daemon|stop-daemon|put-server|pe|ops|forward|tun-type|tun-port|protocol)",
        "--(tun-flags|tun-csum|if-present|mcast-group|mcast-port|syncid|netmask|sctp-service)",
        "-?[0-9]{1,11}|0x[0-9a-f]{1,9}|gue|gre|ipip|rr|sh|sh-port,flag-3|master|local|-",
        "10\\.0\\.0\\.[12](:[0-9]{1,6})?|\\[?fd00::1(%1)?\\]?(:80)?",
    ];
    proptest::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

fn check_garbage(line: &str) -> Result<(), TestCaseError> {
    match line.parse::<Operation>() {
        Ok(operation) => {
            let again: Operation = operation.to_string().parse().unwrap();
            prop_assert_eq!(again, operation);
        }
        Err(error) => {
            let (number, column) = error.position().unwrap();
            prop_assert!(error.is_invalid_input());
            prop_assert_eq!(number, 1);
            prop_assert!((1..=line.chars().count() + 1).contains(&column));
        }
    }
    // Errors or not: none of these panics either.
    let _ = line.parse::<ServiceKey>();
    let _ = line.parse::<VirtualService>();
    let _ = line.parse::<RealServer>();
    let _ = line.parse::<SyncDaemon>();
    Ok(())
}

proptest! {
    #[test]
    fn operations_read_back(it in operation()) {
        prop_assert_eq!(through_bytes(it.clone()), as_message(it));
    }

    #[test]
    fn questions_read_back(it in query()) {
        prop_assert_eq!(through_bytes(it), IpvsMessage::from(it));
    }

    #[test]
    fn reports_read_back(it in report()) {
        prop_assert_eq!(through_bytes(it.clone()), IpvsMessage::from(it));
    }

    #[test]
    fn narrow_counters_read_back_and_are_marked(mut it in counted(u32::MAX.into())) {
        let wide = IpvsMessage::from(it.clone()).encode().unwrap();
        let bytes = without_wide_counters(&wide);
        match &mut it {
            Report::Service(it) => it.statistics.has_32_bit_counters = true,
            Report::Server(it) => it.statistics.has_32_bit_counters = true,
            _ => unreachable!("only these have counters"),
        }
        let message = IpvsMessage::from(it);
        prop_assert_eq!(&read(&message, &bytes), &message);
        prop_assert_eq!(through_bytes(message.clone()), message);
    }

    #[test]
    fn keys_print_as_they_are_read(it in key()) {
        prop_assert_eq!(it.to_string().parse::<ServiceKey>().unwrap(), it);
    }

    #[test]
    fn services_print_as_they_are_read(it in virtual_service()) {
        prop_assert_eq!(it.to_string().parse::<VirtualService>().unwrap(), it);
    }

    #[test]
    fn servers_print_as_they_are_read(it in real_server()) {
        prop_assert_eq!(it.to_string().parse::<RealServer>().unwrap(), it);
    }

    #[test]
    fn daemons_print_as_they_are_read(it in daemon()) {
        prop_assert_eq!(it.to_string().parse::<SyncDaemon>().unwrap(), it);
    }

    #[test]
    fn operations_print_as_they_are_read(it in operation()) {
        prop_assert_eq!(it.to_string().parse::<Operation>().unwrap(), it);
    }

    #[test]
    fn tables_print_as_they_are_read(it in table_entry()) {
        let printed = it.to_string();
        let mut lines = text::parse(&printed).map(|line| line.unwrap().operation);
        let key = it.service.key();
        prop_assert_eq!(lines.next(), Some(Operation::AddService(it.service.config)));
        let servers = it.servers.into_iter().map(|it| Operation::AddServer(key, it.config));
        prop_assert!(lines.eq(servers));
    }

    #[test]
    fn anything_is_read_or_refused_in_its_place(line in "\\PC{0,60}") {
        check_garbage(&line)?;
    }

    #[test]
    fn mistyped_lines_are_read_or_refused_in_their_place(line in mistyped()) {
        check_garbage(&line)?;
    }

    #[test]
    fn jumbled_options_are_read_or_refused_in_their_place(line in jumbled()) {
        check_garbage(&line)?;
    }

    /// A wrong line is refused by its number, and those around it are read.
    #[test]
    fn wrong_lines_spoil_no_others(before in 0usize..5, wrong in "[a-z]{1,9}", last in operation()) {
        let mut whole = "-C\n".repeat(before);
        whole += &format!("{wrong}\n{last}\n");
        let lines: Vec<_> = text::parse(&whole).collect();
        prop_assert_eq!(lines.len(), before + 2);
        for (index, line) in lines.into_iter().enumerate() {
            match line {
                Ok(line) => prop_assert_eq!(line.number, index + 1),
                Err(error) => {
                    prop_assert_eq!(index, before);
                    prop_assert_eq!(error.position(), Some((before + 1, 1)));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        cmd in 0u8..20,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = IpvsMessage::decode(cmd, &bytes);
    }
}
