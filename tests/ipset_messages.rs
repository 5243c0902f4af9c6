//! Sends messages over the program's own netlink connection, and checks the kernel's answers.

use std::net::Ipv4Addr;

use ipvset::ipset::elements::*;
use ipvset::ipset::messages::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_sys::{Socket, SocketAddr, protocols};

lab::tests![
    lab::Needs::sets(&["hash:ip,port"]);
    every_request_and_its_answer,
    many_entries_and_the_one_that_is_refused,
];

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Payload = NetlinkPayload<IpsetMessage>;

fn connect() -> Result<Socket> {
    let mut socket = Socket::new(protocols::NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends a request and returns the answers: one message, or all messages of a dump.
fn ask(socket: &Socket, request: Request) -> Result<Vec<Payload>> {
    let message = NetlinkMessage::from(request);
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let message = NetlinkMessage::<IpsetMessage>::deserialize(&datagram)?;
        const MULTI: u16 = 2;
        match message.payload {
            NetlinkPayload::Done(_) => return Ok(answers),
            payload => answers.push(payload),
        }
        if message.header.flags & MULTI == 0 {
            return Ok(answers);
        }
    }
}

fn reply(socket: &Socket, request: Request) -> Result<Reply> {
    match ask(socket, request)?.pop() {
        Some(NetlinkPayload::InnerMessage(IpsetMessage::Reply(reply))) => Ok(reply),
        other => Err(format!("{other:?}").into()),
    }
}

/// Sends a command. Returns the kernel's error, if it failed.
fn ack(socket: &Socket, request: Request, set: &AnySet) -> Result<Option<ipvset::Error>> {
    match ask(socket, request.clone())?.pop() {
        Some(NetlinkPayload::Error(error)) => Ok(request.error(error.raw_code(), Some(set))),
        other => Err(format!("{other:?}").into()),
    }
}

fn every_request_and_its_answer() -> Result {
    let socket = connect()?;
    let Reply::Protocol { least, most, .. } = reply(&socket, Request::Protocol)? else {
        return Err("no version".into());
    };
    assert!((least..=most).contains(&7));
    let kind: AnyType = "hash:ip,port".parse()?;
    let Reply::Type { most, .. } = reply(&socket, Request::revisions(kind))? else {
        return Err("no revisions".into());
    };

    let web = IpSet::<HashIpPort>::new("web")?.counters().maxelem(1);
    let any = web.untype();
    let revision = most.min(6);
    let done = |request| ack(&socket, request, &any);
    assert!(done(Request::create(&web, revision)?)?.is_none());
    let again = done(Request::create(&web, revision)?)?.expect("it exists");
    assert!(again.is_already_exists(), "{again}");
    assert!(done(Request::create(&web, revision)?.not_exclusive())?.is_none());

    let server = Ipv4Addr::new(10, 0, 0, 11);
    let entry = || Entry::<HashIpPort>::new((server, tcp(80))).counters(3, 200);
    assert!(done(Request::add(&web, entry())?)?.is_none());
    let again = done(Request::add(&web, entry())?)?.expect("it exists");
    assert!(again.is_already_exists(), "{again}");
    let full = done(Request::add(&web, (server, udp(53)))?)?.expect("no room");
    assert!(
        full.is_full() && full.to_string().contains("maxelem 1"),
        "{full}"
    );
    assert!(done(Request::test(&web, entry())?)?.is_none());
    let other = done(Request::test(&web, (server, tcp(81)))?)?.expect("not found");
    assert!(other.is_not_found(), "{other}");

    let list = Request::list_all(ListContent::Entries);
    let Reply::Set {
        name,
        info,
        entries,
        ..
    } = reply(&socket, list)?
    else {
        return Err("no set".into());
    };
    let info = info.expect("a header");
    assert_eq!((name, info.entries), (*web.name(), Some(1)));
    let entries: Vec<_> = entries.read(HashIpPort).collect::<ipvset::Result<_>>()?;
    assert_eq!(entries, [entry()]);
    let Reply::Header(header) = reply(&socket, Request::header(name))? else {
        return Err("no header".into());
    };
    assert_eq!(
        (&header.type_name, header.revision),
        (&info.type_name, revision)
    );

    let Reply::Index { index, .. } = reply(&socket, Request::index(name))? else {
        return Err("no number".into());
    };
    assert_eq!(Some(index), info.index);
    let Reply::Name { set, .. } = reply(&socket, Request::by_index(index))? else {
        return Err("no name".into());
    };
    assert_eq!(set, name);

    let to = SetName::new("other")?;
    assert!(done(Request::remove(&web, entry())?)?.is_none());
    assert!(done(Request::remove(&web, entry())?.not_exclusive())?.is_none());
    assert!(done(Request::flush(name))?.is_none());
    assert!(done(Request::rename(name, to))?.is_none());
    let swap = Request::swap(name, to);
    assert!(done(swap)?.expect("renamed").is_not_found());
    let destroy = Request::destroy(to);
    assert!(done(destroy)?.is_none());
    let names = Request::list_all(ListContent::Names);
    assert_eq!(ask(&socket, names)?, []);
    Ok(())
}

fn many_entries_and_the_one_that_is_refused() -> Result {
    let socket = connect()?;
    let web = IpSet::<HashIpPort>::new("web")?;
    let any = web.untype();
    assert!(ack(&socket, Request::create(&web, 5)?, &any)?.is_none());
    let entry = |number| (Ipv4Addr::from_bits(number), tcp(80));
    // The last one exists already.
    let all = (1..=5000).chain([17]).map(entry);
    let mut requests = Request::add_all(&web, all).collect::<ipvset::Result<Vec<_>>>()?;
    let last = requests.pop().expect("several messages");
    for request in requests {
        assert!(ack(&socket, request, &any)?.is_none());
    }
    let Some(NetlinkPayload::Error(error)) = ask(&socket, last.clone())?.pop() else {
        return Err("no answer".into());
    };
    let Request::Add { entries, .. } = &last else {
        return Err("not an addition".into());
    };
    let refused = Request::refused_entry(&error.header).expect("an entry");
    let mut entries = entries
        .read(HashIpPort)
        .collect::<ipvset::Result<Vec<_>>>()?;
    assert_eq!(refused, entries.len() - 1);
    assert_eq!(entries.pop(), Some(entry(17).into()));
    let error = last.error(error.raw_code(), Some(&any)).expect("an error");
    assert!(error.is_already_exists(), "{error}");
    Ok(())
}
