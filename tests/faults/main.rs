//! What happens when system calls fail, when another program interferes at each of them, when the
//! process is killed at any moment, when memory is short, when a listing is not read to its end, and
//! when everybody else has left the network namespace: an error that says so or the right end, nothing left behind, and nothing reported that is not so.
//!
//! A child process does the work (`scenarios`). Its tracer lets system calls fail (`tracer`).

mod calls;
mod child;
mod interference;
mod kills;
mod memory;
mod namespace;
mod scenarios;
mod tracer;
mod unread;

use std::process::ExitCode;

use lab::Needs;

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    if let Some(ended) = child::play_if_asked() {
        return ended;
    }
    let needs = Needs::ipvs().and_sets(&["hash:ip"]).and_devices(&["veth"]);
    let tests = [
        calls::tests(),
        interference::tests(),
        kills::tests(),
        memory::tests(),
        namespace::tests(),
        unread::tests(),
    ];
    lab::test::main(&needs, tests.into_iter().flatten().collect())
}
