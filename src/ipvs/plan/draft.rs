use super::plan::Plan;
use super::policy::Policy;
use super::record::Record;
use super::step::{Before, Reason, Step};
use crate::ipvs::model::operation::Operation;

/// A plan that is being made, and what it depends on.
pub(super) struct Draft<'a> {
    pub(super) plan: Plan,
    pub(super) policy: &'a Policy,
    pub(super) record: &'a Record,
    /// Whether the sysctl `expire_quiescent_template` is on.
    pub(super) expires_templates: bool,
    /// The number of servers so far that exist and belong to the program.
    pub(super) owned_servers: usize,
    /// The most steps that the plan can have.
    pub(super) most_steps: usize,
}

impl Draft<'_> {
    /// Appends a step.
    #[inline]
    pub(super) fn push(&mut self, operation: Operation, before: Before, reason: Reason) {
        let steps = &mut self.plan.steps;
        // A plan that turns out to be long gets its room at once, so that its steps are not
        // copied again and again, and take no more room than they need.
        if steps.len() == steps.capacity() && steps.len() > self.most_steps / 16 {
            steps.reserve_exact(self.most_steps - steps.len());
        }
        steps.push(Step::new(operation, before, reason));
    }
}
