//! The example `ipvsadm` beside the tool whose name it has: the same commands to both, each in
//! a namespace of its own, and then the same output, the same exit status, the same table.

mod both;
mod commands;
mod listings;
mod options;
mod restore;

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
        Test::new("which_option_goes_with_which_command", options::matrix),
        Test::new("listings", listings::of_a_table),
        Test::new("listings_of_one_service", listings::of_one_service),
        Test::new("listings_of_traffic", listings::of_traffic),
        Test::new(
            "listings_of_what_the_tool_gets_wrong",
            listings::of_what_the_tool_gets_wrong,
        ),
        Test::new("help_and_version", listings::help_and_version),
        Test::new("restored_is_the_same", restore::the_same),
        Test::new("saved_is_restored", restore::saved_is_restored),
        Test::new("what_fails_to_be_restored", restore::failures),
        Test::new("nothing_half", restore::nothing_half),
        Test::new(
            "what_the_kernel_holds_is_put_back",
            restore::what_the_kernel_holds_is_put_back,
        ),
        Test::new("a_line_that_is_not_utf8", restore::a_line_that_is_not_utf8),
        Test::new("names_are_restored", restore::names_are_restored),
        Test::new("a_name_of_two_families", restore::a_name_of_two_families),
        Test::new(
            "output_that_cannot_be_written",
            restore::output_that_cannot_be_written,
        ),
    ];
    // Hundreds of processes each, which start slowly on User Mode Linux.
    let tests = tests.into_iter().map(|test| test.limit(LIMIT)).collect();
    lab::test::main(&lab::Needs::ipvs().and_devices(&["veth"]), tests)
}
