//! What a policy changes in a plan.

use super::plan_by;
use crate::ipset::AnyType;
use crate::ipset::plan::{Policy, Scope, SetPlan, Way};

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
