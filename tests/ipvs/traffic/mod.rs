//! Traffic through the services, end to end: who answers, not only that somebody does.

mod connections;
mod forwarding;
mod network;
mod schedulers;

pub(crate) fn tests() -> Vec<lab::test::Test> {
    crate::support::all([
        forwarding::tests(),
        schedulers::tests(),
        connections::tests(),
    ])
}
