//! Watch events, lists and streams, in any order.

use serde_json::{Value, json};

use crate::fixture::*;

const KEY: &str = "-t 10.96.0.1:80";

fn web() -> Value {
    service("web", &["10.96.0.1"])
}

fn version(mut object: Value, number: u64) -> Value {
    object["metadata"]["resourceVersion"] = number.to_string().into();
    object
}

fn list(items: &[Value]) -> String {
    json!({ "apiVersion": "v1", "items": items, "kind": "List" }).to_string()
}

#[test]
fn the_order_does_not_matter() {
    let objects = [
        web(),
        slice("s1", "web", &[ready("10.0.0.1")]),
        slice("s2", "web", &[ready("10.0.0.2")]),
    ];
    let expected = Fixture::of(&objects);
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut fixture = Fixture::new();
        for index in order {
            fixture.event("ADDED", &objects[index]);
        }
        assert_eq!(fixture.table(), expected.table());
    }
}

#[test]
fn what_is_said_again_changes_nothing() {
    let endpoints = slice("s", "web", &[ready("10.0.0.1")]);
    let mut fixture = Fixture::of(&[web(), endpoints.clone()]);
    let before = (fixture.table(), fixture.sets());
    for object in [&web(), &endpoints] {
        for event in ["ADDED", "MODIFIED", "MODIFIED"] {
            fixture.event(event, object);
            assert_eq!((fixture.table(), fixture.sets()), before);
        }
    }
    for _ in 0..2 {
        fixture.event("DELETED", &endpoints);
        assert_eq!(fixture.table(), "");
    }
}

#[test]
fn an_object_that_was_never_seen_can_be_deleted() {
    let mut fixture = Fixture::new();
    fixture.event("DELETED", &web());
    fixture.event("DELETED", &slice("s", "web", &[ready("10.0.0.1")]));
    assert_eq!((fixture.table(), fixture.told.len()), (String::new(), 0));
}

#[test]
fn a_change_that_comes_late_is_ignored() {
    let state = |number, address| version(slice("s", "web", &[ready(address)]), number);
    let mut fixture = Fixture::of(&[web(), state(7, "10.0.0.7")]);
    fixture.event("MODIFIED", &state(6, "10.0.0.6"));
    assert_eq!(fixture.servers(KEY), ["10.0.0.7:8080"]);
    fixture.event("MODIFIED", &state(8, "10.0.0.8"));
    assert_eq!(fixture.servers(KEY), ["10.0.0.8:8080"]);
    // A watch that begins anew knows the state, whatever its number is.
    fixture.event("ADDED", &state(1, "10.0.0.1"));
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
}

#[test]
fn an_object_that_was_created_again_outlives_the_end_of_the_first() {
    let mut again = web();
    again["metadata"]["uid"] = "another".into();
    let mut fixture = Fixture::of(&[web(), slice("s", "web", &[ready("10.0.0.1")])]);
    fixture.event("ADDED", &again);
    fixture.event("DELETED", &web());
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
}

#[test]
fn a_slice_that_changes_its_service_leaves_the_first() {
    let mut fixture = Fixture::of(&[web(), slice("s", "web", &[ready("10.0.0.1")])]);
    fixture.event("MODIFIED", &slice("s", "other", &[ready("10.0.0.1")]));
    assert_eq!(fixture.table(), "");
}

#[test]
fn a_list_replaces_what_its_input_named_before() {
    let endpoints = |address| slice("s", "web", &[ready(address)]);
    let other = service("other", &["10.96.0.2"]);
    let mut fixture = Fixture::new();
    fixture.read(0, &list(&[web(), other]));
    fixture.read(1, &list(&[endpoints("10.0.0.1")]));
    assert_eq!(fixture.addresses(), ["10.96.0.1", "10.96.0.2"]);
    fixture.read(0, &list(&[web()]));
    assert_eq!(fixture.addresses(), ["10.96.0.1"]);
    // The other input's objects stay.
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
    fixture.read(1, &list(&[]));
    assert_eq!(fixture.servers(KEY), [""; 0]);
}

#[test]
fn a_list_that_breaks_off_removes_nothing() {
    let mut fixture = Fixture::new();
    fixture.read(0, &list(&[web(), service("other", &["10.96.0.2"])]));
    let whole = list(&[service("third", &["10.96.0.3"]), web()]);
    fixture.read(0, &whole[..whole.len() - 30]);
    assert_eq!(fixture.addresses(), ["10.96.0.1", "10.96.0.2", "10.96.0.3"]);
    assert!(
        fixture.told[0].starts_with("broken document, at line 1, column "),
        "{:?}",
        fixture.told
    );
}

#[test]
fn lists_of_one_kind_need_not_name_it_again() {
    let bare = |mut object: Value| {
        let fields = object.as_object_mut().unwrap();
        fields.remove("kind");
        fields.remove("apiVersion");
        object
    };
    let mut fixture = Fixture::new();
    // This is how the server itself writes them, with the kind first.
    fixture.read(
        0,
        &format!("{{\"kind\":\"ServiceList\",\"items\":[{}]}}", bare(web())),
    );
    let slice = bare(slice("s", "web", &[ready("10.0.0.1")]));
    fixture.read(
        1,
        &format!("{{\"kind\":\"EndpointSliceList\",\"items\":[{slice}]}}"),
    );
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
}

#[test]
fn bookmarks_are_nothing_and_errors_are_told() {
    let mut fixture = Fixture::of(&[web(), slice("s", "web", &[ready("10.0.0.1")])]);
    let bookmark =
        json!({ "kind": "Service", "apiVersion": "v1", "metadata": { "resourceVersion": "9" } });
    fixture.event("BOOKMARK", &bookmark);
    assert_eq!(fixture.told, [""; 0]);
    let status = json!({ "kind": "Status", "apiVersion": "v1", "message": "too old resource version", "code": 410 });
    fixture.event("ERROR", &status);
    assert_eq!(
        fixture.told,
        ["the server reports an error: too old resource version"]
    );
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
}

#[test]
fn an_object_that_is_not_understood_is_told_and_stays_as_it_was() {
    let mut fixture = Fixture::of(&[web(), slice("s", "web", &[ready("10.0.0.1")])]);
    let wrong = with(web(), json!({ "ports": [{ "port": "eighty" }] }));
    let other = service("other", &["10.96.0.2"]);
    fixture.read(
        0,
        &list(&[
            wrong.clone(),
            other,
            slice("s", "web", &[ready("10.0.0.2")]),
        ]),
    );
    assert!(
        fixture.told[0]
            .starts_with("not understood: Service ns/web: invalid type: string \"eighty\""),
        "{:?}",
        fixture.told
    );
    assert_eq!(fixture.servers(KEY), ["10.0.0.2:8080"]);
    assert_eq!(fixture.addresses(), ["10.96.0.1", "10.96.0.2"]);
    // Its name is enough to know that it is gone.
    fixture.event("DELETED", &wrong);
    assert_eq!(fixture.addresses(), ["10.96.0.2"]);
}
