//! A test binary with one test for each outcome, for the lab's tests of its test runner.

use std::time::Duration;

use lab::Needs;
use lab::test::Test;

fn passes() {
    println!(
        "a test runs on {}",
        lab::sysctl::read("kernel.osrelease").unwrap_or_default()
    );
}

fn fails() -> Result<(), lab::Error> {
    lab::link::delete("nothing").map(drop)
}

fn panics() {
    panic!("as it should");
}

fn hangs() {
    std::thread::sleep(Duration::from_secs(3600));
}

fn main() -> std::process::ExitCode {
    let tests = vec![
        Test::new("passes", passes),
        Test::new("fails", fails),
        Test::new("panics", panics),
        Test::new("hangs", hangs).limit(Duration::from_secs(1)),
        Test::new("rests", passes).ignored(),
    ];
    lab::test::main(&Needs::namespaces(), tests)
}
