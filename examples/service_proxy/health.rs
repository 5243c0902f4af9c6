//! Tells load balancers whether the node has endpoints of their Services.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::http::{self, Answer, Handler, Server};
use crate::translate::HealthCheck;

/// Serves the health check ports.
#[derive(Debug)]
pub struct HealthChecks {
    server: Server,
    has_ipv6: bool,
    served: BTreeMap<u16, HealthCheck>,
}

impl HealthChecks {
    pub fn new(has_ipv6: bool) -> std::io::Result<Self> {
        Ok(Self {
            server: Server::start()?,
            has_ipv6,
            served: BTreeMap::new(),
        })
    }

    /// Serves these ports, and no others. Returns what went wrong.
    pub fn follow(&mut self, wanted: &BTreeMap<u16, HealthCheck>) -> Vec<String> {
        if self.served == *wanted {
            return Vec::new();
        }
        let mut failures = Vec::new();
        let address = |port| http::any(port, self.has_ipv6);
        let kept: BTreeSet<SocketAddr> = wanted.keys().map(|port| address(*port)).collect();
        failures.extend(
            self.server
                .retain(|it| kept.contains(it))
                .err()
                .map(|it| it.to_string()),
        );
        self.served.retain(|port, _| wanted.contains_key(port));
        for (port, check) in wanted {
            if self.served.get(port) == Some(check) {
                continue;
            }
            let answer = answer(check);
            let served = self.server.serve(
                address(*port),
                Handler::Answer(Arc::new(move || answer.clone())),
            );
            match served {
                Ok(()) => drop(self.served.insert(*port, check.clone())),
                Err(error) => failures.push(format!("health check of {}: {error}", check.service)),
            }
        }
        failures
    }
}

/// Returns the answer: 200 if the node has endpoints, otherwise 503, and their number.
pub fn answer(check: &HealthCheck) -> Answer {
    let count = check.local_endpoints;
    let body = serde_json::json!({
        "service": { "namespace": check.service.namespace, "name": check.service.name },
        "localEndpoints": count,
        "serviceProxyHealthy": true,
    });
    Answer {
        status: match count {
            0 => "503 Service Unavailable",
            _ => "200 OK",
        },
        headers: vec![
            ("content-type", "application/json".into()),
            ("x-load-balancing-endpoint-weight", count.to_string()),
        ],
        body: format!("{body}\n"),
    }
}
