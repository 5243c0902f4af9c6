//! Interfaces with a wildcard, which hide others.
//!
//! When the kernel looks for an entry of a `hash:net,iface`, a stored wildcard `eth` is found for
//! the interface `eth0` of the same network, too (`hash_netiface4_data_equal`). So a request that
//! means `eth0` may change or remove the wildcard instead.

use std::collections::{HashMap, HashSet};

use super::difference::{Difference, Fate};
use crate::ipset::model::value::Elements;
use crate::ipset::{AnyElement, Interface, SetType};

/// An entry with an interface: its network, and the interface.
type Pair = (AnyElement, Interface);

fn pair(value: &impl Elements) -> Option<Pair> {
    let value = value.untyped();
    let mut elements = value.elements();
    match (elements.next(), elements.next()) {
        (Some(network), Some(AnyElement::Interface(interface))) => {
            Some((network.clone(), *interface))
        }
        _ => None,
    }
}

fn is_wildcard(pair: &Pair) -> bool {
    pair.1.is_wildcard()
}

/// Returns true if a wildcard hides an entry that is to be added, changed or removed.
pub(super) fn are_hidden<T: SetType>(difference: &Difference<T>) -> bool {
    let wanted = difference.wanted();
    let all = 0..wanted.count() as u32;
    let values = all.clone().map(|it| wanted.value(it));
    let values = values.chain(difference.removed()).filter_map(pair);
    let wildcards: HashSet<Pair> = values.filter(is_wildcard).collect();
    if wildcards.is_empty() {
        return false;
    }
    let stays = |position: &u32| matches!(difference.fate(*position), Fate::Kept | Fate::Refused);
    let touched = all.filter(|it| !stays(it)).map(|it| wanted.value(it));
    let mut touched = touched.chain(difference.removed()).filter_map(pair);
    touched.any(|(network, interface)| {
        let name = interface.name();
        (1..=name.len()).any(|length| {
            let prefix = Interface::existing(&name[..length]).map(Interface::wildcard);
            let prefix = prefix.map(|it| {
                if interface.is_physdev() {
                    it.physdev()
                } else {
                    it
                }
            });
            prefix.is_ok_and(|it| it != interface && wildcards.contains(&(network.clone(), it)))
        })
    })
}

/// Returns the wanted entries that differ from a later one only in that one of them is a wildcard,
/// and that later one. The kernel takes both for the same entry.
pub(super) fn contradictions<T: SetType>(difference: &Difference<T>) -> Vec<(u32, u32)> {
    let wanted = difference.wanted();
    let all = (0..wanted.count() as u32).filter(|it| difference.fate(*it) != Fate::Refused);
    let pair = |position: u32| pair(wanted.value(position));
    if !all.clone().filter_map(pair).any(|it| is_wildcard(&it)) {
        return Vec::new();
    }
    let mut names: HashMap<Pair, u32> = HashMap::new();
    let mut found = Vec::new();
    for position in all {
        let Some((network, interface)) = pair(position) else {
            continue;
        };
        let Some(before) = names.insert((network, interface.wildcard()), position) else {
            continue;
        };
        let later = wanted.origin(position) >= wanted.origin(before);
        found.push(if later {
            (before, position)
        } else {
            (position, before)
        });
    }
    found
}

/// Returns the order in which the wanted entries can all be added, if it is not theirs: each
/// interface before the wildcards that hide it.
pub(super) fn order<T: SetType>(difference: &Difference<T>) -> Option<Vec<u32>> {
    let wanted = difference.wanted();
    let all = 0..wanted.count() as u32;
    let rank = |position: &u32| {
        let interface = pair(wanted.value(*position)).map(|(_, interface)| interface);
        let wildcard = interface.filter(Interface::is_wildcard);
        wildcard.map_or(0, |it| 1 + Interface::MAX_LENGTH - it.name().len())
    };
    if !all.clone().any(|it| rank(&it) > 0) {
        return None;
    }
    let mut order: Vec<_> = all.collect();
    order.sort_by_key(rank);
    Some(order)
}
