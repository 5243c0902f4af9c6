//! Traffic through the services, end to end. The tests check which server answers.

mod connections;
mod drains;
mod forwarding;
mod network;
mod schedulers;

pub(crate) fn tests() -> Vec<lab::test::Test> {
    if !crate::interface::WITH_TRAFFIC {
        return Vec::new();
    }
    crate::support::all([
        forwarding::tests(),
        schedulers::tests(),
        connections::tests(),
        drains::tests(),
    ])
}
