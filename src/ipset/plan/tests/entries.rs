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
fn a_member_that_moves_keeps_its_remaining_time_if_it_stays_as_it_is() {
    let set = |first: &str, members: &[&str]| {
        let lines = members
            .iter()
            .map(|it| format!("add all {it} timeout 60\n"));
        format!(
            "create all list:set size 8 timeout 60 comment\n{first}{}",
            lines.collect::<String>()
        )
    };
    let there = set("", &["a", "b", "c", "d"]).replace("d timeout 60", "d timeout 40");
    for (comment, left) in [("", true), (" comment new", false)] {
        let first = format!("add all d timeout 60{comment}\n");
        let lines = lines(&there, &set(&first, &["a", "b", "c"]));
        let moved = lines
            .lines()
            .find(|it| it.starts_with("add all d"))
            .unwrap();
        assert_eq!(moved.contains("timeout 40"), left, "{lines}");
    }
}

#[test]
fn a_second_set_gets_what_the_kernel_filled_in() {
    let there =
        "create hosts bitmap:ip,mac range 10.0.0.0/24\nadd hosts 10.0.0.1,02:00:00:00:00:01\n";
    let wanted = "create hosts bitmap:ip,mac range 10.0.0.0/24 comment\nadd hosts 10.0.0.1\n";
    let lines = lines(there, wanted);
    assert!(
        lines.contains("swap") && lines.contains("10.0.0.1,02:00:00:00:00:01"),
        "{lines}"
    );
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

/// Returns a set of interfaces in one network. A `+` at the end of a name is a wildcard.
fn interfaces(names: &[&str]) -> String {
    let mut text = "create rules hash:net,iface\n".to_owned();
    for name in names {
        text += &match name.strip_suffix('+') {
            Some(prefix) => format!("add rules 10.0.0.0/8,{prefix} wildcard\n"),
            None => format!("add rules 10.0.0.0/8,{name}\n"),
        };
    }
    text
}

#[test]
fn a_wildcard_that_hides_what_changes_makes_a_second_set_necessary() {
    let is_in_place = |there: &[&str], wanted: &[&str]| {
        let lines = lines(&interfaces(there), &interfaces(wanted));
        assert!(!lines.is_empty());
        !lines.contains("swap")
    };
    // A request for `eth0` would meet the wildcard `eth`, whether it stays or goes.
    assert!(!is_in_place(&["eth+", "eth0"], &["eth+"]));
    assert!(!is_in_place(&["eth+"], &["eth+", "eth0"]));
    // It does not meet one of another name, nor itself, nor a wildcard in another device's list.
    assert!(is_in_place(&["eth+", "br0"], &["eth+"]));
    assert!(is_in_place(&["eth+", "eth0"], &["eth0"]));
    assert!(is_in_place(&["br0"], &["br0", "eth+"]));
    assert!(is_in_place(&["eth+", "physdev:eth0"], &["eth+"]));
    assert!(!is_in_place(
        &["physdev:eth+", "physdev:eth0"],
        &["physdev:eth+"]
    ));
    // What stays as it is meets nothing.
    assert!(is_in_place(&["eth+", "eth0", "br0"], &["eth+", "eth0"]));
    assert!(is_in_place(&["eth0", "eth1"], &["eth0"]));
}

#[test]
fn interfaces_come_before_the_wildcards_that_hide_them() {
    let added = |names: &[&str]| {
        let lines = lines("", &interfaces(names));
        let added = lines
            .lines()
            .filter_map(|it| it.strip_prefix("add rules 10.0.0.0/8,"));
        added.map(str::to_owned).collect::<Vec<_>>()
    };
    let mixed = added(&["e+", "eth+", "eth0", "br0"]);
    assert_eq!(mixed, ["eth0", "br0", "eth wildcard", "e wildcard"]);
    let wildcards = added(&["bridge-no+", "bridge-no1+"]);
    assert_eq!(wildcards, ["bridge-no1 wildcard", "bridge-no wildcard"]);
}

#[test]
fn of_an_interface_and_its_wildcard_the_last_is_there() {
    for (wanted, last) in [(["eth", "eth+"], "eth wildcard"), (["eth+", "eth"], "eth")] {
        let there = interfaces(&["eth"]);
        let plan = plan(&there, &interfaces(&wanted), &Scope::named());
        let refused: Vec<_> = plan.sets()[0].refused().map(|it| it.0).collect();
        assert_eq!(refused, [0], "{last}");
        let content: Vec<_> = plan.sets()[0].content().map(|it| it.to_string()).collect();
        assert_eq!(content, [format!("10.0.0.0/8,{last}")]);
        // What is there and was refused is removed.
        let removed = usize::from(last != "eth");
        assert_eq!(plan.sets()[0].removals().count(), removed, "{last}");
    }
    let (_, report) = super::report("", &interfaces(&["eth", "eth+"]));
    assert_eq!(report.failures().len(), 1);
    let alone = plan("", &interfaces(&["eth", "eth0"]), &Scope::named());
    assert_eq!(alone.sets()[0].refused().count(), 0);
}
