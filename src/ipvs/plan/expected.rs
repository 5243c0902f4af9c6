//! What a snapshot shows after operations.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::object::Object;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::scheduler::Scheduler;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::proc::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotServer, SnapshotService,
};

/// Returns true if `after` shows what some operations made of `before`. What it shows of services
/// that are not the program's own, and that no operation changed, does not matter.
///
/// It returns false where a snapshot cannot tell: if operations changed a service with a firewall
/// mark that both families have, because the two look the same.
pub(super) fn is_expected(
    before: &Snapshot,
    operations: &[&Operation],
    after: &Snapshot,
    is_own: impl Fn(&SnapshotKey) -> bool,
) -> bool {
    let objects = operations.iter().filter_map(|it| Object::of(it));
    let mut changed: HashMap<_, Option<Shown>> = objects
        .map(|it| (SnapshotKey::from(&it.service), None))
        .collect();
    let difference = after.changes_since(before);
    let others = difference.keys().filter(|key| !changed.contains_key(key));
    if others.into_iter().any(is_own) {
        return false;
    }
    if changed.is_empty() {
        return true;
    }
    for (service, servers) in before.iter() {
        if let Some(shown) = changed.get_mut(&service.key) {
            if shown.replace(Shown::new(service, servers)).is_some() {
                return false;
            }
        }
    }
    for operation in operations {
        if let Some(object) = Object::of(operation) {
            let shown = changed.entry((&object.service).into()).or_default();
            carry_out(operation, shown);
        }
    }
    for (service, servers) in after.iter() {
        if let Some(shown) = changed.get_mut(&service.key) {
            if shown.take() != Some(Shown::new(service, servers)) {
                return false;
            }
        }
    }
    changed.values().all(Option::is_none)
}

/// What a snapshot shows of a service that is known from its configuration.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    scheduler: Scheduler,
    one_packet: Option<bool>,
    /// The timeout is shown in ticks of an unknown length.
    is_persistent: bool,
    servers: BTreeMap<SocketAddr, (SnapshotForwarding, u32)>,
}

impl Shown {
    fn new(service: &SnapshotService, servers: &[SnapshotServer]) -> Self {
        let server = |it: &SnapshotServer| (it.address, (it.forwarding, it.weight));
        Self {
            scheduler: service.scheduler,
            one_packet: service.one_packet,
            is_persistent: service.persistence.is_some(),
            servers: servers.iter().map(server).collect(),
        }
    }

    fn of(service: &VirtualService) -> Self {
        let is_hidden = service.key.socket_address().is_some_and(|it| it.is_ipv6());
        Self {
            scheduler: service.scheduler,
            one_packet: (!is_hidden).then_some(service.one_packet),
            is_persistent: service.persistence.is_some(),
            servers: BTreeMap::new(),
        }
    }
}

/// Does to what is shown of a service what an operation does to the service.
fn carry_out(operation: &Operation, shown: &mut Option<Shown>) {
    match (operation, shown) {
        (Operation::AddService(service), shown) => *shown = Some(Shown::of(service)),
        (Operation::UpdateService(service), Some(shown)) => {
            let servers = std::mem::take(&mut shown.servers);
            *shown = Shown {
                servers,
                ..Shown::of(service)
            };
        }
        (Operation::RemoveService(_), shown) => *shown = None,
        (Operation::AddServer(_, server) | Operation::UpdateServer(_, server), Some(shown)) => {
            let looks = (server.forwarding.into(), server.weight);
            shown.servers.insert(server.address, looks);
        }
        (Operation::RemoveServer(_, address), Some(shown)) => {
            shown.servers.remove(address);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::text;

    /// The heading, and a service with two servers. The addresses are 10.0.0.1:80, 10.1.0.1:80
    /// and 10.1.0.2:80.
    const BEFORE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A000001:0050 rr
  -> 0A010001:0050      Masq    1      3          4
  -> 0A010002:0050      Masq    1      0          0
";
    const MARK: &str = "FWM  00000007 rr\n";

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::read(text.as_bytes()).unwrap()
    }

    fn operations(text: &str) -> Vec<Operation> {
        let lines = text::parse(text).map(|line| line.unwrap().operation);
        lines.collect()
    }

    /// Returns true if operations, as text, make `after` of `before`.
    fn leads(before: &str, lines: &str, after: &str) -> bool {
        let operations = operations(lines);
        let operations: Vec<_> = operations.iter().collect();
        is_expected(&snapshot(before), &operations, &snapshot(after), |_| true)
    }

    #[test]
    fn without_operations_nothing_but_connections_may_differ() {
        assert!(leads(BEFORE, "", BEFORE));
        let busier = BEFORE.replace("3          4", "5          0");
        assert!(leads(BEFORE, "", &busier));
        for (from, to) in [
            ("rr", "wrr"),
            ("rr", "rr ops"),
            ("Masq    1      0", "Masq    2      0"),
            ("Masq    1      0", "Route   1      0"),
            ("0A010002", "0A010003"),
            ("0A000001", "0A000002"),
        ] {
            assert!(!leads(BEFORE, "", &BEFORE.replacen(from, to, 1)), "{to}");
        }
        assert!(!leads(BEFORE, "", &format!("{BEFORE}{MARK}")));
        assert!(!leads(&format!("{BEFORE}{MARK}"), "", BEFORE));
    }

    #[test]
    fn services_of_others_do_not_matter() {
        let others = |_: &SnapshotKey| false;
        let after = snapshot(&BEFORE.replace("rr", "wrr"));
        assert!(is_expected(&snapshot(BEFORE), &[], &after, others));
        // What the program changes is its own.
        let changed = operations("-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1");
        let changed: Vec<_> = changed.iter().collect();
        assert!(!is_expected(&snapshot(BEFORE), &changed, &after, others));
    }

    #[test]
    fn each_operation_has_to_show() {
        let first = BEFORE.replace("  -> 0A010002:0050      Masq    1      0          0\n", "");
        let cases = [
            (
                "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1",
                first.as_str(),
                BEFORE,
            ),
            ("-d -t 10.0.0.1:80 -r 10.1.0.2:80", BEFORE, &first),
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 9",
                BEFORE,
                &BEFORE.replace("Masq    1      0", "Route   9      0"),
            ),
            (
                "-E -t 10.0.0.1:80 -s wlc -p 60 -o",
                BEFORE,
                &BEFORE.replace("rr", "wlc ops persistent 6000 FFFFFFFF"),
            ),
            (
                "-D -t 10.0.0.1:80",
                BEFORE,
                &BEFORE[..BEFORE.find("TCP").unwrap()],
            ),
            ("-A -f 7 -s rr", BEFORE, &format!("{BEFORE}{MARK}")),
        ];
        for (line, before, after) in cases {
            assert!(leads(before, line, after), "{line}");
            assert!(!leads(before, line, before), "{line}");
            assert!(!leads(before, "", after), "{line}");
        }
        let all = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
";
        assert!(leads(&BEFORE[..BEFORE.find("TCP").unwrap()], all, BEFORE));
        assert!(!leads(&first, all, &first));
    }

    #[test]
    fn a_mark_of_both_families_can_not_be_told_apart() {
        let both = format!("{BEFORE}{MARK}{MARK}");
        assert!(leads(&both, "", &both));
        assert!(!leads(
            &format!("{BEFORE}{MARK}"),
            "-A -f 7 -6 -s rr",
            &both
        ));
        assert!(!leads(&both, "-D -f 7 -6", &format!("{BEFORE}{MARK}")));
    }
}
