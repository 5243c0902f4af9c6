use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::ipset::types::HashIp;

fn set() -> IpSet<HashIp> {
    IpSet::new("web").unwrap().counters()
}

fn entry(last: u8) -> Entry<HashIp> {
    Entry::new(Ipv4Addr::new(10, 0, 0, last))
}

/// Returns a batch of entries whose first index is 10.
fn batch(entries: impl IntoIterator<Item = Entry<HashIp>>) -> Batch {
    let mut batch = Batch::new(&set(), Purpose::Add, true, 7, 65_000);
    fill(&mut batch, 10, entries);
    batch
}

fn fill(
    batch: &mut Batch,
    index: usize,
    entries: impl IntoIterator<Item = Entry<HashIp>>,
) -> (usize, Filled<HashIp>) {
    let mut next = index;
    let mut entries = entries.into_iter();
    let filled = batch.fill(&set(), Purpose::Add, &mut next, &mut entries);
    (next, filled)
}

fn places(batch: &Batch) -> Vec<Range<usize>> {
    batch
        .walk(batch.entries().start)
        .map(|(_, place)| place)
        .collect()
}

/// Returns the last bytes of the addresses in a batch, with the indices.
fn content(batch: &Batch) -> Vec<(usize, u8)> {
    let of = |place: Range<usize>| {
        let index = batch.index(place.start);
        let text = batch.read(&HashIp, place).unwrap().to_string();
        let address = text.split(' ').next().unwrap().parse::<Ipv4Addr>().unwrap();
        (index, address.octets()[3])
    };
    places(batch).into_iter().map(of).collect()
}

/// Returns the refusal of an entry with this line number, as the kernel echoes it.
fn refusal(line: u32) -> Rejection {
    let mut echo = Writer::default();
    body::names(&mut echo, 7, Some(set().name()), None);
    echo.u32_net(top::LINENO, line);
    Rejection {
        code: 4103,
        extended: None,
        echo: echo.bytes().to_vec(),
    }
}

#[test]
fn the_refused_entry_is_found_by_its_line_number() {
    let batch = batch([1, 2, 3].map(entry));
    let places = places(&batch);
    // The counters that were not given are stored in it too.
    let line = Counters::BOTH.in_line(2);
    for (start, before) in [(0, 1), (1, 0)] {
        let culprit = batch.culprit(places[start].start, &refusal(line)).unwrap();
        assert_eq!((culprit.index, culprit.before), (11, before));
        assert_eq!(culprit.place, places[1]);
    }
    let start = batch.entries().start;
    assert!(
        batch.culprit(start, &refusal(0)).is_none(),
        "the whole message"
    );
    assert!(batch.culprit(places[2].start, &refusal(2)).is_none());
}

#[test]
fn an_entry_that_does_not_fit_the_set_has_its_index_and_the_others_stay() {
    let mut batch = batch([]);
    let odd = Entry::new(Ipv6Addr::LOCALHOST);
    let entries = [entry(1), entry(2), entry(3), odd.clone(), entry(5)];
    let mut next = 10;
    let mut entries = entries.into_iter();
    let filled = batch.fill(&set(), Purpose::Add, &mut next, &mut entries);
    assert!(matches!(filled, Filled::Refused(13, entry, _) if entry == odd));
    assert_eq!((next, batch.count()), (14, 3));
    assert_eq!(batch.index_from(batch.entries().end), 13);
    let filled = batch.fill(&set(), Purpose::Add, &mut next, &mut entries);
    assert!(matches!(filled, Filled::End));
    assert_eq!(content(&batch), [(10, 1), (11, 2), (12, 3), (14, 5)]);
    assert_eq!(batch.index_from(batch.entries().end), 15);
}

#[test]
fn windows_and_indices_count_entries() {
    let batch = batch([1, 2, 3].map(entry));
    let places = places(&batch);
    let start = batch.entries().start;
    assert_eq!(batch.window(start, 2), (places[1].end, 2));
    assert_eq!(batch.window(start, 9), (places[2].end, 3));
    assert_eq!(batch.window(start, 0), (start, 0));
    assert_eq!(batch.indices(places[0].end..places[2].end), 11..13);
    assert_eq!(batch.indices(start..places[1].end), 10..12);
    assert_eq!(batch.index_from(places[1].start), 11);
}

#[test]
fn entries_move_between_batches_and_keep_their_indices() {
    let batch = batch([1, 2, 3].map(entry));
    let mut other = batch.beside();
    assert!(other.is_empty() && other.entries().is_empty());
    for place in places(&batch).into_iter().rev() {
        other.append(&batch, place);
    }
    assert_eq!(
        (content(&other), other.count()),
        (vec![(12, 3), (11, 2), (10, 1)], 3)
    );
    other.sort();
    assert_eq!(
        (content(&other), other.count()),
        (vec![(10, 1), (11, 2), (12, 3)], 3)
    );
    other.drop_from(11);
    assert_eq!((content(&other), other.count()), (vec![(10, 1)], 1));
    other.clear();
    assert!(other.is_empty() && content(&other).is_empty());
}

#[test]
fn counters_that_were_not_given_can_be_left_to_the_kernel() {
    let given = entry(2).counters(5, 6);
    let batch = batch([entry(1), given]);
    assert!(batch.lacks_counters());
    let places = places(&batch);
    assert_eq!(batch.counters_not_given(places[0].clone()), Counters::BOTH);
    assert!(batch.counters_not_given(places[1].clone()).is_empty());
    let mut other = batch.beside();
    for place in &places {
        other.append_without_counters(&batch, place.clone());
    }
    let counters = |place: &Range<usize>| {
        let values = Attributes::new(other.attributes(place.clone())).flatten();
        let values = values.filter(|it| [data::PACKETS, data::BYTES].contains(&it.kind()));
        values.map(|it| it.u64_be().unwrap()).collect::<Vec<_>>()
    };
    let all = self::places(&other);
    assert!(counters(&all[0]).iter().all(|it| *it == u64::MAX));
    let mut given = counters(&all[1]);
    given.sort();
    assert_eq!(given, [5, 6]);
    let full = super::Batch::new(&set(), Purpose::Add, true, 7, 65_000);
    assert!(!full.lacks_counters());
}

#[test]
fn whether_existing_entries_are_refused_can_be_changed() {
    let mut batch = batch([entry(1)]);
    for (exclusive, flags) in [(true, 0x205), (false, 0x5)] {
        batch.set_exclusive(exclusive);
        let entries = batch.entries();
        let message = batch.message(entries);
        assert_eq!(u16::from_ne_bytes([message[6], message[7]]), flags);
    }
}
