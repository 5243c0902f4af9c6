//! Any two contents of a set, brought from one to the other in a model of the kernel's set.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Duplicates, Overflow, Policy, SetPlan, Way};
use crate::ipset::{
    AnyElement, AnyEntry, AnySet, AnyType, BitmapIp, BitmapIpMac, BitmapPort, HashIp, HashIpMac,
    HashIpMark, HashIpPort, HashIpPortIp, HashIpPortNet, HashMac, HashNet, HashNetIface,
    HashNetNet, HashNetPort, HashNetPortNet, ListSet, Neighbor, SetInfo, SetType,
};
use crate::{Family, ipset};

#[path = "rounds.rs"]
pub(crate) mod rounds;
#[path = "small.rs"]
mod small;

/// A set as the kernel has it: its entries in the order in which they are found.
#[derive(Debug, Clone)]
struct Model {
    set: AnySet,
    entries: Vec<AnyEntry>,
}

/// What tells an entry from others.
fn key(set: &AnySet, entry: &AnyEntry) -> String {
    own_key(set, entry).unwrap_or_else(|| entry.value().to_string())
}

/// What tells an entry from others in a type where that is not the whole value.
fn own_key(set: &AnySet, entry: &AnyEntry) -> Option<String> {
    let text = || entry.value().to_string();
    match set.type_name() {
        "bitmap:ip,mac" => Some(text().split(',').next().unwrap().to_owned()),
        // Without its place.
        "list:set" => Some(text().split(' ').next().unwrap().to_owned()),
        "hash:net,iface" => {
            let wildcard = entry
                .value()
                .elements()
                .any(|element| matches!(element, AnyElement::Interface(it) if it.is_wildcard()));
            Some(format!("{}{}", text(), if wildcard { "*" } else { "" }))
        }
        _ => None,
    }
}

/// Whether the kernel finds a stored entry for another one. See `plan::interfaces`.
fn finds(set: &AnySet, stored: &AnyEntry, given: &AnyEntry) -> bool {
    let (Some(stored_key), Some(given_key)) = (own_key(set, stored), own_key(set, given)) else {
        return stored.value() == given.value();
    };
    match stored_key.strip_suffix('*') {
        Some(prefix) => given_key.starts_with(prefix),
        None => stored_key == given_key.trim_end_matches('*'),
    }
}

impl Model {
    fn new(set: &AnySet) -> Self {
        Self {
            set: set.clone(),
            entries: Vec::new(),
        }
    }

    fn info(&self) -> SetInfo {
        SetInfo {
            name: *self.set.name(),
            type_name: self.set.type_name().to_owned(),
            revision: 0,
            index: None,
            references: 0,
            memory: 0,
            entries: None,
            set: Some(self.set.clone()),
        }
    }

    fn find(&self, entry: &AnyEntry) -> Option<usize> {
        self.entries
            .iter()
            .position(|it| finds(&self.set, it, entry))
    }

    /// Adds an entry that may not be there.
    fn add(&mut self, entry: AnyEntry) {
        assert_eq!(self.find(&entry), None, "{entry} is in the set: {self:?}");
        let mut stored: Vec<_> = self.set.stored(entry.clone()).collect();
        assert_eq!(stored.len(), 1, "{entry}");
        let stored = stored.remove(0);
        let place = match entry.value().elements().next() {
            Some(AnyElement::Member(member)) => member.place().copied(),
            _ => None,
        };
        let of = |name: &ipset::SetName| {
            let is_it = |it: &AnyEntry| it.value().to_string() == name.to_string();
            self.entries.iter().position(is_it).expect("the neighbor")
        };
        let place = match place {
            None => self.entries.len(),
            Some(Neighbor::Before(name)) => of(&name),
            Some(Neighbor::After(name)) => of(&name) + 1,
        };
        self.entries.insert(place, stored);
    }

    /// Changes an entry that has to be there.
    fn update(&mut self, entry: &AnyEntry) {
        let place = self.find(entry).expect("an entry");
        let found = &mut self.entries[place];
        let options = entry.options().clone().stored(self.set.options());
        let (packets, bytes) = (found.options().packets, found.options().bytes);
        let mac = |entry: &AnyEntry| entry.value().elements().nth(1).cloned();
        if self.set.type_name() == "bitmap:ip,mac"
            && mac(entry) != Some(AnyElement::Mac(None.into()))
        {
            *found = entry.clone();
        }
        *found.options_mut() = options;
        (found.options_mut().packets, found.options_mut().bytes) = (packets, bytes);
    }

    fn remove(&mut self, entry: &AnyEntry) {
        let place = self.find(entry).expect("an entry");
        let removed = self.entries.remove(place);
        assert_eq!(key(&self.set, &removed), key(&self.set, entry));
    }

    fn apply(&mut self, plan: &SetPlan<AnyType>) {
        match plan.way() {
            Way::InPlace => {
                plan.removals().for_each(|it| self.remove(&it));
                plan.updates().for_each(|it| self.update(&it));
                plan.additions().for_each(|it| self.add(it));
            }
            _ => {
                *self = Self::new(plan.set());
                plan.content().for_each(|it| self.add(it));
            }
        }
    }

    fn plan(&self, set: &AnySet, wanted: &[AnyEntry], policy: &Policy) -> SetPlan<AnyType> {
        let (info, there) = (self.info(), self.entries.clone());
        SetPlan::new(set, wanted.to_vec(), &info, there, policy).unwrap()
    }
}

fn family_of(kind: AnyType) -> impl Strategy<Value = Family> {
    let both = kind.name().starts_with("hash:") && kind.name() != "hash:mac";
    select(match both {
        true => vec![Family::Ipv4, Family::Ipv6],
        false => vec![Family::Ipv4],
    })
}

/// Two sets of one type, the entries of the first, and those that are wanted of the second.
#[derive(Debug)]
struct Case {
    there: Model,
    set: AnySet,
    wanted: Vec<AnyEntry>,
    policy: Policy,
}

fn case() -> impl Strategy<Value = Case> {
    let kinds: Vec<_> = AnyType::all().collect();
    let kind = select(kinds).prop_flat_map(|kind| (Just(kind), family_of(kind)));
    let sets = kind.prop_flat_map(|(kind, family)| {
        (
            small::set(kind, family),
            small::set(kind, family),
            any::<[bool; 2]>(),
        )
    });
    let entries = sets.prop_flat_map(|(there, wanted, [same, keep])| {
        let wanted = if same { there.clone() } else { wanted };
        // Options that are kept decide what the wanted entries can have.
        let entry = small::entry(if keep { &there } else { &wanted });
        let left = (0..7001u64, any::<(u8, u8)>());
        let entries_there = vec((small::entry(&there), left), 0..20);
        let given = vec(entry, 0..20);
        (
            Just((there, wanted)),
            entries_there,
            given,
            (any::<bool>(), Just(keep)),
            0..=100u8,
        )
    });
    entries.prop_map(
        |((there, set), entries, wanted, (at_once, keep), percent)| {
            let mut model = Model::new(&there);
            for (entry, (left, (packets, bytes))) in entries {
                for mut entry in there.stored(entry) {
                    let options = entry.options_mut();
                    options.timeout = options.timeout.map(|_| Duration::from_secs(left));
                    if there.options().counters {
                        (options.packets, options.bytes) =
                            (Some(packets.into()), Some(bytes.into()));
                    }
                    if model.find(&entry).is_none() {
                        model.entries.push(entry);
                    }
                }
            }
            let mut policy = Policy::new().renew_below(percent);
            if at_once {
                policy = policy.at_once();
            }
            if keep {
                policy = policy.keep_options();
            }
            Case {
                there: model,
                set,
                wanted,
                policy,
            }
        },
    )
}

/// What a set of these options is to contain: each entry once, the last one of several.
fn expected(set: &AnySet, wanted: &[AnyEntry]) -> BTreeMap<String, AnyEntry> {
    let mut expected = BTreeMap::new();
    for entry in wanted {
        for single in set.stored(entry.clone()) {
            expected.insert(key(set, &single), single);
        }
    }
    expected
}

/// A plan brings a set to what is wanted, and what is as it is wanted stays so.
fn check_plan(case: Case) -> Result<(), TestCaseError> {
    let Case {
        there,
        set,
        wanted,
        policy,
    } = case;
    let plan = there.plan(&set, &wanted, &policy);
    let set = plan.set().clone();
    let mut expected = expected(&set, &wanted);
    let mut last = BTreeMap::new();
    for (index, entry) in wanted.iter().enumerate() {
        last.extend(set.stored(entry.clone()).map(|it| (key(&set, &it), index)));
    }
    for (index, _) in plan.refused() {
        // Of an interface and the wildcard of the same name, the last is there. A range has
        // several entries, and only some of them may be refused.
        let mut is_one_refused = false;
        for single in set.stored(wanted[index].clone()) {
            let refused = key(&set, &single);
            let other = match refused.strip_suffix('*') {
                Some(name) => name.to_owned(),
                None => format!("{refused}*"),
            };
            if last.get(&other) > last.get(&refused) {
                expected.remove(&refused);
                is_one_refused = true;
            }
        }
        prop_assert!(is_one_refused, "{index} {expected:?}");
    }
    let counts = plan.counts();
    prop_assert_eq!(
        counts.added + counts.changed + counts.renewed + counts.kept,
        expected.len()
    );

    let before: BTreeMap<_, _> = there.entries.iter().map(|it| (key(&set, it), it)).collect();
    prop_assert_eq!(
        counts.removed,
        before
            .keys()
            .filter(|key| !expected.contains_key(*key))
            .count()
    );
    let mut after = there.clone();
    after.apply(&plan);
    prop_assert_eq!(after.entries.len(), expected.len());
    for entry in &after.entries {
        let key = key(&set, entry);
        let (found, meant) = (entry.options(), expected[&key].options());
        prop_assert_eq!(found.comment_bytes(), meant.comment_bytes());
        prop_assert_eq!(
            (found.skbmark, found.skbprio, found.skbqueue, found.nomatch),
            (meant.skbmark, meant.skbprio, meant.skbqueue, meant.nomatch)
        );
        let counters = |it: &AnyEntry| (it.options().packets, it.options().bytes);
        let left = before.get(&key).and_then(|it| it.options().timeout);
        match before
            .get(&key)
            .filter(|it| counters(it).0.is_some() && set.options().counters)
        {
            Some(before) => prop_assert_eq!(counters(entry), counters(before)),
            None => prop_assert_eq!(counters(entry), counters(&expected[&key])),
        }
        match (found.timeout, meant.timeout, left) {
            (Some(found), Some(meant), left) => prop_assert!(found == meant || Some(found) == left),
            (found, meant, _) => prop_assert_eq!(found, meant),
        }
    }
    if set.type_name() == "list:set" {
        let mut order: Vec<String> = Vec::new();
        for entry in &wanted {
            let name = entry.value().to_string();
            if !order.contains(&name) {
                order.push(name);
            }
        }
        let found: Vec<_> = after
            .entries
            .iter()
            .map(|it| it.value().to_string())
            .collect();
        prop_assert_eq!(found, order);
    }
    // What is as it is wanted stays so.
    let again = after.plan(&set, &wanted, &policy);
    prop_assert!(again.is_empty(), "{} {:?}", again, again.counts());
    prop_assert_eq!(again.to_string(), "");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 100_000, max_shrink_time: 5000, ..Default::default() })]

    #[test]
    fn applying_a_plan_gives_what_is_wanted(case in case()) {
        check_plan(case)?;
    }

    /// The steps of a plan in place are as many as the differences, and the lines are steps.
    #[test]
    fn a_plans_lines_are_its_steps(case in case()) {
        let Case { there, set, wanted, policy } = case;
        let plan = there.plan(&set, &wanted, &policy);
        let text = plan.to_string();
        let begin = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
        let (adds, removals) = (begin("add "), begin("del "));
        match plan.way() {
            Way::InPlace => {
                prop_assert_eq!(begin("create "), 0);
                prop_assert_eq!(adds, plan.additions().count() + plan.updates().count());
                prop_assert_eq!(removals, plan.removals().count());
            }
            Way::SecondSet { .. } => {
                prop_assert_eq!((begin("create "), begin("swap "), begin("destroy ")), (1, 1, 1));
                prop_assert_eq!(adds, plan.content().count());
            }
            way => prop_assert!(false, "{}", way),
        }
    }

    /// The definitions of types know the same of typed and untyped entries.
    #[test]
    fn typed_plans_are_as_untyped_ones(case in case()) {
        let Case { there, set, wanted, policy } = case;
        macro_rules! compare {
            ($($type:ident)*) => {$(
                if let Some(typed) = set.typed::<$type>() {
                    compare_typed(&there, &set, &typed, &wanted, &policy)?;
                }
            )*};
        }
        compare! {
            BitmapIp BitmapIpMac BitmapPort HashIp HashIpMac HashIpMark HashIpPort HashIpPortIp
            HashIpPortNet HashMac HashNet HashNetIface HashNetNet HashNetPort HashNetPortNet
            ListSet
        }
    }
}

fn compare_typed<T: SetType>(
    there: &Model,
    set: &AnySet,
    typed: &ipset::IpSet<T>,
    wanted: &[AnyEntry],
    policy: &Policy,
) -> Result<(), TestCaseError> {
    let same = |entry: &AnyEntry| typed.parse_entry(entry.to_string()).unwrap();
    for entry in wanted {
        let untyped: Vec<_> = set.stored(entry.clone()).map(|it| it.to_string()).collect();
        let stored: Vec<_> = typed.stored(same(entry)).map(|it| it.to_string()).collect();
        prop_assert_eq!(stored, untyped);
    }
    let plan = SetPlan::new(
        typed,
        wanted.iter().map(same),
        &there.info(),
        there.entries.iter().map(same),
        policy,
    );
    let plan = plan.unwrap();
    let untyped = there.plan(set, wanted, policy);
    prop_assert_eq!(plan.way(), untyped.way());
    prop_assert_eq!(plan.to_string(), untyped.to_string());
    Ok(())
}

#[test]
fn duplicates_are_refused_if_asked() {
    let set: AnySet = "s hash:ip".parse().unwrap();
    let entry = |text: &str| set.parse_entry(text).unwrap();
    let wanted = ["10.0.0.1", "10.0.0.8/30", "10.0.0.9"].map(entry);
    let policy = Policy::new().if_repeated(Duplicates::Refuse);
    let error = SetPlan::to_create(&set, wanted, &policy).unwrap_err();
    assert!(error.is_invalid_input());
    let text = error.to_string();
    assert!(
        text.contains("10.0.0.9") && text.contains("index 1 and 2"),
        "{text}"
    );
}

#[test]
fn what_does_not_fit_is_refused_cut_or_makes_the_set_grow() {
    let set: AnySet = "s hash:ip maxelem 100".parse().unwrap();
    let range = |text: &str| [set.parse_entry(text).unwrap()];
    let model = Model::new(&set);
    let plan =
        |wanted, policy: &Policy| SetPlan::new(&set, wanted, &model.info(), Vec::new(), policy);
    let (fits, does_not) = (range("10.0.0.1-10.0.0.100"), range("10.0.0.1-10.0.0.101"));
    let policy = Policy::new();
    assert_eq!(plan(fits.clone(), &policy).unwrap().counts().added, 100);
    let error = plan(does_not.clone(), &policy).unwrap_err();
    assert!(
        error.is_invalid_input() && error.to_string().contains("100"),
        "{error}"
    );
    // Many more take no longer, and no more memory.
    plan(range("0.0.0.1-255.255.255.255"), &policy).unwrap_err();

    let cut = plan(does_not.clone(), &Policy::new().if_too_many(Overflow::Cut)).unwrap();
    assert_eq!((cut.counts().added, cut.counts().left_out), (100, 1));
    assert_eq!(cut.way(), &Way::InPlace);

    let policy = Policy::new().if_too_many(Overflow::Grow { most: 1000 });
    let grown = plan(does_not.clone(), &policy).unwrap();
    assert_eq!(grown.set().options().maxelem, Some(128));
    assert!(matches!(grown.way(), Way::SecondSet { why } if why.contains("maxelem 100")));
    let spacious = plan(range("10.0.0.1-10.0.0.120"), &policy).unwrap();
    assert_eq!(
        spacious.set().options().maxelem,
        Some(256),
        "with a quarter to spare"
    );
    // It does not shrink again.
    let large = Model::new(grown.set());
    let again = SetPlan::new(&set, fits, &large.info(), Vec::new(), &policy).unwrap();
    assert_eq!(again.way(), &Way::InPlace);
    plan(range("10.0.0.1-10.0.4.0"), &policy).unwrap_err();
    assert_eq!(
        plan(range("10.0.0.1-10.0.3.230"), &policy)
            .unwrap()
            .set()
            .options()
            .maxelem,
        Some(1000)
    );
}

#[test]
fn another_type_or_family_is_refused_or_made_anew() {
    let set: AnySet = "s hash:ip".parse().unwrap();
    for other in ["s hash:net", "s hash:ip family inet6"] {
        let there = Model::new(&other.parse().unwrap());
        let plan = |info: &SetInfo, policy: &Policy| {
            // What is in the other set does not matter.
            let entry = set.parse_entry("10.0.0.1").unwrap();
            SetPlan::new(&set, [entry.clone()], info, [entry], policy)
        };
        let mut info = there.info();
        let error = plan(&info, &Policy::new()).unwrap_err();
        assert!(
            error.is_invalid_input() && error.to_string().contains("instead of"),
            "{error}"
        );
        let allowed = Policy::new().recreate();
        let recreated = plan(&info, &allowed).unwrap();
        assert!(matches!(recreated.way(), Way::Recreate { .. }));
        assert_eq!(
            recreated.to_string(),
            "create ipvset-second hash:ip family inet\nadd ipvset-second 10.0.0.1\n\
             destroy s\nrename ipvset-second s\n"
        );
        info.references = 1;
        let error = plan(&info, &allowed).unwrap_err();
        assert!(error.to_string().contains("1 rules or lists"), "{error}");
    }
}

#[test]
fn what_no_set_takes_is_told_with_its_index() {
    let set: AnySet = "s hash:net".parse().unwrap();
    let mut wanted: Vec<_> = ["10.0.0.0/8", "2001:db8::/32", "10.9.0.0/16"]
        .map(|text| text.parse::<ipset::Addresses>().unwrap())
        .map(AnyEntry::from)
        .into();
    wanted.push(AnyEntry::from(ipset::tcp(80)));
    let plan = SetPlan::to_create(&set, wanted, &Policy::new()).unwrap();
    let refused: Vec<_> = plan.refused().map(|(index, _)| index).collect();
    assert_eq!(refused, [1, 3]);
    assert_eq!(plan.counts().added, 2);
    assert_eq!(plan.content().count(), 2);
}

#[test]
fn a_member_next_to_one_that_is_not_wanted_is_refused() {
    let set: AnySet = "l list:set".parse().unwrap();
    let entry = |text: &str| set.parse_entry(text).unwrap();
    let plan = |texts: [&str; 3]| SetPlan::to_create(&set, texts.map(entry), &Policy::new());
    let order = |plan: SetPlan<AnyType>| {
        let names = plan.content().map(|it| it.value().to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        order(plan(["a", "b before a", "c after b"]).unwrap()),
        "b c a"
    );
    let error = plan(["a", "b before c", "c"]).unwrap_err();
    assert!(
        error.is_invalid_input() && error.to_string().contains('c'),
        "{error}"
    );
}

#[test]
fn an_address_that_the_mask_would_change_needs_a_second_set() {
    let set: AnySet = "s hash:ip bitmask 255.255.0.255".parse().unwrap();
    let entry = |text: &str| set.parse_entry(text).unwrap();
    let mut there = Model::new(&set);
    there.entries = vec![entry("10.0.0.1"), entry("10.0.7.1")];
    let plan = there.plan(&set, &[entry("10.0.3.1")], &Policy::new());
    assert!(
        matches!(plan.way(), Way::SecondSet { .. }),
        "{}",
        plan.way()
    );
    assert_eq!((plan.counts().kept, plan.counts().removed), (1, 1));
}
