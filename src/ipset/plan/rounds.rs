//! Plans that are carried out step by step while steps fail and another program writes, in the
//! model of the kernel's set.

use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// What happens before a step of a plan.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The kernel refuses the step. The program plans anew.
    Fails,
    /// Another program adds an entry of those that are wanted or were there.
    Adds(usize),
    /// Another program removes an entry.
    Removes(usize),
    /// Another program removes all entries.
    Flushes,
}

/// For each plan, before which step something happens.
type Rounds = Vec<(usize, Event)>;

fn rounds() -> impl Strategy<Value = Rounds> {
    let event = prop_oneof![
        Just(Event::Fails),
        any::<usize>().prop_map(Event::Adds),
        any::<usize>().prop_map(Event::Removes),
        Just(Event::Flushes),
    ];
    vec((0..24usize, event), 0..8)
}

enum Step {
    Remove(AnyEntry),
    /// Adds an entry, or updates it if it is there.
    Put(AnyEntry),
    /// Puts a set with the whole content in the place of this one.
    Replace,
}

/// Returns the steps of a plan in the order in which the client carries them out.
fn steps(plan: &SetPlan<AnyType>) -> Vec<Step> {
    if plan.is_empty() {
        return Vec::new();
    }
    if *plan.way() != Way::InPlace {
        return vec![Step::Replace];
    }
    let removals: Vec<_> = plan.removals().map(Step::Remove).collect();
    let puts = plan.updates().chain(plan.additions()).map(Step::Put);
    match plan.removes_first() {
        true => removals.into_iter().chain(puts).collect(),
        false => puts.chain(removals).collect(),
    }
}

impl Model {
    /// Does a step as the kernel does, whatever the set has become since it was planned. Returns
    /// false if the kernel refuses it.
    fn step(&mut self, plan: &SetPlan<AnyType>, step: Step) -> bool {
        match step {
            Step::Replace => self.apply(plan),
            Step::Remove(entry) => {
                if let Some(place) = self.find(&entry) {
                    self.entries.remove(place);
                }
            }
            Step::Put(entry) if self.find(&entry).is_some() => self.update(&entry),
            Step::Put(entry) => {
                if !self.has_neighbor(&entry) {
                    return false;
                }
                self.add(entry);
            }
        }
        true
    }

    /// Returns false if the entry is a member of a list and is to be next to one that is not there.
    fn has_neighbor(&self, entry: &AnyEntry) -> bool {
        let Some(AnyElement::Member(member)) = entry.value().elements().next() else {
            return true;
        };
        let Some(Neighbor::Before(name) | Neighbor::After(name)) = member.place() else {
            return true;
        };
        let name = name.to_string();
        self.entries.iter().any(|it| it.value().to_string() == name)
    }

    /// Does what another program does. `pool` are entries that fit the set.
    fn meddle(&mut self, event: Event, pool: &[AnyEntry]) {
        match event {
            Event::Fails => {}
            Event::Flushes => self.entries.clear(),
            Event::Removes(number) => {
                if let Some(place) = number.checked_rem(self.entries.len()) {
                    self.entries.remove(place);
                }
            }
            Event::Adds(number) => {
                let Some(place) = number.checked_rem(pool.len()) else {
                    return;
                };
                for entry in self.set.stored(pool[place].clone()) {
                    if self.find(&entry).is_none() {
                        self.entries.push(entry);
                    }
                }
            }
        }
    }
}

/// Whatever fails and whoever else writes, planning again ends in the wanted state. On the way, an
/// entry that is as it is wanted is not taken out of the set, and no step is for an entry that is
/// neither wanted nor there.
fn check_rounds(case: Case, rounds: Rounds) -> Result<(), TestCaseError> {
    let Case {
        there: mut model,
        set,
        wanted,
        policy,
    } = case;
    let before = model.clone();
    for (at, event) in rounds {
        let plan = model.plan(&set, &wanted, &policy);
        let steps = steps(&plan);
        let touched: Vec<_> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Remove(entry) | Step::Put(entry) => Some(key(&set, entry)),
                Step::Replace => None,
            })
            .collect();
        let kept = match plan.way() {
            Way::InPlace => model.entries.clone(),
            _ => Vec::new(),
        };
        let kept: Vec<_> = kept
            .into_iter()
            .filter(|it| !touched.contains(&key(&set, it)))
            .collect();
        // The number of entries that another program took or hid.
        let mut meddled = false;
        for (number, step) in steps.into_iter().enumerate() {
            if number == at {
                if matches!(event, Event::Fails) {
                    break;
                }
                let pool = match model.set == before.set {
                    true => &before.entries,
                    false => &wanted,
                };
                model.meddle(event, pool);
                meddled = true;
            }
            if !model.step(&plan, step) {
                prop_assert!(meddled, "a step of the plan is refused: {plan}");
                break;
            }
            if !meddled {
                for entry in &kept {
                    prop_assert!(model.entries.contains(entry), "{entry} is gone: {plan}");
                }
            }
        }
    }
    check_plan(Case {
        there: model,
        set,
        wanted,
        policy,
    })
}

/// Brings any set to any content as [`check_rounds`] does. The first 32 bytes are the seed of
/// everything.
pub fn set_plan(bytes: &[u8]) {
    let mut seed = [0; 32];
    let length = bytes.len().min(seed.len());
    seed[..length].copy_from_slice(&bytes[..length]);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let values = (case(), rounds()).new_tree(&mut runner);
    let (case, rounds) = values.unwrap().current();
    check_rounds(case, rounds).unwrap();
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // With the last one, another program adds a member of a list that is being moved.
    let moved = b"\x00\x20\x09\x00\x00\x03\x03\x03\xff\xff\x7f\xd9\x03\x03\x03\x03\xae\xb6\x35\xa8\x03\x03\x03\x03\x03\x03\x03";
    let numbers = (0..4).map(|seed| vec![seed; 32]);
    numbers.chain([moved.to_vec()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 100_000, max_shrink_time: 5000, ..Default::default() })]

    #[test]
    fn whoever_else_writes_it_ends_as_it_is_wanted((case, rounds) in (case(), rounds())) {
        check_rounds(case, rounds)?;
    }
}
