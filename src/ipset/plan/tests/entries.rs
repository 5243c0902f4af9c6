//! What happens to a single entry: which difference of its options, its value or its place counts.

use super::plan;
use crate::ipset::plan::Scope;

fn lines(there: &str, wanted: &str) -> String {
    plan(there, wanted, &Scope::named()).to_string()
}

#[test]
fn an_entry_is_written_again_if_one_of_its_options_differs() {
    let options = [
        "",
        "comment one",
        "comment two",
        "skbmark 0x1",
        "skbmark 0x2",
        "skbprio 1:2",
        "skbqueue 3",
        "nomatch",
        "comment one skbmark 0x1 skbprio 1:2 skbqueue 3 nomatch",
    ];
    let set = |options: &str| {
        format!("create web hash:net comment skbinfo\nadd web 10.1.0.0/16 {options}\n")
    };
    for there in options {
        for wanted in options {
            let lines = lines(&set(there), &set(wanted));
            let same = there == wanted;
            assert_eq!(lines.is_empty(), same, "{there} | {wanted}: {lines}");
        }
    }
}

#[test]
fn an_entry_of_the_same_key_and_another_value_is_written_again() {
    let set = |mac: &str| {
        format!("create hosts bitmap:ip,mac range 10.0.0.0/24\nadd hosts 10.0.0.1,{mac}\n")
    };
    let (one, other) = (set("02:00:00:00:00:01"), set("02:00:00:00:00:02"));
    assert_eq!(lines(&one, &one), "");
    assert!(lines(&one, &other).contains("add hosts 10.0.0.1,02:00:00:00:00:02"));
}

#[test]
fn as_few_members_of_a_list_move_as_give_its_order() {
    let set = |members: &[&str]| {
        let lines = members.iter().map(|it| format!("add all {it}\n"));
        format!("create all list:set size 8\n{}", lines.collect::<String>())
    };
    let there = set(&["a", "b", "c", "d"]);
    assert_eq!(lines(&there, &there), "");
    let moved = lines(&there, &set(&["d", "a", "b", "c"]));
    assert_eq!(moved, "del all d\nadd all d before a\n");
}

#[test]
fn a_second_set_gets_the_remaining_time_only_of_what_stays_as_it_is() {
    let there = "create web hash:ip timeout 100 comment\n\
        add web 10.0.0.1 timeout 60 comment same\n\
        add web 10.0.0.2 timeout 60 comment old\n";
    let wanted = "create web hash:ip timeout 100 comment maxelem 99999\n\
        add web 10.0.0.1 comment same\n\
        add web 10.0.0.2 comment new\n";
    let lines = lines(there, wanted);
    assert!(
        lines.contains("10.0.0.1 timeout 60 comment \"same\"\n"),
        "{lines}"
    );
    assert!(lines.contains("10.0.0.2 comment \"new\"\n"), "{lines}");
}
