//! Brings a set to the wanted entries.

use super::change_all::Change;
use super::second_set::{Swapped, size_table};
use crate::ipset::client::Client;
use crate::ipset::plan::{Policy, SetPlan, SetReport, Way};
use crate::ipset::{Entry, IpSet, Revision, SetType};
use crate::netlink::Transport;
use crate::trace::Began;
use crate::{Error, OnFailure, Result};

const APPLY: &str = "apply wanted entries to set";

/// How often a set is read and changed, if another program was in between.
const ATTEMPTS: usize = 4;

/// Why a plan was not carried out to its end.
enum Stop {
    /// Another program created or destroyed the set, or filled it. Another plan is needed.
    Other(Error),
    /// What follows would fail too. The report has the reason.
    Stopped,
}

impl<T: Transport> Client<T> {
    /// Brings a set to the wanted entries, and returns what became of them.
    pub(crate) async fn apply<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        policy: &Policy,
    ) -> Result<SetReport<K>> {
        let began = Began::now();
        let wanted = self.collect(set, entries, policy).await?;
        self.destroy_left_over().await;
        let plan = self.compare(wanted, policy).await?;
        self.finish(plan, policy, began).await
    }

    /// Carries out a plan. If another program is in between, plans and tries again.
    pub(super) async fn finish<K: SetType>(
        &mut self,
        mut plan: SetPlan<K>,
        policy: &Policy,
        began: Began,
    ) -> Result<SetReport<K>> {
        let mut report = SetReport::begin(&mut plan, None);
        for attempt in 1..=ATTEMPTS {
            match self.carry_out(&plan, &mut report).await {
                Ok(()) | Err(Stop::Stopped) => break,
                Err(Stop::Other(_)) if attempt < ATTEMPTS => {}
                Err(Stop::Other(error)) if report.is_untouched() => return Err(error),
                Err(Stop::Other(error)) => {
                    report.stop(error);
                    break;
                }
            }
            match self.compare(plan.into_wanted(), policy).await {
                Ok(again) => plan = again,
                Err(error) if report.is_untouched() => return Err(error),
                Err(error) => {
                    report.stop(error);
                    return Ok(report);
                }
            }
            report = SetReport::begin(&mut plan, Some(report));
        }
        began.done(APPLY, Some(report.set()), report.counts().changes());
        Ok(report)
    }

    async fn carry_out<K: SetType>(
        &mut self,
        plan: &SetPlan<K>,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        if plan.is_empty() {
            return Ok(());
        }
        match plan.way() {
            Way::Create => self.create_and_fill(plan, report).await,
            Way::InPlace => self.change_in_place(plan, report).await,
            Way::SecondSet { .. } | Way::Recreate { .. } => {
                self.change_by_second_set(plan, report).await
            }
        }
    }

    async fn create_and_fill<K: SetType>(
        &mut self,
        plan: &SetPlan<K>,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        let set = sized(plan);
        match self.create(&set, Revision::Lowest).await {
            Ok(()) => report.set_created(),
            Err(error) if error.is_already_exists() => return Err(Stop::Other(error)),
            Err(error) => {
                report.stop(error);
                return Err(Stop::Stopped);
            }
        }
        let positions = || plan.content_positions();
        self.write(Change::Put, plan, plan.content(), positions, report)
            .await
    }

    async fn change_in_place<K: SetType>(
        &mut self,
        plan: &SetPlan<K>,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        let removes_first = plan.removes_first();
        if removes_first {
            self.remove_unwanted(plan, report).await?;
        }
        if plan.set().definition().fills_in() {
            // An update that gives a MAC address where there was none keeps the stored timeout if
            // it gives the set's (`bitmap_ipmac_add_timeout`). The next one does not.
            let updates = plan.updates();
            self.change_all(Change::Update, plan.set(), updates, OnFailure::Continue)
                .await
                .into_failures();
        }
        let positions = || plan.updated_positions();
        self.write(Change::Update, plan, plan.updates(), positions, report)
            .await?;
        let positions = || plan.added_positions();
        let added = self
            .write(Change::Put, plan, plan.additions(), positions, report)
            .await;
        if removes_first || matches!(added, Err(Stop::Stopped)) {
            return added;
        }
        // If other programs have filled the set, this makes room for the next attempt.
        self.remove_unwanted(plan, report).await?;
        added
    }

    async fn remove_unwanted<K: SetType>(
        &mut self,
        plan: &SetPlan<K>,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        let (set, unwanted) = (plan.set(), plan.removals());
        let removed = self
            .change_all(Change::RemoveIfPresent, set, unwanted, OnFailure::Continue)
            .await;
        report.removed(plan, removed).map_err(Stop::from_report)
    }

    /// Writes wanted entries, whose positions in the plan are `positions`.
    async fn write<K: SetType, P: Iterator<Item = u32>>(
        &mut self,
        change: Change,
        plan: &SetPlan<K>,
        entries: impl Iterator<Item = Entry<K>>,
        positions: impl Fn() -> P,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        let written = self
            .change_all(change, plan.set(), entries, OnFailure::Continue)
            .await;
        report
            .written(plan, positions(), written)
            .map_err(Stop::from_report)
    }

    async fn change_by_second_set<K: SetType>(
        &mut self,
        plan: &SetPlan<K>,
        report: &mut SetReport<K>,
    ) -> Result<(), Stop> {
        let set = sized(plan);
        let (content, revision) = (plan.content(), plan.revision());
        let swapped = match plan.way() {
            Way::Recreate { .. } => self.put_instead(&set, content, report).await,
            _ => {
                self.swap_in(&set, revision, content, OnFailure::Continue)
                    .await
            }
        };
        match swapped {
            Ok(Swapped {
                outcome,
                left_behind,
            }) => {
                let left_behind = left_behind.map(|(name, error)| {
                    error.during(APPLY).object(set.name()).note(format!(
                        "the set {name} was left behind; the next run destroys it"
                    ))
                });
                report
                    .swapped(plan, outcome, left_behind)
                    .map_err(Stop::from_report)
            }
            // If the old set is gone, the next attempt creates the new one under its name.
            Err(error) if error.is_not_found() || report.is_gone() => Err(Stop::Other(error)),
            Err(error) => {
                report.stop(error.during(APPLY));
                Err(Stop::Stopped)
            }
        }
    }
}

impl Stop {
    /// Makes the reason from what a report returns: an error that another attempt may not meet, or
    /// none if the report has the reason.
    fn from_report(error: Option<Error>) -> Self {
        error.map_or(Self::Stopped, Self::Other)
    }
}

/// Returns the set of a plan with as many buckets as it will have entries.
fn sized<K: SetType>(plan: &SetPlan<K>) -> IpSet<K> {
    let mut set = plan.set().clone();
    let counts = plan.counts();
    size_table(
        &mut set,
        counts.added + counts.changed + counts.renewed + counts.kept,
    );
    set
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::ipset::SetInfo;
    use crate::ipset::client::claim::Claim;
    use crate::ipset::message::attr::top;
    use crate::ipset::message::body;
    use crate::ipset::message::code::Command;
    use crate::ipset::message::encode::Purpose;
    use crate::ipset::types::HashIp;
    use crate::netlink::ready;
    use crate::netlink::scripted::Scripted;
    use crate::wire::Writer;

    /// The commands that are sent to bring a set with the address 10.0.0.1 to some addresses.
    fn sent(wanted: &[Ipv4Addr], policy: &Policy) -> Vec<u16> {
        let set = IpSet::<HashIp>::new("web").unwrap();
        let mut listed = Writer::default();
        body::create(&mut listed, body::PROTOCOL, &set, 0);
        listed.nest(top::ADT, |writer| {
            writer.nest(top::DATA, |writer| {
                let entry = Entry::<HashIp>::new(Ipv4Addr::new(10, 0, 0, 1));
                entry.write(&set, Purpose::Add, writer).unwrap();
            });
        });
        let listed = listed.bytes().to_vec();
        let commands = Arc::new(Mutex::new(Vec::new()));
        let log = commands.clone();
        let transport = Scripted::new(move |request| {
            log.lock().unwrap().push(request.header.kind);
            if request.header.kind == Command::List.message() {
                return vec![request.data(0, &listed), request.done()];
            }
            if request.header.kind == Command::Connect.message() {
                // nfgenmsg, and the protocol's version.
                return vec![request.data(0, &[2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0])];
            }
            vec![request.error(0)]
        });
        let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
        commands.lock().unwrap().clear();
        let report = ready(client.apply(&set, wanted.to_vec(), policy)).unwrap();
        assert!(report.is_complete());
        drop(client);
        let commands = Arc::try_unwrap(commands).unwrap();
        commands.into_inner().unwrap()
    }

    #[test]
    fn a_second_set_has_room_for_all_entries_that_stay_or_come() {
        // A hundred entries each are added, changed, renewed and kept.
        let hundred = |number: u8| (0..100).map(move |last| Ipv4Addr::new(10, 0, number, last));
        let set: IpSet<HashIp> = "web hash:ip timeout 600 comment".parse().unwrap();
        let info = SetInfo {
            name: *set.name(),
            type_name: "hash:ip".into(),
            revision: 4,
            index: None,
            references: 0,
            memory: 0,
            entries: Some(300),
            set: Some(set.untype()),
        };
        let there = [(2, "old", 600), (3, "", 9), (4, "", 600)];
        let there = there.into_iter().flat_map(|(number, comment, left)| {
            hundred(number).map(move |it| {
                let entry = Entry::<HashIp>::new(it).timeout(Duration::from_secs(left));
                match comment {
                    "" => entry,
                    comment => entry.comment(comment),
                }
            })
        });
        let wanted = (1..=4).flat_map(hundred);
        let policy = Policy::new().at_once();
        let plan = SetPlan::new(&set, wanted, &info, there, &policy).unwrap();
        let counts = plan.counts();
        let all = [counts.added, counts.changed, counts.renewed, counts.kept];
        assert_eq!(all, [100; 4]);
        assert_eq!(sized(&plan).options().hashsize, Some(512));
    }

    #[test]
    fn a_set_that_is_as_it_is_wanted_is_only_listed() {
        let (list, add) = (Command::List.message(), Command::Add.message());
        let there = Ipv4Addr::new(10, 0, 0, 1);
        // The names of all sets, to find those that were left behind, and the set.
        for policy in [Policy::new(), Policy::new().at_once()] {
            assert_eq!(sent(&[there], &policy), [list, list]);
        }
        let keeps = Policy::new().keep_options();
        assert_eq!(sent(&[there], &keeps), [list, list, list]);
        let two = [there, Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(sent(&two, &Policy::new()), [list, list, add]);
        let remove = Command::Remove.message();
        assert_eq!(sent(&two[1..], &Policy::new()), [list, list, add, remove]);
    }
}
