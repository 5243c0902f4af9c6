//! The allocations of the hot paths: none for an entry or a message of IPVS, and at most one message or datagram
//! for adding or listing any number of entries.

use ipvset::OnFailure;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use ipnet::Ipv4Net;
use ipvset::ipset::elements::{Interface, tcp};
use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::{HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface, SetType};
use ipvset::ipset::{Entry, IpSet, IpSets};
use ipvset::ipvs::messages::{IpvsMessage, Query};
use ipvset::ipvs::plan::{Planner, Record, Scope, StepResult, WantedTable};
use ipvset::ipvs::{Operation, RealServer, ServerInfo, ServiceInfo, TableEntry, VirtualService};
use netlink_packet_core::{Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

/// Counts what the calling thread allocates.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn changed(by: isize) {
    let held = HELD.get() + by;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: every call is passed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        changed(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        changed(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Returns the number of allocations in `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Returns the maximum number of bytes that `work` holds at a time.
fn most_held(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap()
}

fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001 + number)
}

fn network(number: u32) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_bits(0x1000_0000 + (number << 8)), 24)
}

/// Returns an entry with the most elements, and all options that need no memory.
fn full(number: u32) -> Entry<HashIpPortIp> {
    Entry::new((host(number), tcp(8080), host(0)))
        .timeout(Duration::from_secs(60))
        .counters(1, 60)
        .skbmark(7)
        .skbprio(1, 2)
        .skbqueue(3)
}

/// Writes 10,000 entries and reads them.
fn write_and_read<T: SetType + Default>(set: &IpSet<T>, entry: fn(u32) -> Entry<T>) {
    const COUNT: usize = 10_000;
    let mut messages = set.add_messages((0..COUNT as u32).map(entry));
    let (mut written, mut read) = (0, 0);
    let mut payload = Vec::with_capacity(70_000);
    loop {
        let mut more = false;
        written += allocations(|| {
            if let Some(message) = messages.next_message() {
                payload.clear();
                // The payload has the same form as a message of a listing.
                payload.extend_from_slice(&message.unwrap()[16..]);
                more = true;
            }
        });
        if !more {
            break;
        }
        read += allocations(|| {
            for entry in set.listed(&payload).unwrap() {
                assert!(entry.is_ok());
            }
        });
    }
    assert_eq!((written, read), (0, 0), "{}", set.type_name());
}

fn an_entry_is_written_and_read_without_allocating() {
    let interface = |number| {
        let interface = Interface::new("eth0").unwrap();
        Entry::new((network(number), interface))
    };
    write_and_read::<HashIp>(&IpSet::new("a").unwrap(), |it| Entry::new(host(it)));
    write_and_read::<HashIpPort>(&IpSet::new("a").unwrap(), |it| {
        Entry::new((host(it), tcp(8080)))
    });
    write_and_read::<HashIpPortIp>(&IpSet::new("a").unwrap().counters(), full);
    write_and_read::<HashNet>(&IpSet::new("a").unwrap(), |it| Entry::new(network(it)));
    write_and_read::<HashNetIface>(&IpSet::new("a").unwrap(), interface);
}

/// Encodes messages for the program's own connection, and reads a report.
fn a_message_of_ipvs_is_written_and_read_without_allocating() {
    let web = VirtualService::tcp("10.100.100.100:8080".parse().unwrap());
    let server = RealServer::new("10.0.0.11:8080".parse().unwrap());
    let messages = [
        IpvsMessage::from(Operation::AddServer(web.key, server)),
        IpvsMessage::from(Operation::AddService(web)),
        IpvsMessage::from(Query::Services),
    ];
    for message in &messages {
        let header = GenlHeader {
            cmd: message.command(),
            version: message.version(),
        };
        let mut buffer = [0; 256];
        let written = allocations(|| {
            let length = message.buffer_len();
            message.emit(&mut buffer[..length]);
        });
        let bytes = &buffer[..message.buffer_len()];
        let mut same = false;
        let read = allocations(|| {
            same = IpvsMessage::parse_with_param(bytes, header).is_ok_and(|it| it == *message);
        });
        assert!(same, "{message:?}");
        assert_eq!((written, read), (0, 0), "{message:?}");
    }
}

/// Creates a set with many entries. Returns it with the memory that was held.
fn filled(sets: &mut IpSets, name: &str, count: u32) -> (IpSet<HashIpPortIp>, usize) {
    let set = IpSet::<HashIpPortIp>::new(name).unwrap();
    let set = set.hashsize(count).maxelem(count * 2);
    sets.create(&set).unwrap();
    let entries = (0..count).map(|it| (host(it), tcp(8080), host(0)));
    let held = most_held(|| {
        assert_eq!(
            sets.add_all(&set, entries, OnFailure::Stop)
                .into_result()
                .unwrap(),
            count as usize
        )
    });
    (set, held)
}

const FEW: u32 = 2_000;
const MANY: u32 = 1_000_000;

fn adding_holds_one_message() {
    let mut sets = IpSets::connect().unwrap();
    let (_, few) = filled(&mut sets, "set1", FEW);
    let (_, many) = filled(&mut sets, "set2", MANY);
    assert_eq!(few, many, "bytes held");
    // The largest message, and a little more.
    assert!(many < 65_536 + 4_096, "{many} bytes");
}

fn an_iterated_listing_holds_one_datagram() {
    let mut sets = IpSets::connect().unwrap();
    let mut held = [FEW, MANY].map(|count| {
        let (set, _) = filled(&mut sets, if count == FEW { "set1" } else { "set2" }, count);
        most_held(|| {
            let entries = sets.list(&set).unwrap();
            assert_eq!(entries.map(Result::unwrap).count(), count as usize);
        })
    });
    held.sort();
    assert_eq!(held[0], held[1], "bytes held");
    // The receive buffer exists already. Only the description of the set is new.
    assert!(held[1] < 4_096, "{} bytes", held[1]);
}

/// The wanted entries are held without most of what an `Entry` takes, with what finds them, and
/// with the entries to be removed.
fn applying_holds_at_most_three_times_the_values() {
    const COUNT: u32 = 200_000;
    let values = COUNT as usize * size_of::<<HashIpPortIp as SetType>::Value>();
    let mut sets = IpSets::connect().unwrap();
    let set = IpSet::<HashIpPortIp>::new("set").unwrap();
    let set = set
        .maxelem(COUNT)
        .counters()
        .timeout(Duration::from_secs(600));
    let mut check = |first: u32, policy: Policy, changes: u32| {
        let wanted = (first..first + COUNT).map(|it| (host(it), tcp(8080), host(0)));
        let held = most_held(|| {
            let report = sets.apply(&set, wanted, &policy).unwrap();
            assert_eq!(report.into_result().unwrap().changes(), changes as usize);
        });
        assert!(held < 3 * values, "{held} bytes for {values}");
    };
    check(0, Policy::new(), COUNT);
    check(0, Policy::new(), 0);
    check(COUNT, Policy::new(), 2 * COUNT);
    check(COUNT + COUNT / 2, Policy::new().at_once(), COUNT);
}

/// The bytes of tables with 10 servers in each service, which grow with the table and no faster.
fn a_plan_holds_at_most_three_times_the_table() {
    for services in [100, 1_000, 10_000] {
        check_plan(services);
    }
}

fn check_plan(services: u32) {
    const EACH: u32 = 10;
    let table = |network: u8| {
        let entry = |number: u32| {
            let server = |it: u32| {
                let [_, high, middle, low] = (number * EACH + it).to_be_bytes();
                ServerInfo::new(RealServer::new(([network, high, middle, low], 80).into()))
            };
            let service = VirtualService::tcp((host(number), 80).into());
            let servers = (0..EACH).map(server).collect();
            TableEntry::new(ServiceInfo::new(service), servers)
        };
        (0..services).map(entry).collect::<Vec<_>>()
    };
    let mut present = Vec::new();
    let size = most_held(|| present = table(1));
    let replaced = WantedTable::from_entries(&table(2)).unwrap();
    let same = WantedTable::from_entries(&present).unwrap();
    let planner = Planner::new().scope(Scope::everything());
    let mut record = Record::new();
    let adoption = planner.plan(&same, &present, &record);
    record.begin(&adoption, SystemTime::now());
    record.settle(&adoption, |_| StepResult::Succeeded);
    for (wanted, present, most) in [
        (&same, &present[..], 0.1),
        (&same, &[], 3.0),
        (&replaced, &present, 3.0),
    ] {
        let held = most_held(|| drop(planner.plan(wanted, present, &record)));
        let times = held as f64 / size as f64;
        assert!(
            times <= most,
            "{times:.2} times the {size} bytes of {services} services"
        );
    }
}

lab::tests![
    lab::Needs::sets(&["hash:ip,port,ip"]);
    an_entry_is_written_and_read_without_allocating,
    a_message_of_ipvs_is_written_and_read_without_allocating,
    adding_holds_one_message,
    an_iterated_listing_holds_one_datagram,
    applying_holds_at_most_three_times_the_values,
    a_plan_holds_at_most_three_times_the_table,
];
