//! Documents: whole, broken, and of forms that are not read.

use serde_json::{Value, json};

use crate::fixture::*;
use crate::input::{self, Event};
use crate::objects;

fn read(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    input::read(text.as_bytes(), |event| {
        all.push(match event {
            Event::Put { object, .. } => format!("{} {}", object.kind(), object.name()),
            Event::Misread(misread) => format!("misread {misread}"),
            Event::Delete { kind, name, .. } => format!("delete {kind} {name}"),
            Event::ListBegins => "list".into(),
            Event::ListEnds => "end".into(),
            Event::ServerError(error) => format!("error {error}"),
            Event::Broken { position, reason } => format!("broken at {position}: {reason}"),
        });
    })
    .unwrap();
    all
}

fn web(name: &str) -> Value {
    service(name, &["10.96.0.1"])
}

#[test]
fn documents_follow_each_other_with_or_without_space() {
    let (a, b) = (web("a"), web("b"));
    for text in [
        format!("{a}{b}"),
        format!("\n\n{a:#}\n{b:#}\n"),
        format!("{a} \t{b}\n"),
    ] {
        assert_eq!(read(&text), ["Service ns/a", "Service ns/b"]);
    }
    assert_eq!(read(""), [""; 0]);
    assert_eq!(read(" \n"), [""; 0]);
}

#[test]
fn a_broken_document_is_told_with_its_place_and_the_next_one_counts() {
    let (a, b) = (format!("{:#}\n", web("a")), format!("{:#}\n", web("b")));
    // In the middle of a document, a word is wrong, a brace is missing, or it breaks off.
    let wrong = a.replace("\"ns\"", "ns");
    let open = a.trim_end().strip_suffix('}').unwrap().to_owned() + "\n";
    let cut = a[..a.len() / 2].to_owned() + "\n";
    for broken in [
        wrong,
        open,
        cut,
        "{}}\n".into(),
        "[1]\n".into(),
        "what?\n".into(),
        "{\n".into(),
    ] {
        let all = read(&format!("{b}{broken}{b}"));
        assert_eq!(all.first().unwrap(), "Service ns/b");
        assert_eq!(all.last().unwrap(), "Service ns/b", "{broken}: {all:?}");
        let told: Vec<_> = all[1..all.len() - 1]
            .iter()
            .filter(|it| it.starts_with("broken at line "))
            .collect();
        assert_eq!(told.len(), 1, "{broken}: {all:?}");
    }
    let place = read("{\"kind\": \"Service\",\n  \"metadata\": {,}}\n");
    assert_eq!(place, ["broken at line 2, column 16: key must be a string"]);
    let end = read(&b[..20]);
    assert_eq!(end.len(), 1, "{end:?}");
    assert!(end[0].contains("EOF while parsing"), "{end:?}");
}

#[test]
fn other_kinds_and_versions_are_told() {
    let other = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "namespace": "ns", "name": "p" } });
    assert_eq!(
        read(&other.to_string()),
        ["misread Pod ns/p: only Service and EndpointSlice are read"]
    );
    let mut old = slice("s", "web", &[]);
    old["apiVersion"] = "discovery.k8s.io/v1beta1".into();
    let told = read(&old.to_string());
    assert_eq!(
        told,
        ["misread EndpointSlice ns/s: its version discovery.k8s.io/v1beta1 is not read"]
    );
    let event = json!({ "type": "EXPLODED", "object": web("a") });
    assert!(read(&event.to_string())[0].contains("the event \"EXPLODED\" is not known"));
}

#[test]
fn fields_that_are_not_known_or_null_do_not_matter() {
    let mut object = slice("s", "web", &[]);
    object["endpoints"] = Value::Null;
    object["ports"] = Value::Null;
    object["metadata"]["managedFields"] = json!([{ "manager": "x", "fieldsV1": { "f:spec": {} } }]);
    let objects::Object::EndpointSlice(slice) = objects::read(&object.to_string(), None).unwrap()
    else {
        panic!("it is a slice");
    };
    assert_eq!((slice.endpoints.len(), slice.ports.len()), (0, 0));
}

#[test]
fn host_names_are_ignored_and_wrong_addresses_are_not() {
    let mut names = slice("s", "web", &[]);
    names["addressType"] = "FQDN".into();
    names["endpoints"] = json!([{ "addresses": ["pod.example"] }]);
    assert_eq!(read(&names.to_string()), ["EndpointSlice ns/s"]);
    let wrong = slice("s", "web", &[ready("10.0.0.1"), ready("fd00::1")]);
    assert_eq!(
        read(&wrong.to_string()),
        ["misread EndpointSlice ns/s: endpoints: fd00::1 is not an IPv4 address"]
    );
    let wrong = slice("s", "web", &[ready("10.0.0.256")]);
    assert!(read(&wrong.to_string())[0].contains("\"10.0.0.256\": invalid IP address syntax"));
    let mut service = web("web");
    service["spec"]["loadBalancerSourceRanges"] = json!(["10.0.0.0/33"]);
    assert!(
        read(&service.to_string())[0]
            .starts_with("misread Service ns/web: loadBalancerSourceRanges: \"10.0.0.0/33\"")
    );
}
