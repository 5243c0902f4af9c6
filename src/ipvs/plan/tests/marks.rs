//! Services of one firewall mark for both families. A snapshot shows them in rows that look the
//! same.

use super::program::{Program, WEB, kernel, key, web};
use crate::ipvs::Operation;
use crate::ipvs::plan::Reading;
use crate::ipvs::plan::expected::is_expected;
use crate::ipvs::proc::Snapshot;

const V4: &str = "-A -f 7 -s rr\n-a -f 7 -r 10.1.0.1:80 -m\n-a -f 7 -r 10.1.0.2:80 -m\n";
const V6: &str = "-A -f 7 -6 -s rr\n-a -f 7 -6 -r 10.1.0.1:80 -i\n-a -f 7 -6 -r [fd01::1]:80 -m\n";

/// The row of the other family is not enough.
#[test]
fn a_snapshot_has_to_show_each_draining_server() {
    let web_of = |servers: &[(u8, u32)]| web("rr", servers);
    let mut program = Program::new(&format!("{}{V4}{V6}", web_of(&[(1, 1), (2, 1)])));
    let kept = "-A -f 7 -6 -s rr\n-a -f 7 -6 -r 10.1.0.1:80 -i\n";
    program.apply(&format!("{}{V4}{kept}", web_of(&[(1, 1)])));
    assert_eq!(program.drains().len(), 2);
    let drains = program.record.drains();
    let (mark, web) = (key("-f 7 -6"), key(WEB));
    for (shown, lacking) in [
        (format!("{}{V4}{V6}", web_of(&[(2, 0)])), vec![]),
        (format!("{}{V4}", web_of(&[(2, 0)])), vec![mark]),
        (format!("{}{V6}", web_of(&[(1, 1)])), vec![web]),
        (V6.to_owned(), vec![web]),
    ] {
        let kernel = kernel(&shown);
        let (table, snapshot) = (kernel.table(), kernel.snapshot());
        for reading in [Reading::Table(&table), Reading::Snapshot(&snapshot)] {
            let found: Vec<_> = drains.lacking(reading).into_iter().collect();
            assert_eq!(found, lacking, "{shown}");
        }
    }
}

#[test]
fn a_server_of_both_families_is_drained_once_both_rows_say_so() {
    for (kept, service) in [
        (
            format!("{V6}-A -f 7 -s rr\n-a -f 7 -r 10.1.0.2:80 -m\n"),
            "-f 7",
        ),
        (
            format!("{V4}-A -f 7 -6 -s rr\n-a -f 7 -6 -r [fd01::1]:80 -m\n"),
            "-f 7 -6",
        ),
    ] {
        let mut program = Program::new(&format!("{V4}{V6}"));
        program.apply(&kept);
        assert_eq!(program.drains(), [format!("{service} -r 10.1.0.1:80")]);
        for service in ["-f 7", "-f 7 -6"] {
            program.end_connections(service, "10.1.0.1:80");
        }
        // The other family's server has a weight, and the rows may be the other way round.
        assert!(program.look(5).is_empty(), "{service}");
        let removed = format!("-d {service} -r 10.1.0.1:80");
        assert_eq!(program.look_whole(6), [removed]);
    }
}

/// Returns true if operations, as text, make rows with mark 7 and these schedulers of others.
fn leads(before: &[&str], lines: &str, after: &[&str]) -> bool {
    let snapshot = |schedulers: &[&str]| {
        let mut text = "IP Virtual Server version 1.2.1 (size=4096)\n\
            Prot LocalAddress:Port Scheduler Flags\n  \
            -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
            .to_owned();
        for scheduler in schedulers {
            text += &format!("FWM  00000007 {scheduler}\n");
        }
        Snapshot::read(text.as_bytes()).unwrap()
    };
    let lines = crate::ipvs::text::parse(lines).map(|line| line.unwrap().operation);
    let operations: Vec<Operation> = lines.collect();
    let operations: Vec<_> = operations.iter().collect();
    is_expected(&snapshot(before), &operations, &snapshot(after), |_| true)
}

#[test]
fn a_change_of_one_of_two_rows_that_look_the_same_cannot_be_told() {
    assert!(leads(&["rr"], "-E -f 7 -s wlc", &["wlc"]));
    assert!(!leads(&["rr"], "-E -f 7 -s wlc", &["wlc", "wlc"]));
    // Another program has removed the other service in the meantime.
    assert!(!leads(&["rr", "rr"], "-D -f 7 -6", &[]));
    assert!(!leads(&["rr", "wlc"], "-E -f 7 -s sh", &["sh"]));
}
