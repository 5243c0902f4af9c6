//! What holds for the JSON of every public type.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipset::plan as set_plan;
use crate::ipset::*;
use crate::ipvs::messages::*;
use crate::ipvs::plan;
use crate::ipvs::proc::sysctl::{ConnectionReuse, DefenseMode, SyncThreshold};
use crate::ipvs::proc::*;
use crate::ipvs::*;
use crate::{ErrorKind, ExtendedAck, Family, Missing, OnFailure, Protocol};

/// JSON is read or refused, and written as it is read.
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(text) else {
        return;
    };
    // Some values can be read and not written, such as a timeout with a fraction of a second.
    if let Ok(written) = serde_json::to_vec(&value) {
        let again: T = serde_json::from_slice(&written)
            .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&written)));
        assert_eq!(again, value);
    }
}

macro_rules! types {
    ($($type:ty),* $(,)?) => {
        const TYPES: &[fn(&[u8])] = &[$(same::<$type>),*];
    };
}

types![
    VirtualService,
    RealServer,
    Operation,
    IpvsMessage,
    TableEntry,
    plan::WantedTable,
    plan::Record,
    plan::RecordedService,
    plan::Plan,
    plan::ApplyReport,
    plan::Policy,
    plan::Look,
    plan::Warning,
    Snapshot,
    Difference,
    crate::ipvs::proc::Connection,
    Status,
    CpuCounters,
    Statistics,
    SyncDaemon,
    Timeouts,
    Info,
    ServiceKey,
    ForwardingMethod,
    SchedulerFlags,
    PersistenceEngine,
    Scheduler,
    Persistence,
    ServiceInfo,
    ServerInfo,
    Query,
    Report,
    crate::ipvs::text::Line,
    DefenseMode,
    ConnectionReuse,
    SyncThreshold,
    AnySet,
    AnyEntry,
    IpSet<HashIp>,
    Entry<HashIp>,
    Entry<HashNetIface>,
    Entry<HashIpPortNet>,
    Entry<BitmapIpMac>,
    Entry<ListSet>,
    crate::ipset::text::Line,
    SetInfo,
    SetName,
    SetRange,
    SetOrEntry,
    CreateOptions,
    EntryOptions,
    AnyValue,
    AnyElement,
    Addresses,
    Neighbor,
    Interface,
    Ipv4Range,
    MacAddress,
    Mark,
    Member,
    OptionalMac,
    Port,
    PortRange,
    AnyType,
    SkbMark,
    SkbPriority,
    set_plan::Policy,
    set_plan::Counts,
    ErrorKind,
    ExtendedAck,
    Family,
    Missing,
    OnFailure,
    Protocol,
];

/// Any text is read or refused as JSON of each type. The first byte says which type it is.
pub fn json(bytes: &[u8]) {
    if let Some((number, text)) = bytes.split_first() {
        if let Some(same) = TYPES.get(usize::from(*number)) {
            same(text);
        }
    }
}

/// Texts of each type's own form, with the number of the type before them.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seeds = vec![b"\x00{\"key\": \"-t 10.0.0.1:80\"}".to_vec()];
    let mut add = |number: u8, text: String| seeds.push([&[number], text.as_bytes()].concat());
    for _ in 0..20 {
        let operation = crate::ipvs::arbitrary::operation()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        if let Ok(text) = serde_json::to_string(&operation) {
            add(2, text);
        }
        let report = crate::ipvs::arbitrary::report()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        add(30, serde_json::to_string(&report).unwrap());
    }
    seeds
}
