//! Inputs that random ones are made from.

/// Returns a list, events, and what `kubectl` prints.
pub fn seeds() -> Vec<Vec<u8>> {
    let service = |name: &str, address: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}","namespace":"ns","uid":"u{name}","resourceVersion":"7","annotations":{{"a":"b"}}}},"spec":{{"type":"LoadBalancer","clusterIP":"{address}","clusterIPs":["{address}","fd00::1"],"ports":[{{"name":"p","protocol":"TCP","port":80,"targetPort":8080,"nodePort":30080}}],"externalIPs":["198.51.100.7"],"sessionAffinity":"ClientIP","sessionAffinityConfig":{{"clientIP":{{"timeoutSeconds":60}}}},"externalTrafficPolicy":"Local","internalTrafficPolicy":"Local","healthCheckNodePort":30081,"loadBalancerSourceRanges":["192.0.2.0/24"],"trafficDistribution":"PreferClose","publishNotReadyAddresses":false}},"status":{{"loadBalancer":{{"ingress":[{{"ip":"198.51.100.8","ipMode":"VIP"}}]}}}}}}"#
        )
    };
    let slice = |name: &str, service: &str, family: &str, address: &str| {
        format!(
            r#"{{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{{"name":"{name}","namespace":"ns","uid":"{name}","labels":{{"kubernetes.io/service-name":"{service}"}}}},"addressType":"{family}","ports":[{{"name":"p","protocol":"TCP","port":8080}}],"endpoints":[{{"addresses":["{address}"],"conditions":{{"ready":true,"serving":true,"terminating":false}},"nodeName":"here","zone":"a","hints":{{"forZones":[{{"name":"a"}}]}}}}]}}"#
        )
    };
    let (web, same) = (service("web", "10.96.0.1"), service("other", "10.96.0.1"));
    let (v4, v6) = (
        slice("web-4", "web", "IPv4", "10.1.0.1"),
        slice("web-6", "web", "IPv6", "fd00:1::1"),
    );
    let list = |items: &str| format!(r#"{{"apiVersion":"v1","kind":"List","items":[{items}]}}"#);
    let event = |kind: &str, object: &str| format!(r#"{{"type":"{kind}","object":{object}}}"#);
    let status =
        r#"{"kind":"Status","apiVersion":"v1","code":410,"message":"too old","reason":"Expired"}"#;
    let texts = [
        list(&[&*web, &same, &v4, &v6].join(",")),
        format!("{web}\n{v4}{v6}"),
        [
            event("ADDED", &web),
            event("ADDED", &v4),
            event("MODIFIED", &same),
            event("DELETED", &web),
            event("BOOKMARK", "{}"),
            event("ERROR", status),
        ]
        .join("\n"),
        format!("{}\n{}\n{web}", list(&web), &v4[..200]),
        format!("{}\n{}", list(&same), list("")),
    ];
    texts.map(String::into_bytes).to_vec()
}
