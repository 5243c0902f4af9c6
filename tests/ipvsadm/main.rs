//! Compares the example `ipvsadm` with the real tool. Both run the same commands in separate
//! namespaces, and must produce the same output, exit status and table.

mod both;
mod commands;
#[path = "../../examples/ipvsadm/failure.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod failure;
mod listings;
mod options;
mod restore;
mod rootless;

use std::process::ExitCode;
use std::time::Duration;

use lab::test::Test;

const LIMIT: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let tests = vec![
        Test::new("services", commands::services),
        Test::new("servers", commands::servers),
        Test::new("timeouts_zero_and_clear", commands::timeouts_zero_and_clear),
        Test::new("daemons", commands::daemons),
        Test::new("differences", commands::differences),
        Test::new("options_of_each_command", options::matrix),
        Test::new("listings", listings::of_a_table),
        Test::new("listings_of_one_service", listings::of_one_service),
        Test::new("listings_of_traffic", listings::of_traffic),
        Test::new(
            "listings_that_the_tool_gets_wrong",
            listings::that_the_tool_gets_wrong,
        ),
        Test::new("help_and_version", listings::help_and_version),
        Test::new("the_same_without_root", rootless::the_same_as_with_root),
        Test::new("refusals_without_root", rootless::refusals),
        Test::new(
            "in_a_network_of_another_user_namespace",
            rootless::in_a_network_of_another,
        ),
        Test::new("restored_files", restore::restored_files),
        Test::new("saved_is_restored", restore::saved_is_restored),
        Test::new("failures_of_restore", restore::failures),
        Test::new(
            "what_restore_did_not_try_is_a_failure",
            restore::what_was_not_tried_is_a_failure,
        ),
        Test::new(
            "a_wrong_line_changes_nothing",
            restore::a_wrong_line_changes_nothing,
        ),
        Test::new(
            "every_accepted_configuration_is_restored",
            restore::every_accepted_configuration_is_restored,
        ),
        Test::new("a_line_that_is_not_utf8", restore::a_line_that_is_not_utf8),
        Test::new("names_are_restored", restore::names_are_restored),
        Test::new("a_name_of_two_families", restore::a_name_of_two_families),
        Test::new(
            "output_that_cannot_be_written",
            restore::output_that_cannot_be_written,
        ),
    ];
    // Each test starts hundreds of processes, which is slow on User Mode Linux.
    let tests = tests.into_iter().map(|test| test.limit(LIMIT)).collect();
    let needs = lab::Needs::ipvs().and_sets(&["hash:ip"]);
    lab::test::main(&needs.and_devices(&["veth"]), tests)
}
