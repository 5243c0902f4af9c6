//! What a policy changes in a plan.

use super::{info, plan_by};
use crate::ipset::plan::{Policy, Scope, SetPlan, Way};
use crate::ipset::{AnyEntry, AnySet, AnyType, Revision};

fn plan(policy: Policy, there: &str, wanted: &str) -> SetPlan<AnyType> {
    plan_by(&policy, there, wanted, &Scope::named())
        .sets
        .remove(0)
}

#[test]
fn a_timeout_is_renewed_below_the_share_that_the_policy_gives() {
    let set =
        |left: u8| format!("create web hash:ip timeout 100\nadd web 10.0.0.1 timeout {left}\n");
    for (percent, renewed) in [(0, 0), (60, 0), (61, 1), (100, 1)] {
        let plan = plan(Policy::new().renew_below(percent), &set(60), &set(100));
        assert_eq!(plan.counts().renewed, renewed, "{percent} %");
    }
    let by_default = [49, 50].map(|left| plan(Policy::new(), &set(left), &set(100)));
    assert_eq!(by_default.map(|it| it.counts().renewed), [1, 0]);
}

#[test]
fn all_at_once_is_done_in_a_second_set_if_an_entry_comes_goes_or_changes() {
    let set = |entries: &[&str]| {
        let lines = entries.iter().map(|it| format!("add web {it}\n"));
        "create web hash:ip timeout 100 comment\n".to_owned() + &lines.collect::<String>()
    };
    let way = |there: &str, wanted: &str| {
        let way = plan(Policy::new().at_once(), there, wanted).way().clone();
        assert!(matches!(
            plan(Policy::new(), there, wanted).way(),
            Way::InPlace | Way::Create
        ));
        way
    };
    let (one, other) = ("10.0.0.1 timeout 100", "10.0.0.2 timeout 100");
    let with_comment = set(&["10.0.0.1 timeout 100 comment new"]);
    let (one, both) = (set(&[one]), set(&[one, other]));
    for (there, wanted) in [(&one, &both), (&both, &one), (&one, &with_comment)] {
        assert!(matches!(way(there, wanted), Way::SecondSet { .. }));
    }
    // Nothing or only a timeout changes, or there is no set yet.
    assert_eq!(way(&one, &one), Way::InPlace);
    assert_eq!(way(&set(&["10.0.0.1 timeout 10"]), &one), Way::InPlace);
    assert_eq!(way("", &both), Way::Create);
}

#[test]
fn a_set_that_is_created_anew_keeps_no_entry() {
    let (there, wanted) = (
        "create web hash:net\nadd web 10.0.0.1\n",
        "create web hash:ip\nadd web 10.0.0.1\n",
    );
    let plan = plan(Policy::new().recreate(), there, wanted);
    assert!(matches!(plan.way(), Way::Recreate { .. }));
    assert_eq!((plan.counts().added, plan.counts().kept), (1, 0));
}

#[test]
fn entries_go_before_others_come_if_both_have_no_room() {
    // One entry each is kept, renewed, changed, removed and added.
    let plan = |most: u8| {
        let set = format!("create web hash:ip timeout 100 comment maxelem {most}\n");
        let there = "add web 10.0.0.1 timeout 90\nadd web 10.0.0.2 timeout 10\n\
            add web 10.0.0.3 timeout 90 comment old\nadd web 10.0.0.9 timeout 90\n";
        let wanted = "add web 10.0.0.1 timeout 100\nadd web 10.0.0.2 timeout 100\n\
            add web 10.0.0.3 timeout 100 comment new\nadd web 10.0.0.4 timeout 100\n";
        plan(Policy::new(), &(set.clone() + there), &(set + wanted))
    };
    assert!(plan(4).removes_first() && !plan(5).removes_first());
    // A member of a list may come where another one goes.
    let list = "create all list:set size 8\n";
    assert!(self::plan(Policy::new(), list, list).removes_first());
}

#[test]
fn a_second_set_has_the_revision_of_the_first_if_that_has_its_options() {
    for (text, there, expected) in [
        ("web hash:ip", 3, Revision::Number(3)),
        ("web hash:ip skbinfo", 3, Revision::Lowest),
        ("web hash:ip skbinfo", 4, Revision::Number(4)),
    ] {
        let set: AnySet = text.parse().unwrap();
        let mut info = info(&set);
        info.revision = there;
        let none = Vec::<AnyEntry>::new();
        let plan = SetPlan::new(&set, none.clone(), &info, none, &Policy::new()).unwrap();
        assert_eq!(plan.revision(), expected, "{text} {there}");
    }
}
