//! Brings all sets of a program to the wanted ones.

use super::claim::is_temporary;
use super::listing::Reader;
use crate::Result;
use crate::ipset::client::Client;
use crate::ipset::message::code::Command;
use crate::ipset::plan::{Policy, Scope, SetsPlan, SetsPlanning, SetsReport, WantedSets};
use crate::ipset::{SetName, SetOrEntry};
use crate::netlink::Transport;
use crate::trace::Began;

impl<T: Transport> Client<T> {
    /// Compares all sets with the wanted ones, in one listing.
    pub(crate) async fn plan_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsPlan> {
        let mut planning = SetsPlanning::begin(wanted, scope, policy);
        let mut reader = Reader::start(self, None).await?;
        let mut kind = None;
        while let Some(item) = reader.next_item(&mut kind).await {
            match item? {
                // The second set of a handle belongs to the handle.
                SetOrEntry::Set(info) if is_temporary(&info.name) => kind = None,
                SetOrEntry::Set(info) => planning.see_set(&info),
                SetOrEntry::Entry(entry) => planning.see_entry(entry),
            }
        }
        Ok(planning.finish())
    }

    /// Brings all sets of a program to the wanted ones.
    pub(crate) async fn apply_all(
        &mut self,
        wanted: &WantedSets,
        scope: &Scope,
        policy: &Policy,
    ) -> Result<SetsReport> {
        self.destroy_left_over().await;
        let plan = self.plan_all(wanted, scope, policy).await?;
        let mut report = SetsReport {
            failed: plan.refused,
            ..SetsReport::default()
        };
        for plan in plan.sets {
            let name = *plan.set().name();
            match self.finish(plan, policy, Began::now()).await {
                Ok(set) => report.sets.push(set),
                Err(error) => report.failed.push((name, error)),
            }
        }
        for name in plan.removals {
            match self.destroy_unwanted(&name).await {
                Ok(()) => report.removed.push(name),
                Err(error) if error.is_not_found() => {}
                Err(error) => report.failed.push((name, error)),
            }
        }
        Ok(report)
    }

    /// Destroys a set as soon as nobody lists it. If a rule or a list uses it, it stays.
    async fn destroy_unwanted(&mut self, name: &SetName) -> Result<()> {
        let busy = match self.with_set(Command::Destroy, true, name).await {
            Err(error) if error.is_busy() => error,
            destroyed => return destroyed,
        };
        match self.info(name).await?.references {
            0 => self.when_free(Command::Destroy, name, None).await,
            count => Err(busy.note(format!("{count} rules or lists use it"))),
        }
    }
}
