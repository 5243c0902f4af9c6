//! What holds for any input of the example service_proxy. The fuzz target `kubernetes` runs this
//! with any bytes.

use crate::cluster::Cluster;
use crate::input::{self, Event};
use crate::translate::{Node, Settings, Wanted};

/// Reads any input into memory. What is broken is told with its place.
pub fn read(bytes: &[u8]) -> Cluster {
    let mut cluster = Cluster::default();
    let ended = input::read(bytes, |event| {
        if let Event::Broken { position, reason } = &event {
            let mut lines = bytes.split(|byte| *byte == b'\n');
            let line = lines.nth(position.line - 1);
            let length = line.expect("the line is in the input").len();
            // The end of a line counts as a part of it.
            let column = position.column;
            assert!(
                (1..=length + 1).contains(&column),
                "{position} of {length}: {reason}"
            );
            assert!(!reason.is_empty());
        }
        let told = cluster.enter(0, event);
        assert!(told.is_none_or(|it| !it.is_empty()));
    });
    ended.expect("bytes in memory are always read");
    cluster
}

/// What the node has to look like does not depend on whether it is translated event by event or at
/// the end.
pub fn translate(bytes: &[u8]) {
    let mut cluster = Cluster::default();
    let mut stepwise = wanted();
    let ended = input::read(bytes, |event| {
        cluster.enter(0, event);
        stepwise.follow(&mut cluster);
    });
    ended.expect("bytes in memory are always read");
    let mut at_once = wanted();
    at_once.follow(&mut read(bytes));
    assert_eq!(stepwise.table, at_once.table);
    assert_eq!(stepwise.health_checks, at_once.health_checks);
    assert!(stepwise.addresses.iter().eq(at_once.addresses.iter()));
    assert_eq!(stepwise.services(), at_once.services());
}

fn wanted() -> Wanted {
    let node = Node {
        name: "here".into(),
        zone: Some("a".into()),
        addresses: vec![
            [192, 0, 2, 10].into(),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 10].into(),
        ],
    };
    Wanted::new(node, Settings::default()).expect("the names of sets are short")
}

/// Inputs to begin with: a list, events, and what `kubectl` prints.
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

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_their_beginnings_and_with_any_byte_replaced() {
        for seed in super::seeds() {
            for end in 0..seed.len() {
                super::read(&seed[..end]);
            }
            super::translate(&seed);
            for place in (0..seed.len()).step_by(31) {
                let mut changed = seed.clone();
                for byte in *b"{\"9:\xff\n" {
                    changed[place] = byte;
                    super::translate(&changed);
                }
            }
        }
    }
}
