// Tests IPVS on a real kernel, and compares the crate with `ipvsadm` and with traffic.

mod child;
mod daemons;
mod errors;
mod generated;
mod interface;
mod many_operations;
mod namespaces;
mod plan;
mod random;
mod servers;
mod services;
mod settings;
mod support;
mod tables;
mod traffic;

use std::process::ExitCode;

use child::Role;
use lab::Needs;

fn main() -> ExitCode {
    if let Some(role) = Role::of_this_process() {
        return role.play();
    }
    let needs = Needs::ipvs().and_devices(&["veth", "bridge", "dummy"]);
    let run = match interface::ROOTLESS {
        true => lab::test::rootless,
        false => lab::test::main,
    };
    run(
        &needs,
        support::all([
            errors::tests(),
            services::tests(),
            daemons::tests(),
            servers::tests(),
            settings::tests(),
            many_operations::tests(),
            tables::tests(),
            namespaces::tests(),
            plan::tests(),
            random::tests(),
            traffic::tests(),
        ]),
    )
}
