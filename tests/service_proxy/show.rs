//! The scenario of `cargo xtask proxy`: requests from each place, with what is expected of each and
//! what came of it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use lab::net::Unanswered;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{service, slice, slice6, with_load_balancer, with_node_port};
use crate::proxy;
use crate::world::{CLIENT, From, NODE, World, names, pod};

/// What is expected of requests.
enum Expect {
    /// Each of these pods answers, and they see a client of this address; `None` is any other than
    /// that of the client.
    Pods(Vec<usize>, Option<String>),
    Refused,
}

struct Show {
    world: World,
    differing: usize,
}

/// Runs the scenario in the namespace of the thread. The exit status is 0 if all is as expected.
pub fn run() -> ExitCode {
    match scenario() {
        Ok(0) => {
            println!("\nAll requests had the expected outcome.");
            ExitCode::SUCCESS
        }
        Ok(differing) => {
            println!("\n{differing} requests differ.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn scenario() -> Result<usize> {
    println!(
        "A node with pods 1 to 4, another node with pod 5, and a client outside of the cluster.\n\
         Each request is sent six times."
    );
    let mut show = Show {
        world: World::new()?,
        differing: 0,
    };
    let cluster = ["--cluster-cidr", "10.244.0.0/16,fd00:244::/32"];
    let of = |spec: Value| {
        let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], spec);
        with_node_port(
            with_load_balancer(web, &["198.51.100.8", "2001:db8:1::8"]),
            30080,
        )
    };
    let slices = |pods: &[usize]| {
        let pods = || pods.iter().copied();
        [slice("web", "TCP", pods()), slice6("web", "TCP", pods())]
    };

    show.step("A Service with the policy Cluster and the pods 1, 2 and 5");
    let [ipv4, ipv6] = slices(&[1, 2, 5]);
    show.apply(&cluster, &[of(json!({})), ipv4.clone(), ipv6.clone()]);
    for (family, address) in [(0, "10.96.0.10"), (1, "fd00:96::10")] {
        let seen = |address: &str| Expect::Pods(vec![1, 2, 5], Some(address.to_owned()));
        show.ask(From::Pod(3), address, 80, &seen(&pod(3)[family]));
        // A pod that answers itself sees the node. So this is any address.
        show.ask(From::Node, address, 80, &Expect::Pods(vec![1, 2, 5], None));
        show.ask(
            From::Client,
            address,
            80,
            &Expect::Pods(vec![1, 2, 5], None),
        );
    }
    for (address, port) in [
        (NODE[0], 30080),
        (NODE[1], 30080),
        ("198.51.100.8", 80),
        ("2001:db8:1::8", 80),
    ] {
        show.ask(
            From::Client,
            address,
            port,
            &Expect::Pods(vec![1, 2, 5], None),
        );
    }

    show.step("The policy Local: only the pods of the node answer, and see the client");
    let local = of(json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 }));
    show.apply(&cluster, &[local.clone(), ipv4, ipv6]);
    for (family, address, port) in [
        (0, NODE[0], 30080),
        (1, NODE[1], 30080),
        (0, "198.51.100.8", 80),
        (1, "2001:db8:1::8", 80),
    ] {
        let expect = Expect::Pods(vec![1, 2], Some(CLIENT[family].to_owned()));
        show.ask(From::Client, address, port, &expect);
    }

    show.step("The pods are replaced by the pods 3 and 4");
    let [ipv4, ipv6] = slices(&[3, 4]);
    show.apply(&cluster, &[local.clone(), ipv4, ipv6]);
    let expect = Expect::Pods(vec![3, 4], Some(CLIENT[0].to_owned()));
    show.ask(From::Client, "198.51.100.8", 80, &expect);

    show.step("No pod is left");
    show.apply(&cluster, &[of(json!({}))]);
    for address in ["10.96.0.10", "fd00:96::10"] {
        show.ask(From::Client, address, 80, &Expect::Refused);
        show.ask(From::Node, address, 80, &Expect::Refused);
    }
    Ok(show.differing)
}

impl Show {
    fn step(&self, title: &str) {
        println!("\n{title}\n");
    }

    /// Applies these objects, which are all.
    fn apply(&self, options: &[&str], objects: &[Value]) {
        for line in proxy::apply(options, objects).lines() {
            println!("  {line}");
        }
        println!();
    }

    /// Sends requests, and prints what is expected of them and what came of them.
    fn ask(&mut self, from: From, address: &str, port: u16, expect: &Expect) {
        println!("  {from:?} -> {address} {port}");
        let (expected, outcome, is_ok) = match expect {
            Expect::Refused => {
                let outcome = self.world.ask_in_vain(from, address, port);
                (
                    "refused at once".to_owned(),
                    outcome.to_string(),
                    outcome == Unanswered::Refused,
                )
            }
            Expect::Pods(pods, client) => {
                let expected = names(pods.iter().copied()).join(", ");
                let expected = match client {
                    Some(client) => format!("answered by {expected}, which see {client}"),
                    None => format!("answered by {expected}"),
                };
                let (outcome, is_ok) = self.answers(from, address, port, pods, client.as_deref());
                (expected, outcome, is_ok)
            }
        };
        let mark = if is_ok { "[ok]" } else { "[DIFFERS]" };
        println!("      expected: {expected}\n      outcome:  {outcome}   {mark}\n");
        self.differing += usize::from(!is_ok);
    }

    fn answers(
        &self,
        from: From,
        address: &str,
        port: u16,
        pods: &[usize],
        client: Option<&str>,
    ) -> (String, bool) {
        let (mut servers, mut clients) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..6 {
            match self.world.ask(from, address, port) {
                Ok(answer) => {
                    servers.insert(answer.server);
                    clients.insert(answer.client.ip().to_string());
                }
                Err(error) => return (error.to_string(), false),
            }
        }
        let is_seen = match client {
            Some(client) => clients.iter().all(|it| it == client),
            // From outside, all look like the node.
            None => from != From::Client || clients.iter().all(|it| !CLIENT.contains(&it.as_str())),
        };
        let (servers, clients) = (Vec::from_iter(servers), Vec::from_iter(clients));
        let is_ok = servers == names(pods.iter().copied()) && is_seen;
        let outcome = format!(
            "answered by {}, which see {}",
            servers.join(", "),
            clients.join(", ")
        );
        (outcome, is_ok)
    }
}
