//! What holds for any text, any message and any structure of IPVS.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::message::sockopt::{Layout, decode, encode};
use super::messages::IpvsMessage;
use super::plan::{Scope, WantedTable};
use super::text;
use super::{
    Operation, PersistenceEngine, RealServer, Scheduler, ServiceKey, SyncDaemon, VirtualService,
};
use crate::Protocol;
use crate::fuzzing::check_position;

/// Any text is read or refused in its place, and what was read is printed as it is read.
pub fn ipvs_text(bytes: &[u8]) {
    for line in text::parse(bytes) {
        match line {
            Ok(line) => same::<Operation>(&line.operation.to_string(), &line.operation),
            Err(error) => check_position(bytes, &error),
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    read::<ServiceKey>(text);
    read::<VirtualService>(text);
    read::<RealServer>(text);
    read::<SyncDaemon>(text);
    read::<Scheduler>(text);
    read::<PersistenceEngine>(text);
    read::<Protocol>(text);
    read::<WantedTable>(text);
    if let Ok(scope) = text.parse::<Scope>() {
        let printed = scope.to_string();
        let again: Scope = printed.parse().unwrap();
        assert_eq!(again.to_string(), printed);
    }
}

fn read<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        same(&value.to_string(), &value);
    }
}

fn same<T: FromStr<Err: Debug> + PartialEq + Debug>(printed: &str, value: &T) {
    assert_eq!(&printed.parse::<T>().unwrap(), value, "{printed}");
}

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "-A -t 10.0.0.1:80 -s wrr -p 300 -M 255.255.255.0 -b sh-port,flag-3\n\
         -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -i --tun-type gue --tun-port 6080 --tun-csum -w 0x5 -x 9 -y 3\n\
         # comment\n-E -u [fd00::1%1]:53 -s mh -o --pe sip -M 64\n-e -f 7 -6 -r [fd00::2]:0 -g\n",
        "--add-service --sctp-service 10.0.0.1:9\n-d -t 10.0.0.1:80 -r 10.0.0.2\n-D -f 1\n-C\n-Z\n",
        "--set 900 120 300\n--start-daemon master --mcast-interface eth0 --syncid 5 --sync-maxlen 1400 \
         --mcast-group ff02::1 --mcast-port 8848 --mcast-ttl 1\n--stop-daemon backup\n",
        "10.0.0.0/24:80-90,[fd00::]/64:53,mark:5/0xf,udp:10.0.0.1",
        "-A --protocol 50 10.0.0.1:9\n--put-server -t 10.0.0.1:80 -r 10.0.0.2:80 --keep-weight\n",
    ];
    texts.map(|it| it.as_bytes().to_vec()).to_vec()
}

/// Any bytes are a message or refused, and a message is encoded as it is decoded.
pub fn ipvs_messages(bytes: &[u8]) {
    let Some((command, payload)) = bytes.split_first() else {
        return;
    };
    let Ok(message) = IpvsMessage::decode(*command, payload) else {
        return;
    };
    let encoded = message.encode().unwrap();
    let again = IpvsMessage::decode(message.command(), &encoded).unwrap();
    assert_eq!(again, message);
}

pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    let command = |message: &[u8]| message[..1].to_vec();
    crate::fuzzing::messages("ipvsadm", include_str!("captured.txt"), command, 4)
}

/// Any structure of a socket option is decoded or refused, and encoded as it is decoded.
pub fn socket_options(bytes: &[u8]) {
    for layout in Layout::ALL {
        if let Ok(service) = decode::service(bytes, layout) {
            let config = service.config;
            if let Ok(encode::Change::AddService(encoded)) =
                encode::operation(&Operation::AddService(config.clone()))
            {
                let padded = [&encoded[..], &[0; 100]].concat();
                assert_eq!(decode::service(&padded, layout).unwrap().config, config);
            }
        }
        if let Ok(server) = decode::server(bytes, layout) {
            let (config, key) = (server.config, "-t 10.0.0.1:80".parse().unwrap());
            if let Ok(encode::Change::AddServer(encoded)) =
                encode::operation(&Operation::AddServer(key, config.clone()))
            {
                let padded = [&encoded[encode::SERVICE..], &[0; 100]].concat();
                assert_eq!(decode::server(&padded, layout).unwrap().config, config);
            }
        }
    }
    if let Ok(timeouts) = decode::timeouts(bytes) {
        let operation = Operation::SetTimeouts(timeouts);
        let Ok(encode::Change::SetTimeouts(encoded)) = encode::operation(&operation) else {
            panic!("timeouts are always encoded");
        };
        assert_eq!(decode::timeouts(&encoded).unwrap(), timeouts);
    }
    for daemon in decode::daemons(bytes).flatten() {
        // A name of the kernel's that is not UTF-8 gets too long when it is read.
        let operation = Operation::StartDaemon(daemon.clone());
        if operation.check().is_err() {
            continue;
        }
        if let Ok(encode::Change::StartDaemon(encoded)) = encode::operation(&operation) {
            let again: Vec<_> = decode::daemons(&encoded).map(Result::unwrap).collect();
            assert_eq!(again, [daemon]);
        }
    }
    let is_entry = decode::is_service(bytes) || decode::is_server(bytes);
    assert!(!is_entry || bytes.len() >= 16);
    // The number of services stands behind the version and the size.
    assert!(decode::number_of_services(bytes).is_err() || decode::info(bytes).is_ok());
    assert!(decode::number_of_servers(bytes).is_err() || bytes.len() >= encode::SERVICE);
}

pub(crate) fn socket_option_seeds() -> Vec<Vec<u8>> {
    let file = include_str!("message/sockopt/captured.txt");
    crate::fuzzing::messages("option", file, |_| Vec::new(), 0)
}
