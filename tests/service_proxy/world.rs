//! The network: a node with pods behind a bridge, another node with a pod, and a client outside.
//!
//! The node is the namespace of the test's thread. The pods reach everything through it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use lab::net::{self, Answer, Server, Unanswered};
use lab::{Namespace, address, link, route, sysctl};

use crate::Result;

/// How long to wait for an answer that must come.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait for an answer that must not come.
pub const IMPATIENCE: Duration = Duration::from_millis(1500);

pub const NODE: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
pub const CLIENT: [&str; 2] = ["192.0.2.99", "2001:db8::99"];
/// The ports of the pods.
pub const POD_PORT: u16 = 8080;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Node,
    /// A pod of the node, by its number from 1 to 4.
    Pod(usize),
    Client,
}

/// The addresses of a pod. Pods 1 to 4 are on the node, pod 5 is on the other one.
pub fn pod(number: usize) -> [String; 2] {
    let (node, host) = (if number == 5 { 2 } else { 1 }, 10 + number);
    [
        format!("10.244.{node}.{host}"),
        format!("fd00:244:{node}::{host}"),
    ]
}

/// The name with which a pod answers.
pub fn pod_name(number: usize) -> String {
    format!("pod {number}")
}

pub struct World {
    node: Namespace,
    client: Namespace,
    other: Namespace,
    pods: Vec<Namespace>,
    _lan: Namespace,
    servers: Mutex<Vec<(usize, Server)>>,
}

impl World {
    pub fn new() -> Result<Self> {
        lab::test::need("firewall rules", lab::Iptables::new());
        let lan = Namespace::new()?;
        lan.run(|| {
            link::bridge("lan")?;
            link::up("lan")
        })?;
        let world = Self {
            node: Namespace::current()?,
            client: Namespace::new()?,
            other: Namespace::new()?,
            pods: (1..=4)
                .map(|_| Namespace::new())
                .collect::<lab::Result<_>>()?,
            _lan: lan,
            servers: Mutex::default(),
        };
        world.connect()?;
        world.serve()?;
        Ok(world)
    }

    fn connect(&self) -> Result {
        let hosts = [(&self.node, 10), (&self.client, 99), (&self.other, 20)];
        for (namespace, host) in hosts {
            let port = format!("port{host}");
            self._lan.run(|| {
                link::veth_into(&port, "eth0", namespace)?;
                link::master(&port, "lan")?;
                link::up(&port)
            })?;
            namespace.run(|| {
                quiet()?;
                link::up("eth0")?;
                address::add(&format!("192.0.2.{host}/24"), "eth0")?;
                address::add(&format!("2001:db8::{host}/64"), "eth0")
            })?;
        }
        // What the cluster has and the client may reach, it reaches through the node.
        self.client.run(|| {
            route::via("10.96.0.0/16", NODE[0])?;
            route::via("198.51.100.0/24", NODE[0])?;
            route::via("fd00:96::/64", NODE[1])?;
            route::via("2001:db8:1::/64", NODE[1])
        })?;
        // Pod 5 is the other node itself, under an address of its own.
        self.other.run(|| {
            link::dummy("pod")?;
            link::up("pod")?;
            address::add(&pod(5)[0], "pod")?;
            address::add(&pod(5)[1], "pod")?;
            route::via("10.244.1.0/24", NODE[0])?;
            route::via("fd00:244:1::/64", NODE[1])
        })?;
        lab::module::load("br_netfilter")?;
        route::via("10.244.2.0/24", "192.0.2.20")?;
        route::via("fd00:244:2::/64", "2001:db8::20")?;
        link::bridge("cni0")?;
        link::promiscuous("cni0", true)?;
        link::up("cni0")?;
        address::add("10.244.1.1/24", "cni0")?;
        address::add("fd00:244:1::1/64", "cni0")?;
        for (index, namespace) in self.pods.iter().enumerate() {
            let [v4, v6] = pod(index + 1);
            let port = format!("pod{}", index + 1);
            link::veth_into(&port, "eth0", namespace)?;
            link::master(&port, "cni0")?;
            link::up(&port)?;
            namespace.run(|| {
                quiet()?;
                link::up("eth0")?;
                address::add(&format!("{v4}/24"), "eth0")?;
                address::add(&format!("{v6}/64"), "eth0")?;
                route::via("default", "10.244.1.1")?;
                route::via("default", "fd00:244:1::1")
            })?;
        }
        Ok(())
    }

    /// Starts the servers of the pods, which answer with their name over TCP and UDP.
    fn serve(&self) -> Result {
        let mut servers = self.servers.lock().expect("no thread panics with it");
        for number in 1..=5 {
            for address in pod(number) {
                let at = socket(&address, POD_PORT);
                let (namespace, name) = (self.namespace_of_pod(number), pod_name(number));
                let tcp = net::serve_tcp(namespace, &at, &name)?;
                let udp = net::serve_udp(namespace, &at, &name)?;
                servers.extend([(number, tcp), (number, udp)]);
            }
        }
        Ok(())
    }

    /// Stops the servers of a pod, as if it had ended.
    pub fn stop(&self, number: usize) {
        let mut servers = self.servers.lock().expect("no thread panics with it");
        servers.retain(|(pod, _)| *pod != number);
    }

    fn namespace_of_pod(&self, number: usize) -> &Namespace {
        match number {
            5 => &self.other,
            _ => &self.pods[number - 1],
        }
    }

    pub fn namespace(&self, from: From) -> &Namespace {
        match from {
            From::Node => &self.node,
            From::Pod(number) => self.namespace_of_pod(number),
            From::Client => &self.client,
        }
    }

    /// Asks over a new TCP connection who answers.
    pub fn ask(
        &self,
        from: From,
        address: &str,
        port: u16,
    ) -> std::result::Result<Answer, Unanswered> {
        net::ask_tcp(self.namespace(from), &socket(address, port), PATIENCE)
    }

    /// Asks over a new TCP connection where no answer is to come.
    pub fn ask_in_vain(&self, from: From, address: &str, port: u16) -> Unanswered {
        let answer = net::ask_tcp(self.namespace(from), &socket(address, port), IMPATIENCE);
        match answer {
            Ok(answer) => panic!("{from:?} -> {address} {port}: {answer:?} came"),
            Err(unanswered) => unanswered,
        }
    }

    /// Asks with a datagram from a new port who answers.
    pub fn ask_udp(
        &self,
        from: From,
        address: &str,
        port: u16,
    ) -> std::result::Result<Answer, Unanswered> {
        net::ask_udp(self.namespace(from), &socket(address, port), PATIENCE)
    }

    /// Asks several times, and returns the names of those who answered, sorted, each once.
    #[track_caller]
    pub fn who(&self, from: From, address: &str, port: u16, times: usize) -> Vec<String> {
        let ask = |_| match self.ask(from, address, port) {
            Ok(answer) => answer.server,
            Err(error) => panic!("{from:?} -> {address} {port}: {error}"),
        };
        let names: std::collections::BTreeSet<_> = (0..times).map(ask).collect();
        names.into_iter().collect()
    }
}

/// Sends an HTTP request from a namespace, and returns the whole answer.
pub fn get(namespace: &Namespace, address: &str) -> Result<String> {
    let mut stream = namespace.run(|| TcpStream::connect(address))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: node\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Returns the names of pods.
pub fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(pod_name).collect()
}

pub fn socket(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

/// Turns off what would send packets by ways that are not asked for.
fn quiet() -> lab::Result<()> {
    for (key, value) in [
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
    ] {
        sysctl::write(key, value)?;
    }
    Ok(())
}
