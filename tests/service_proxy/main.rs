// Tests the example service_proxy on a real kernel: a node with pods, another node, and a client
// outside of the cluster.

mod cluster;
mod proxy;
mod show;
mod world;

mod changes;
mod clients;
mod firewall;
mod foreign;
mod inputs;
mod interrupted;
mod metrics;

use lab::Needs;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn needs() -> Needs {
    Needs::ipvs()
        .and_sets(&[
            "bitmap:port",
            "hash:ip",
            "hash:ip,port",
            "hash:ip,port,ip",
            "hash:ip,port,net",
        ])
        .and_devices(&["bridge", "veth", "dummy"])
}

fn main() -> std::process::ExitCode {
    if std::env::args().nth(1).as_deref() == Some("show") {
        return lab::main(&needs().and_rules(), show::run);
    }
    let tests = [
        clients::tests(),
        changes::tests(),
        firewall::tests(),
        foreign::tests(),
        inputs::tests(),
        interrupted::tests(),
        metrics::tests(),
    ];
    lab::test::main(&needs(), tests.into_iter().flatten().collect())
}

/// Lists tests by the names of their functions.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub fn tests() -> Vec<lab::test::Test> {
            vec![$(lab::test::Test::new(stringify!($test), $test)),+]
        }
    };
}
pub(crate) use tests;
