//! Those kernel tests of ipset that do with the types of set that most kernels have, so that they
//! can run on the running one: as root, or as an ordinary user in a user namespace.

mod suite;

use std::process::ExitCode;

use lab::Needs;

const TYPES: &[&str] = &[
    "bitmap:ip",
    "bitmap:ip,mac",
    "bitmap:port",
    "hash:ip",
    "hash:ip,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:net",
    "hash:net,iface",
    "hash:net,port",
    "list:set",
];

fn main() -> ExitCode {
    lab::test::main(&Needs::sets(TYPES), suite::tests(TYPES, false))
}
