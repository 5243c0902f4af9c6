//! Objects of the cluster, as JSON.

use serde_json::{Value, json};

use crate::world::{POD_PORT, pod};

/// A Service named `name` with one port, and any other fields of its `spec`.
pub fn service(name: &str, protocol: &str, port: u16, cluster_ips: &[&str], spec: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ips.first(),
            "clusterIPs": cluster_ips,
            "ports": [{ "name": "p", "protocol": protocol, "port": port, "targetPort": POD_PORT }],
        },
        "status": { "loadBalancer": {} },
    });
    merge(&mut service["spec"], spec);
    service
}

/// The same with addresses of a load balancer.
pub fn with_load_balancer(mut service: Value, addresses: &[&str]) -> Value {
    service["spec"]["type"] = "LoadBalancer".into();
    let ingress: Vec<_> = addresses
        .iter()
        .map(|it| json!({ "ip": it, "ipMode": "VIP" }))
        .collect();
    service["status"]["loadBalancer"]["ingress"] = ingress.into();
    service
}

/// The same with a node port.
pub fn with_node_port(mut service: Value, port: u16) -> Value {
    if service["spec"]["type"] == "ClusterIP" {
        service["spec"]["type"] = "NodePort".into();
    }
    service["spec"]["ports"][0]["nodePort"] = port.into();
    service
}

/// The IPv4 slice of a Service, with pods that are ready.
pub fn slice(service: &str, protocol: &str, pods: impl IntoIterator<Item = usize>) -> Value {
    let endpoints = pods
        .into_iter()
        .map(|number| endpoint(number, 0, json!({ "ready": true })));
    slice_of(service, "IPv4", protocol, endpoints.collect())
}

/// The IPv6 slice of a Service, with pods that are ready.
pub fn slice6(service: &str, protocol: &str, pods: impl IntoIterator<Item = usize>) -> Value {
    let endpoints = pods
        .into_iter()
        .map(|number| endpoint(number, 1, json!({ "ready": true })));
    slice_of(service, "IPv6", protocol, endpoints.collect())
}

pub fn slice_of(service: &str, family: &str, protocol: &str, endpoints: Vec<Value>) -> Value {
    let name = format!("{service}-{}", family.to_lowercase());
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": family,
        "ports": [{ "name": "p", "protocol": protocol, "port": POD_PORT }],
        "endpoints": endpoints,
    })
}

/// A pod as an endpoint. `family` is 0 for IPv4 and 1 for IPv6.
pub fn endpoint(number: usize, family: usize, conditions: Value) -> Value {
    let node = if number == 5 { "other" } else { "node" };
    json!({ "addresses": [pod(number)[family]], "conditions": conditions, "nodeName": node })
}

fn merge(target: &mut Value, fields: Value) {
    let (Value::Object(target), Value::Object(fields)) = (target, fields) else {
        panic!("only objects are merged");
    };
    target.extend(fields);
}
