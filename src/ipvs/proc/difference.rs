use super::snapshot::{Snapshot, SnapshotKey, SnapshotServer, SnapshotService};

/// The services whose configuration differs between two [`Snapshot`]s.
///
/// [`Snapshot::changes_since`] returns it. Two services with the same firewall mark count as one
/// here, because a snapshot does not show their families.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Difference {
    /// Services that only the newer snapshot has.
    pub added: Vec<SnapshotKey>,
    /// Services that only the older snapshot has.
    pub removed: Vec<SnapshotKey>,
    /// Services whose own configuration, servers or servers' configuration changed.
    pub changed: Vec<SnapshotKey>,
}

/// The configuration of a service and of its servers, which are sorted.
type Configured = (SnapshotService, Vec<SnapshotServer>);

impl Difference {
    /// Returns true if there is no difference.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns an iterator over the keys of all services that differ.
    pub fn keys(&self) -> impl Iterator<Item = &SnapshotKey> {
        self.added.iter().chain(&self.removed).chain(&self.changed)
    }

    fn between(older: &Snapshot, newer: &Snapshot) -> Self {
        let mut difference = Self::default();
        // Usually nothing changed. Then the order is the same too.
        if same_in_order(older, newer) {
            return difference;
        }
        let (older, newer) = (sorted(older), sorted(newer));
        let (mut older, mut newer) = (by_key(&older).peekable(), by_key(&newer).peekable());
        loop {
            let key = |group: Option<&&[Configured]>| Some(group?.first()?.0.key);
            let (old, new) = (key(older.peek()), key(newer.peek()));
            match (old, new) {
                (None, None) => return difference,
                (Some(old), new) if new.is_none_or(|new| old < new) => {
                    difference.removed.push(old);
                    older.next();
                }
                (old, Some(new)) if old.is_none_or(|old| new < old) => {
                    difference.added.push(new);
                    newer.next();
                }
                (_, both) => {
                    if older.next() != newer.next() {
                        difference.changed.extend(both);
                    }
                }
            }
        }
    }
}

impl Snapshot {
    /// Returns the services whose configuration differs from that in an older snapshot.
    ///
    /// The numbers of connections and the order do not count.
    pub fn changes_since(&self, older: &Self) -> Difference {
        Difference::between(older, self)
    }
}

fn same_in_order(one: &Snapshot, other: &Snapshot) -> bool {
    one.services == other.services
        && one.servers.len() == other.servers.len()
        && one
            .servers
            .iter()
            .map(configured)
            .eq(other.servers.iter().map(configured))
}

/// Returns a server without its numbers of connections.
fn configured(server: &SnapshotServer) -> SnapshotServer {
    SnapshotServer {
        active_connections: 0,
        inactive_connections: 0,
        ..*server
    }
}

fn sorted(snapshot: &Snapshot) -> Vec<Configured> {
    let mut services: Vec<_> = snapshot
        .iter()
        .map(|(service, servers)| {
            let mut servers: Vec<_> = servers.iter().map(configured).collect();
            servers.sort_unstable();
            (*service, servers)
        })
        .collect();
    services.sort_unstable();
    services
}

fn by_key(services: &[Configured]) -> impl Iterator<Item = &[Configured]> {
    services.chunk_by(|(one, _), (other, _)| one.key == other.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::proc::captured;

    fn table(change: impl FnOnce(Vec<&str>) -> Vec<&str>) -> Snapshot {
        let text = std::str::from_utf8(captured::TABLE).unwrap();
        let lines = change(text.lines().collect());
        Snapshot::read(lines.join("\n").as_bytes()).unwrap()
    }

    fn as_it_is() -> Snapshot {
        table(|lines| lines)
    }

    /// The index of the table's first service: an IPv6 service with two servers.
    const FIRST: usize = 3;

    #[test]
    fn neither_connections_nor_order_are_changes() {
        let text = String::from_utf8(captured::TABLE.to_vec()).unwrap();
        let busier = Snapshot::read(text.replace(" 1    ", " 7    ").as_bytes()).unwrap();
        assert_ne!(busier, as_it_is());
        let busier = Snapshot::read(text.replace("1          3", "5          9").as_bytes());
        let busier = busier.unwrap();
        assert_ne!(busier, as_it_is());
        assert!(busier.changes_since(&as_it_is()).is_empty());

        let other_order = table(|mut lines| {
            let service: Vec<_> = lines.drain(FIRST..FIRST + 3).collect();
            lines.extend([service[0], service[2], service[1]]);
            lines
        });
        assert_ne!(other_order, as_it_is());
        assert!(other_order.changes_since(&as_it_is()).is_empty());
    }

    #[test]
    fn services_that_come_and_go() {
        let without = table(|mut lines| {
            lines.drain(FIRST..FIRST + 3);
            lines
        });
        let first = as_it_is().iter().next().unwrap().0.key;
        let gone = without.changes_since(&as_it_is());
        assert_eq!(gone.removed, [first]);
        assert!(gone.added.is_empty() && gone.changed.is_empty());
        let back = as_it_is().changes_since(&without);
        assert_eq!(back.added, [first]);
        assert!(back.removed.is_empty() && back.changed.is_empty());
        let empty = table(|lines| lines[..FIRST].to_vec());
        assert!(empty.is_empty());
        // One mark has a service of each family.
        assert_eq!(as_it_is().changes_since(&empty).added.len(), 14);
    }

    #[test]
    fn anything_configured_otherwise_is_a_change_of_its_service() {
        let first = as_it_is().iter().next().unwrap().0.key;
        for (line, from, to) in [
            (FIRST, " rr", " wrr"),
            (FIRST, " rr ", " rr persistent 100 80000000"),
            (FIRST + 1, "Tunnel", "Masq"),
            (FIRST + 1, "Tunnel  1", "Tunnel  2"),
            (FIRST + 2, "0002]:0052", "0003]:0052"),
        ] {
            let text = String::from_utf8(captured::TABLE.to_vec()).unwrap();
            let mut lines: Vec<_> = text.lines().map(String::from).collect();
            lines[line] = lines[line].replace(from, to);
            let other = Snapshot::read(lines.join("\n").as_bytes()).unwrap();
            let difference = other.changes_since(&as_it_is());
            assert_eq!(difference.changed, [first], "{to}");
            assert!(!difference.is_empty());
            assert!(difference.added.is_empty() && difference.removed.is_empty());
        }
        let one_mark_less = table(|mut lines| {
            let at = lines
                .iter()
                .position(|line| line.starts_with("FWM"))
                .unwrap();
            lines.drain(at..at + 2);
            lines
        });
        assert_eq!(one_mark_less.changes_since(&as_it_is()).changed.len(), 1);
    }

    #[test]
    fn services_without_servers_differ_too() {
        let heading: Vec<_> = captured::TABLE.split_inclusive(|it| *it == b'\n').collect();
        let with = |service: &str| {
            let text = [heading[..FIRST].concat().as_slice(), service.as_bytes()].concat();
            Snapshot::read(&text[..]).unwrap()
        };
        let one = with("TCP  0A090909:0050 rr\n");
        let other = with("TCP  0A090909:0050 wrr\n");
        assert_eq!(other.changes_since(&one).changed.len(), 1);
        assert!(one.changes_since(&one).is_empty());
    }
}
