//! Requests as they are read back, what they refuse, and what their errors say.

use nix::libc;

use super::answer::attributes;
use super::body::{self, PROTOCOL};
use super::encode::Purpose;
use super::encoded::EncodedEntries;
use super::reply::Reply;
use super::request::{ListContent, Request};
use crate::ipset::AnySet;
use crate::wire::{self, Writer};

fn set(text: &str) -> AnySet {
    text.parse().unwrap()
}

fn add(set: &AnySet, entry: &str) -> crate::Result<Request> {
    Request::add(set, set.parse_entry(entry).unwrap())
}

#[test]
fn what_a_listing_is_to_contain_is_read_from_its_flags() {
    for content in [
        ListContent::Entries,
        ListContent::Headers,
        ListContent::Names,
    ] {
        assert_eq!(ListContent::read(content.flags()), content);
    }
}

#[test]
fn an_error_names_the_command_and_the_set() {
    let web = set("web hash:ip");
    let (name, other) = (*web.name(), "other".parse().unwrap());
    for (request, start) in [
        (Request::create(&web, 0).unwrap(), "create set web: "),
        (Request::destroy(name), "destroy set web: "),
        (Request::destroy_all(), "destroy set: "),
        (Request::flush(name), "flush set web: "),
        (Request::rename(name, other), "rename set web: "),
        (Request::swap(name, other), "swap sets web: "),
        (Request::list(name, ListContent::Names), "list set web: "),
        (add(&web, "10.0.0.1").unwrap(), "add entry web: "),
        (Request::header(name), "get set web: "),
        (Request::index(name), "find set web: "),
    ] {
        let error = request.error(-libc::EPERM, None).unwrap().to_string();
        assert!(error.starts_with(start), "{error}");
        assert!(request.error(0, None).is_none());
    }
}

#[test]
fn a_zero_address_is_named_where_kernels_refuse_one() {
    for (text, entry, named) in [
        ("web hash:ip,port", "0.0.0.0,80", true),
        ("web hash:net", "10.0.0.0/8", false),
    ] {
        let set = set(text);
        let request = add(&set, entry).unwrap();
        let error = request.error(-libc::EINVAL, Some(&set)).unwrap();
        assert_eq!(error.to_string().contains("zero address"), named, "{error}");
    }
}

#[test]
fn why_a_set_cannot_be_destroyed_is_told() {
    let request = Request::destroy("web".parse().unwrap());
    let error = request.error(-4100, None).unwrap();
    assert!(error.to_string().contains("a rule or a list"), "{error}");
}

#[test]
fn a_range_that_some_kernels_never_end_is_refused() {
    let web = set("web hash:ip,port");
    let entry = web.parse_entry("255.255.255.0-255.255.255.255,80");
    let error = entry.unwrap_err();
    assert!(error.to_string().contains("endless loop"), "{error}");
    assert!(add(&web, "255.255.255.0-255.255.255.254,80").is_ok());
    assert!(add(&web, "255.255.255.255,80").is_ok());
}

#[test]
fn a_test_is_of_one_port() {
    let web = set("web hash:ip,port");
    let test = |entry: &str| Request::test(&web, web.parse_entry(entry).unwrap());
    assert!(test("10.0.0.1,80").is_ok());
    assert!(test("10.0.0.1,80-81").is_err());
    assert!(add(&web, "10.0.0.1,80-81").is_ok());
}

#[test]
fn requests_with_other_entries_differ() {
    let web = set("web hash:ip");
    let request = |entry| add(&web, entry).unwrap();
    assert_eq!(request("10.0.0.1"), request("10.0.0.1"));
    assert_ne!(request("10.0.0.1"), request("10.0.0.2"));
}

fn written(request: &Request) -> Vec<u8> {
    let mut writer = Writer::default();
    request.write(&mut writer);
    writer.bytes().to_vec()
}

#[test]
fn requests_are_read_back_by_their_command_and_flags() {
    let name = "web".parse().unwrap();
    for request in [
        Request::index(name),
        Request::by_index(0x0203),
        Request::destroy(name),
        Request::destroy(name).not_exclusive(),
    ] {
        let bytes = written(&request);
        let message = attributes(&bytes).unwrap();
        let command = request.command().number();
        let read = Request::read(command, request.flags(), message).unwrap();
        assert_eq!(read, Some(request));
    }
}

#[test]
fn an_entry_that_is_encoded_already_is_written_like_any_other() {
    let web = set("web hash:ip,port");
    let entry = web.parse_entry("10.0.0.1,80").unwrap();
    let bytes = wire::in_room(|room| entry.write_in(&web, Purpose::Add, room)).unwrap();
    let mut writer = Writer::default();
    body::entry(&mut writer, PROTOCOL, web.name(), &bytes);
    let request = Request::add(&web, entry).unwrap();
    assert_eq!(writer.bytes(), written(&request));
}

#[test]
fn replies_are_read_back_by_their_command() {
    for reply in [
        Reply::Protocol { least: 6, most: 8 },
        Reply::Index { index: 0x0203 },
        Reply::Name {
            set: "web".parse().unwrap(),
        },
    ] {
        let mut writer = Writer::default();
        reply.write(&mut writer);
        let message = attributes(writer.bytes()).unwrap();
        let read = Reply::read(reply.command().number(), message).unwrap();
        assert_eq!(read, Some(reply));
    }
}

#[test]
fn many_entries_are_removed_by_requests_to_remove_them() {
    let web = set("web hash:ip");
    let mut requests = Request::remove_all(&web, [web.parse_entry("10.0.0.1").unwrap()]);
    let Some(Ok(Request::Remove { entries, .. })) = requests.next() else {
        panic!("no removal");
    };
    assert!(!entries.is_empty() && EncodedEntries::many(&[]).is_empty());
    assert!(requests.next().is_none());
}
