//! The kernel's own time for the first application: the same requests, encoded beforehand and sent
//! with the fewest calls.

use std::error::Error;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipvset::Family;
use ipvset::ipset::elements::FromParts;
use ipvset::ipset::types::SetType;
use ipvset::ipset::{Entry, IpSets};
use ipvset::ipvs::Operation;
use ipvset::ipvs::plan::WantedTable;
use netlink_packet_core::{
    NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sys::socket::SockProtocol;

use crate::Outcome;
use crate::creating::Creating;
use crate::floor::{Datagrams, Floor};
use crate::generic;
use crate::translate::Wanted;
use crate::translate::sets::{Visitor, WantedSet};

/// The device that gets the addresses.
const DEVICE: &str = "addresses";

/// The requests of each step.
pub struct Requests {
    sets: Vec<Vec<u8>>,
    addresses: Vec<Vec<u8>>,
    services: Vec<Vec<u8>>,
    /// The rules of each family, as `iptables-save` prints them.
    rules: [(lab::Iptables, String); 2],
}

impl Requests {
    /// Encodes what is wanted. The rules have to be in place.
    pub fn new(wanted: &mut Wanted) -> Outcome<Self> {
        let mut sets = Entries(Vec::new());
        for family in [Family::Ipv4, Family::Ipv6] {
            wanted.sets(family).visit(&mut sets)?;
        }
        let saved = |tables: lab::Iptables| -> Outcome<_> {
            let text = tables.save("nat")? + &tables.save("filter")?;
            Ok((tables, text))
        };
        Ok(Self {
            sets: sets.0,
            addresses: Vec::new(),
            services: services(&wanted.table)?,
            rules: [saved(lab::Iptables::new()?)?, saved(lab::Iptables::v6()?)?],
        })
    }

    /// Sends everything to a kernel that has nothing of it. Returns how long each step took.
    pub fn send(&mut self, wanted: &mut Wanted) -> Outcome<Vec<(&'static str, Duration)>> {
        lab::link::dummy(DEVICE)?;
        self.addresses = addresses(wanted, lab::link::index(DEVICE)?);
        let mut netfilter = Floor::netfilter()?;
        let mut routing = Floor::open(SockProtocol::NetlinkRoute)?;
        let mut generic = Floor::generic()?;
        let sets = time(|| {
            create(wanted)?;
            self.sets.iter().try_for_each(|it| netfilter.send(it))
        });
        let rules = time(|| {
            self.rules.iter().try_for_each(|(tables, text)| {
                let program = format!("{}-restore", tables.program());
                lab::tool_with_input(&program, ["--noflush"], text)?;
                Ok(())
            })
        });
        let addresses = time(|| self.addresses.iter().try_for_each(|it| routing.send(it)));
        let services = time(|| self.services.iter().try_for_each(|it| generic.send(it)));
        Ok(vec![
            ("sets", sets?),
            ("rules", rules?),
            ("addresses", addresses?),
            ("virtual services", services?),
        ])
    }
}

fn time(work: impl FnOnce() -> Outcome) -> Outcome<Duration> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed())
}

fn create(wanted: &mut Wanted) -> Outcome {
    let mut creating = Creating(IpSets::connect()?);
    for family in [Family::Ipv4, Family::Ipv6] {
        wanted.sets(family).visit(&mut creating)?;
    }
    Ok(())
}

/// The messages that add the entries of all sets.
struct Entries(Vec<Vec<u8>>);

impl Visitor for Entries {
    type Error = Box<dyn Error>;

    fn visit<T>(&mut self, wanted: &mut WantedSet<T>) -> Outcome
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        let entries = wanted.entries.iter().cloned().map(Entry::new);
        let mut messages = wanted.set.add_messages(entries);
        while let Some(message) = messages.next_message() {
            self.0.push(message?.to_vec());
        }
        Ok(())
    }
}

fn services(table: &WantedTable) -> Outcome<Vec<Vec<u8>>> {
    let operations = table.iter().flat_map(|service| {
        let key = service.config().key;
        let servers = service.servers().iter();
        let servers = servers.map(move |it| Operation::AddServer(key, it.config.clone()));
        std::iter::once(Operation::AddService(service.config().clone())).chain(servers)
    });
    generic::datagrams(operations)
}

fn addresses(wanted: &Wanted, index: u32) -> Vec<Vec<u8>> {
    let mut datagrams = Datagrams::default();
    for address in wanted.addresses.iter() {
        datagrams.push(&address_request(*address, index));
    }
    datagrams.finish()
}

fn address_request(address: IpAddr, index: u32) -> Vec<u8> {
    let mut message = AddressMessage::default();
    let (family, length) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.header.index = index;
    message.header.family = family;
    message.header.prefix_len = length;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Flags(AddressFlags::Nodad),
    ];
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
    let message = RouteNetlinkMessage::NewAddress(message);
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}
