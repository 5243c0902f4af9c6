//! The plan of one service.

use std::net::SocketAddr;

use super::addresses::AddressSet;
use super::draft::Draft;
use super::drains::Then;
use super::index::Finder;
use super::normal::is_stored_as;
use super::object::Object;
use super::plan::{DrainingServer, DrainingService, LeftAlone, LeftAloneReason};
use super::replacement::Replacement;
use super::scope::Ownership;
use super::step::{AtOnce, Before, Reason};
use super::wanted::{WantedServer, WantedService};
use super::warning::Warning;
use crate::Protocol;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::{ServerInfo, TableEntry};
use crate::ipvs::model::scheduler::{Scheduler, SchedulerFlags};
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;

/// What of a service belongs to the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned<'a> {
    is_whole: bool,
    /// The recorded servers, if the service is recorded.
    recorded: Option<&'a AddressSet>,
}

impl<'a> Owned<'a> {
    pub(super) fn new(ownership: Ownership, recorded: Option<&'a AddressSet>) -> Self {
        Self {
            is_whole: ownership == Ownership::Whole,
            recorded,
        }
    }

    /// Returns true if a server is recorded. `position` is its position among the others.
    fn is_recorded(&self, address: SocketAddr, position: usize) -> bool {
        self.recorded
            .is_some_and(|it| it.contains_near(address, position))
    }
}

/// Appends the steps of one service to a plan.
pub(super) struct ServicePlanner<'a, 'b> {
    pub(super) draft: &'a mut Draft<'b>,
    pub(super) owned: Owned<'b>,
}

/// The servers of a service that stay, and those that leave.
#[derive(Default)]
struct Sorted<'a> {
    /// Wanted servers that do not exist.
    missing: Vec<&'a WantedServer>,
    /// Servers that exist and are wanted, each with its wanted configuration if that differs.
    changed: Vec<(&'a RealServer, RealServer)>,
    /// Servers that exist, belong to the program and are not wanted.
    leaving: Vec<&'a ServerInfo>,
    /// Whether there is a server that gets connections when the plan has been carried out.
    is_available: bool,
    /// Whether there is a server that gets connections now and afterwards, whatever fails.
    stands: bool,
}

impl ServicePlanner<'_, '_> {
    /// Brings a service to what is wanted.
    pub(super) fn bring(mut self, wanted: &WantedService, entry: Option<&TableEntry>) {
        let key = wanted.key();
        let Some(entry) = entry else {
            let service = wanted.config().clone();
            self.draft.push(
                Operation::AddService(service),
                Before::Nothing,
                Reason::Missing,
            );
            self.add(key, wanted.servers());
            self.note_gone(key, wanted.servers(), &[], 0);
            return;
        };
        if self.owned.recorded.is_none() {
            self.draft.plan.adopted.push(Object::service(key));
        }
        let sorted = self.sort(wanted, entry);
        self.change(wanted.config(), entry, sorted);
    }

    fn add<'b>(&mut self, key: ServiceKey, servers: impl IntoIterator<Item = &'b WantedServer>) {
        for server in servers {
            let operation = Operation::AddServer(key, server.config.clone());
            self.draft.push(operation, Before::Nothing, Reason::Missing);
        }
    }

    /// Compares the servers that exist with the wanted ones.
    fn sort<'b>(&mut self, wanted: &'b WantedService, entry: &'b TableEntry) -> Sorted<'b> {
        let key = wanted.key();
        let mut sorted = Sorted::default();
        let mut finder = Finder::new(&entry.servers, |it| it.config.address);
        let (mut staying, mut owned, mut recorded) = (0, 0, 0);
        for (index, server) in wanted.servers().iter().enumerate() {
            let address = server.config.address;
            let Some(found) = finder.find(address, index) else {
                sorted.is_available |= server.config.weight > 0;
                sorted.missing.push(server);
                continue;
            };
            staying += 1;
            let is_recorded = self.owned.is_recorded(address, index);
            recorded += usize::from(is_recorded);
            owned += usize::from(self.owned.is_whole || is_recorded);
            if !is_recorded {
                self.draft.plan.adopted.push(Object::server(key, address));
            }
            let present = &entry.servers[found].config;
            let weight = self.weight(key, server, present);
            sorted.is_available |= weight > 0;
            sorted.stands |= weight > 0 && present.weight > 0;
            let target = RealServer {
                weight,
                ..server.config.clone()
            };
            if !target.is_met_by(present) {
                sorted.changed.push((present, target));
            }
        }
        if staying < entry.servers.len() {
            let mut finder = Finder::new(wanted.servers(), |it| it.config.address);
            for (index, server) in entry.servers.iter().enumerate() {
                let address = server.config.address;
                if staying > 0 && finder.find(address, index).is_some() {
                    continue;
                }
                if self.owned.is_whole || self.owned.is_recorded(address, index) {
                    owned += 1;
                    sorted.leaving.push(server);
                } else {
                    sorted.stands |= server.config.weight > 0;
                    self.leave(key, Some(server), LeftAloneReason::NotRecorded);
                }
            }
        }
        self.draft.owned_servers += owned;
        self.note_gone(key, wanted.servers(), &entry.servers, recorded);
        sorted
    }

    fn leave(&mut self, key: ServiceKey, server: Option<&ServerInfo>, reason: LeftAloneReason) {
        let server = server.map(|it| it.config.address);
        let object = Object {
            service: key,
            server,
        };
        self.draft
            .plan
            .left_alone
            .push(LeftAlone { object, reason });
    }

    /// Returns the weight that a server is to have that exists.
    fn weight(&self, key: ServiceKey, wanted: &WantedServer, present: &RealServer) -> u32 {
        if !wanted.keep_weight {
            return wanted.config.weight;
        }
        let drained = self.draft.record.drains().get(&key, present.address);
        match drained {
            Some(drained) if present.weight == 0 => drained.weight,
            _ => present.weight,
        }
    }

    fn change(&mut self, wanted: &VirtualService, entry: &TableEntry, sorted: Sorted<'_>) {
        let key = wanted.key;
        let present = &entry.service.config;
        let at_once = match sorted.leaving.is_empty() {
            true => None,
            false => self.at_once(wanted, sorted.is_available),
        };
        let drains = !sorted.leaving.is_empty() && at_once.is_none();

        let mut target = wanted.clone();
        let mut then = Then::Nothing;
        if drains && sorted.is_available && !respects_weights(&target) {
            if self.draft.policy.set_fallback {
                then = Then::UpdateService(Box::new(wanted.clone()));
                target.scheduler_flags |= FALLBACK;
            } else if sorted.leaving.iter().any(|it| it.config.weight > 0) {
                self.draft.plan.warnings.push(Warning::RefusesClients {
                    service: key,
                    scheduler: target.scheduler,
                });
            }
        }
        let mut update = (!is_stored_as(&target, present)).then(|| {
            let reason = match is_stored_as(wanted, present) {
                true => Reason::Fallback,
                false => Reason::Differs,
            };
            (target.clone(), reason)
        });

        let comes_last = respects_weights(present) && !respects_weights(&target);
        if !comes_last {
            self.update_service(update.take(), present);
        }
        let start = self.draft.plan.steps.len();
        self.add(key, sorted.missing.iter().copied());
        self.update_servers(key, &sorted.changed, true);
        let middle = self.draft.plan.steps.len();
        self.update_servers(key, &sorted.changed, false);
        match at_once {
            Some(at_once) => self.remove_at_once(wanted, &sorted.leaving, at_once),
            None if drains => self.drain(&target, &sorted.leaving, then),
            None => {}
        }
        let end = self.draft.plan.steps.len();
        let was_available = entry.servers.iter().any(|it| it.config.weight > 0);
        if was_available && sorted.is_available && !sorted.stands {
            self.draft.plan.replacements.push(Replacement {
                coming: start..middle,
                leaving: middle..end,
            });
        }
        self.update_service(update, present);
    }

    fn update_service(
        &mut self,
        update: Option<(VirtualService, Reason)>,
        present: &VirtualService,
    ) {
        if let Some((target, reason)) = update {
            let before = Before::Service(Box::new(present.clone()));
            self.draft
                .push(Operation::UpdateService(target), before, reason);
        }
    }

    /// Updates the servers that get connections afterwards, or those that do not.
    fn update_servers(
        &mut self,
        key: ServiceKey,
        changed: &[(&RealServer, RealServer)],
        get_connections: bool,
    ) {
        for (present, target) in changed {
            if (target.weight > 0) != get_connections {
                continue;
            }
            let drains = self.draft.record.drains();
            let returns = present.weight == 0
                && target.weight > 0
                && drains.get(&key, present.address).is_some();
            let reason = match returns {
                true => Reason::Returns,
                false => Reason::Differs,
            };
            let before = Before::Server((*present).clone());
            let operation = Operation::UpdateServer(key, target.clone());
            self.draft.push(operation, before, reason);
        }
    }

    /// Returns the reason why servers of a service are removed at once, if they are. `others` says
    /// whether other servers get the new connections.
    fn at_once(&self, service: &VirtualService, others: bool) -> Option<AtOnce> {
        let protocol = service.key.protocol();
        let is_udp = protocol == Some(Protocol::UDP);
        if self.draft.policy.drain_time.is_zero() {
            Some(AtOnce::Policy)
        } else if service.one_packet && (is_udp || protocol.is_none()) {
            Some(AtOnce::OnePacket)
        } else if is_udp && !self.draft.policy.drain_udp {
            Some(AtOnce::Udp)
        } else if service.scheduler == Scheduler::DestinationHashing && others {
            Some(AtOnce::Scheduler)
        } else {
            None
        }
    }

    fn remove_at_once(
        &mut self,
        service: &VirtualService,
        leaving: &[&ServerInfo],
        at_once: AtOnce,
    ) {
        if at_once == AtOnce::Scheduler {
            let counts = leaving
                .iter()
                .map(|it| self.draft.policy.wait_for.count(it));
            self.draft.plan.warnings.push(Warning::CannotDrain {
                service: service.key,
                scheduler: service.scheduler,
                connections: counts.sum(),
            });
        }
        for server in leaving {
            let operation = Operation::RemoveServer(service.key, server.config.address);
            let before = Before::Server(server.config.clone());
            self.draft
                .push(operation, before, Reason::Unwanted(at_once));
        }
    }

    fn drain(&mut self, service: &VirtualService, leaving: &[&ServerInfo], then: Then) {
        let key = service.key;
        let mut servers = Vec::with_capacity(leaving.len());
        for server in leaving {
            let (address, weight) = (server.config.address, server.config.weight);
            let step = (weight > 0).then_some(self.draft.plan.steps.len());
            if step.is_some() {
                let before = Before::Server(server.config.clone());
                let drained = server.config.clone().with_known_tunnel().weight(0);
                let operation = Operation::UpdateServer(key, drained);
                self.draft.push(operation, before, Reason::Drains);
            }
            servers.push(DrainingServer {
                address,
                weight,
                step,
            });
        }
        // A service that was persistent before may have templates still.
        let has_templates = leaving.iter().any(|it| it.persistent_connections > 0);
        let persistent = service.persistence.is_some() || has_templates;
        if persistent && !self.draft.expires_templates && servers.iter().any(|it| it.step.is_some())
        {
            self.draft
                .plan
                .warnings
                .push(Warning::ClientsComeBack { service: key });
        }
        self.draft.plan.draining.push(DrainingService {
            service: key,
            servers,
            persistent,
            then,
        });
    }

    /// Removes a service that is not wanted, or those of its servers that belong to the program.
    pub(super) fn remove(mut self, entry: &TableEntry) {
        let service = &entry.service.config;
        let (mut leaving, mut others) = (Vec::new(), 0);
        for (index, server) in entry.servers.iter().enumerate() {
            let address = server.config.address;
            match self.owned.is_whole || self.owned.is_recorded(address, index) {
                true => leaving.push(server),
                false => others += 1,
            }
        }
        self.draft.owned_servers += leaving.len();
        self.note_gone(service.key, &[], &entry.servers, 0);
        if others > 0 {
            self.leave(service.key, None, LeftAloneReason::HoldsOthers);
        }
        let cut = (!self.draft.policy.drain_unwanted_services).then_some(AtOnce::Policy);
        let is_shared = others > 0;
        let at_once = match entry.servers.is_empty() {
            true => Some(AtOnce::Empty),
            false => cut.or_else(|| self.at_once(service, is_shared)),
        };
        match at_once {
            None if leaving.is_empty() => {}
            None => {
                let then = match is_shared {
                    true => Then::Nothing,
                    false => Then::RemoveService,
                };
                self.drain(service, &leaving, then);
            }
            Some(at_once) if is_shared => self.remove_at_once(service, &leaving, at_once),
            Some(at_once) => {
                let servers = leaving.iter().map(|it| it.config.clone()).collect();
                let before = Before::Entry(Box::new(service.clone()), servers);
                let operation = Operation::RemoveService(service.key);
                self.draft
                    .push(operation, before, Reason::Unwanted(at_once));
            }
        }
    }

    /// Notes the recorded servers that are neither wanted nor present. `staying` is the number of
    /// recorded servers that are both.
    fn note_gone(
        &mut self,
        key: ServiceKey,
        wanted: &[WantedServer],
        present: &[ServerInfo],
        staying: usize,
    ) {
        let Some(recorded) = self.owned.recorded.filter(|it| staying < it.len()) else {
            return;
        };
        let mut wanted = Finder::new(wanted, |it| it.config.address);
        let mut present = Finder::new(present, |it| it.config.address);
        for (index, address) in recorded.iter().enumerate() {
            if present.find(address, index).is_none() && wanted.find(address, index).is_none() {
                self.draft.plan.gone.push(Object::server(key, address));
            }
        }
    }
}

/// The flag of `sh` and `mh` by which they use another server than one of weight 0.
const FALLBACK: SchedulerFlags = SchedulerFlags::SH_FALLBACK;

/// Returns true if the scheduler of a service never selects a server of weight 0.
fn respects_weights(service: &VirtualService) -> bool {
    match service.scheduler {
        Scheduler::DestinationHashing => false,
        Scheduler::SourceHashing | Scheduler::MaglevHashing => {
            service.scheduler_flags.contains(FALLBACK)
        }
        _ => true,
    }
}
