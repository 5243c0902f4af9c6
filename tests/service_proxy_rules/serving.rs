//! The HTTP server of health checks.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use crate::http::{Answer, Handler, Server};

#[test]
fn a_port_that_is_served_no_more_refuses_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let answer = Answer {
        status: "200 OK",
        headers: Vec::new(),
        body: String::new(),
    };
    let mut server = Server::start().unwrap();
    for round in 0..500 {
        let answer = answer.clone();
        let handler = Handler::Answer(Arc::new(move || answer.clone()));
        server.serve(address, handler).unwrap();
        assert!(TcpStream::connect(address).is_ok(), "round {round}");
        server.retain(|_| false).unwrap();
        let refused = TcpStream::connect(address).map_err(|error| error.kind());
        assert_eq!(
            refused.map(drop),
            Err(ErrorKind::ConnectionRefused),
            "round {round}"
        );
    }
}
