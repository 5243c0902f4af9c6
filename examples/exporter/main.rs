//! An exporter for Prometheus: IPVS's services, servers and totals, and the sets.

#[allow(dead_code, reason = "the service proxy uses more of it")]
mod http;
mod metrics;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use http::{Handler, Server};

const HELP: &str = "\
exporter over ipvset: answers HTTP requests with metrics of IPVS and ipset, as text for Prometheus

  exporter [ADDRESS:PORT]

It listens on 127.0.0.1:9713 unless an address is given. It answers every path.

The metrics that begin with node_ipvs_ are those of node_exporter, with a label for the family.
Those that begin with ipvset_ are beyond them: counters and rates of each service and server,
persistent connections, and the entries and memory of sets.

Without CAP_NET_ADMIN it exports what /proc shows. With that of a user namespace only, it
exports no IPv6 services. ipvset_part_available says what is left out.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let address = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--help" | "-h"), None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        (None, _) => Ok(SocketAddr::from(([127, 0, 0, 1], 9713))),
        (Some(address), None) => address.parse(),
        (Some(_), Some(_)) => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    let address = match address {
        Ok(address) => address,
        Err(error) => {
            eprintln!("exporter: the address to listen on: {error}");
            return ExitCode::from(2);
        }
    };
    match serve(address) {
        Ok(_server) => {
            println!("listening on http://{address}/metrics");
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("exporter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: SocketAddr) -> std::io::Result<Server> {
    let mut server = Server::start()?;
    let handler = Handler::Text(
        metrics::CONTENT_TYPE,
        Arc::new(|output| metrics::write(output)),
    );
    server.serve(address, handler)?;
    Ok(server)
}
