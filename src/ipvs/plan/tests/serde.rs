//! Every type comes back from its serialized form.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, from_value, json, to_string, to_value};

use super::cases::{kernel, policy, scope, wanted};
use super::program::{Program, now};
use crate::ipvs::plan::*;

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    value: &T,
) -> Result<(), TestCaseError> {
    let text = to_string(value).unwrap();
    prop_assert_eq!(&from_str::<T>(&text).unwrap(), value, "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plans_and_records_come_back(
        kernel in kernel(),
        (wanted, later) in (wanted(), wanted()),
        scope in scope(),
        policy in policy(),
    ) {
        comes_back(&wanted)?;
        comes_back(&policy)?;
        let planner = Planner::new().scope(scope.scope).policy(policy.clone());
        let mut record = Record::new();
        for wanted in [wanted, later] {
            let plan = planner.plan(&wanted, &kernel.table(), &record);
            comes_back(&plan)?;
            comes_back(&plan.counts())?;
            record.begin(&plan, now());
            let mut report = ApplyReport::new();
            let error = "x".parse::<WantedTable>().unwrap_err();
            report.enter(&plan, &record, |index| (index % 3 == 0).then_some(&error));
            comes_back(&report)?;
            record.settle(&plan, |index| match index % 3 {
                0 => StepResult::Failed,
                1 => StepResult::InDoubt,
                _ => StepResult::Succeeded,
            });
            comes_back(&record)?;
            for service in record.services() {
                comes_back(&record.service(service))?;
            }
            let table = kernel.table();
            let look = record.look(&policy, Reading::Table(&table), now());
            comes_back(&look.operations)?;
        }
    }
}

#[test]
fn wanted_tables_are_services_with_their_servers() {
    let form = json!([{
        "service": {"key": "-t 10.0.0.1:80", "scheduler": "rr"},
        "servers": [
            {"address": "10.1.0.1:80"},
            {"address": "10.1.0.2:80", "forwarding": "direct_routing", "weight": 5, "keep_weight": true},
        ],
    }]);
    let table: WantedTable = from_value(form).unwrap();
    let text = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 5 --keep-weight
";
    assert_eq!(table.to_string(), text);
    let refused = |form: Value| from_value::<WantedTable>(form).unwrap_err().to_string();
    let service = json!({"service": {"key": "-t 10.0.0.1:80"}});
    assert!(refused(json!([service, service])).contains("two services"));
    let server = json!({"address": "10.1.0.1:80"});
    let twice = json!([{"service": {"key": "-t 10.0.0.1:80"}, "servers": [server, server]}]);
    assert!(refused(twice).contains("two servers"));
    let typo = json!([{"service": {"key": "-t 10.0.0.1:80"}, "server": []}]);
    assert!(refused(typo).contains("server"));
}

#[test]
fn a_record_is_short_and_readable() {
    let mut program = Program::new(
        "-A -t 10.0.0.1:80 -s sh\n-a -t 10.0.0.1:80 -r 10.1.0.1:80\n-a -t 10.0.0.1:80 -r 10.1.0.2:80",
    );
    program.apply("-A -t 10.0.0.1:80 -s sh\n-a -t 10.0.0.1:80 -r 10.1.0.1:80");
    let form = json!({
        "applied": {"-t 10.0.0.1:80": ["10.1.0.1:80"]},
        "drains": {
            "-t 10.0.0.1:80": {
                "persistent": false,
                "then": {"update_service": {"key": "-t 10.0.0.1:80", "scheduler": "sh"}},
                "servers": {"10.1.0.2:80": {"until": 1_800_000_601u64, "weight": 1}},
            },
        },
    });
    assert_eq!(to_value(&program.record).unwrap(), form);
    assert_eq!(from_value::<Record>(form).unwrap(), program.record);
    assert_eq!(from_value::<Record>(json!({})).unwrap(), Record::new());
    assert!(from_value::<Record>(json!({"aplied": {}})).is_err());
}

#[test]
fn a_step_has_an_exact_operation() {
    let form =
        |operation| json!({"operation": operation, "before": "nothing", "reason": "missing"});
    let service = json!({"add_service": {"key": "-t 10.0.0.1:80"}});
    from_value::<Step>(form(service)).unwrap();
    let error = from_value::<Step>(form(json!("flush"))).unwrap_err();
    assert!(error.to_string().contains("one object"), "{error}");
}
