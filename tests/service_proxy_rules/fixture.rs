//! A node, objects, and what they ask of the node, as text.

use std::collections::BTreeSet;

use ipvset::Family;
use ipvset::ipset::Entry;
use ipvset::ipset::elements::FromParts;
use ipvset::ipset::types::SetType;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::input;
use crate::translate::sets::{Visitor, WantedSet};
use crate::translate::{Node, Settings, Wanted};

/// A node with an address of each family, in zone `a`.
pub fn node() -> Node {
    Node {
        name: "here".into(),
        zone: Some("a".into()),
        addresses: [
            "192.0.2.10".parse().unwrap(),
            "2001:db8::10".parse().unwrap(),
        ]
        .into(),
    }
}

/// The proxy without its kernel.
pub struct Fixture {
    pub cluster: Cluster,
    pub wanted: Wanted,
    /// What a person was told.
    pub told: Vec<String>,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(node(), Settings::default())
    }

    pub fn with(node: Node, settings: Settings) -> Self {
        Self {
            cluster: Cluster::default(),
            wanted: Wanted::new(node, settings).unwrap(),
            told: Vec::new(),
        }
    }

    /// The proxy after these objects.
    pub fn of(objects: &[Value]) -> Self {
        let mut fixture = Self::new();
        fixture.put(objects);
        fixture
    }

    /// Reads objects one after the other.
    pub fn put(&mut self, objects: &[Value]) {
        self.read(
            0,
            &objects
                .iter()
                .map(|it| format!("{it:#}\n"))
                .collect::<String>(),
        );
    }

    pub fn event(&mut self, event: &str, object: &Value) {
        self.read(0, &json!({ "type": event, "object": object }).to_string());
    }

    /// Reads documents of an input, and translates what changed.
    pub fn read(&mut self, input: usize, documents: &str) {
        let Self { cluster, told, .. } = self;
        input::read(documents.as_bytes(), |event| {
            told.extend(cluster.enter(input, event))
        })
        .unwrap();
        let notes = self.wanted.follow(&mut self.cluster);
        self.told.extend(notes);
    }

    /// The wanted table, in the words of `ipvsadm -S -n`.
    pub fn table(&self) -> String {
        self.wanted.table.to_string()
    }

    /// The servers of a service, such as `-t 10.96.0.1:80`.
    pub fn servers(&self, key: &str) -> Vec<String> {
        let service = self
            .wanted
            .table
            .get(key.parse::<ipvset::ipvs::ServiceKey>().unwrap());
        let servers = service.map(|it| it.servers()).unwrap_or_default();
        servers
            .iter()
            .map(|it| it.config.address.to_string())
            .collect()
    }

    /// The entries of all sets, as `NAME ENTRY`.
    pub fn sets(&mut self) -> BTreeSet<String> {
        let mut all = Entries::default();
        for family in [Family::Ipv4, Family::Ipv6] {
            let Ok(()) = self.wanted.sets(family).visit(&mut all);
        }
        all.0
    }

    /// The entries of one set, without the beginning of its name.
    pub fn set(&mut self, name: &str) -> Vec<String> {
        let sets = self.sets();
        let entries = sets
            .iter()
            .filter_map(|it| it.strip_prefix(&format!("SVCPROXY{name} ")));
        entries.map(ToOwned::to_owned).collect()
    }

    pub fn addresses(&self) -> Vec<String> {
        self.wanted
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

#[derive(Default)]
struct Entries(BTreeSet<String>);

impl Visitor for Entries {
    type Error = std::convert::Infallible;

    fn visit<T>(&mut self, wanted: &mut WantedSet<T>) -> Result<(), Self::Error>
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        let name = wanted.set.name();
        let entries = wanted.entries.iter().cloned().map(Entry::<T>::new);
        self.0.extend(entries.map(|entry| {
            // What the set refuses would fail in the kernel only.
            wanted.set.validate_entry(entry.clone()).unwrap();
            format!("{name} {entry}")
        }));
        Ok(())
    }
}

/// A Service with one port `p`: TCP 80.
pub fn service(name: &str, cluster_ips: &[&str]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "ns", "uid": format!("uid of {name}") },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ips[0],
            "clusterIPs": cluster_ips,
            "ports": [{ "name": "p", "protocol": "TCP", "port": 80, "targetPort": "web" }],
        },
    })
}

/// The same with other fields of its `spec`.
pub fn with(mut service: Value, spec: Value) -> Value {
    let (Value::Object(fields), Value::Object(spec)) = (&mut service["spec"], spec) else {
        panic!("a spec is an object");
    };
    fields.extend(spec);
    service
}

/// The same with addresses of a load balancer.
pub fn balanced(service: Value, addresses: &[&str]) -> Value {
    let mut service = with(service, json!({ "type": "LoadBalancer" }));
    let ingress: Vec<_> = addresses.iter().map(|it| json!({ "ip": it })).collect();
    service["status"] = json!({ "loadBalancer": { "ingress": ingress } });
    service
}

/// The same with a node port.
pub fn node_port(service: Value, port: u16) -> Value {
    let mut service = match service["spec"]["type"] == "ClusterIP" {
        true => with(service, json!({ "type": "NodePort" })),
        false => service,
    };
    service["spec"]["ports"][0]["nodePort"] = port.into();
    service
}

/// A slice of a Service. The family is that of the first endpoint.
pub fn slice(name: &str, service: &str, endpoints: &[Value]) -> Value {
    let first = endpoints.first().and_then(|it| it["addresses"][0].as_str());
    let family = match first.is_some_and(|it| it.contains(':')) {
        true => "IPv6",
        false => "IPv4",
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": format!("uid of {name}"),
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": family,
        "ports": [{ "name": "p", "protocol": "TCP", "port": 8080 }],
        "endpoints": endpoints,
    })
}

/// An endpoint that is ready, on this node.
pub fn ready(address: &str) -> Value {
    json!({ "addresses": [address], "conditions": { "ready": true }, "nodeName": "here" })
}

/// An endpoint that is ready, on another node.
pub fn elsewhere(address: &str) -> Value {
    json!({ "addresses": [address], "conditions": { "ready": true }, "nodeName": "there" })
}

/// An endpoint that terminates and still answers, on this node.
pub fn terminating(address: &str) -> Value {
    let conditions = json!({ "ready": false, "serving": true, "terminating": true });
    json!({ "addresses": [address], "conditions": conditions, "nodeName": "here" })
}
