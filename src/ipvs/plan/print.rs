//! Plans and their steps as text.

use std::fmt::{self, Display, Formatter};

use super::plan::{Counts, LeftAloneReason, Plan};
use super::step::{Before, Step};
use crate::ipvs::model::operation::Operation;

/// Writes the warnings, the steps, and a summary. All lines that are not part of the diff begin
/// with `#`.
impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "# warning: {warning}")?;
        }
        for left in &self.left_alone {
            // There is a warning of a service outside of the scope.
            if left.reason != LeftAloneReason::OutsideScope {
                writeln!(f, "# {} is left alone: {}", left.object, left.reason)?;
            }
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        write_sum(f, "adopted, because they were there already", {
            let services = self.adopted.iter().filter(|it| it.server.is_none());
            let services = services.count();
            [
                (services, "service"),
                (self.adopted.len() - services, "server"),
            ]
        })?;
        let draining = self.draining.iter().flat_map(|it| &it.servers);
        let draining = draining.filter(|it| it.step.is_none()).count();
        write_sum(f, "draining already", [(draining, "server")])?;
        if self.steps.is_empty() {
            return Ok(());
        }
        writeln!(f, "# {}", self.counts())
    }
}

/// Writes a comment such as `# adopted: 1 service, 2 servers`, if a number is not zero.
fn write_sum<const N: usize>(
    f: &mut Formatter<'_>,
    what: &str,
    numbers: [(usize, &str); N],
) -> fmt::Result {
    let mut separator = ": ";
    for (number, noun) in numbers.into_iter().filter(|it| it.0 != 0) {
        if separator == ": " {
            write!(f, "# {what}")?;
        }
        write!(f, "{separator}{}", Number(number, noun))?;
        separator = ", ";
    }
    match separator {
        ": " => Ok(()),
        _ => writeln!(f),
    }
}

/// A number of things: `1 server`, `2 servers`.
struct Number<'a>(usize, &'a str);

impl Display for Number<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        write!(f, "{number} {noun}{}", if *number == 1 { "" } else { "s" })
    }
}

/// Writes the numbers that are not zero: `1 service and 2 servers to add, 1 server to drain`.
impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verbs = [
            ("add", self.services_added, self.servers_added),
            ("update", self.services_updated, self.servers_updated),
            ("drain", 0, self.servers_drained),
            ("remove", self.services_removed, self.servers_removed),
        ];
        let mut comma = "";
        for (verb, services, servers) in verbs {
            let (services, servers) = (Number(services, "service"), Number(servers, "server"));
            match (services.0, servers.0) {
                (0, 0) => continue,
                (_, 0) => write!(f, "{comma}{services}")?,
                (0, _) => write!(f, "{comma}{servers}")?,
                _ => write!(f, "{comma}{services} and {servers}")?,
            }
            write!(f, " to {verb}")?;
            comma = ", ";
        }
        match comma {
            "" => f.write_str("nothing to do"),
            _ => Ok(()),
        }
    }
}

/// Writes the lines that go and those that come. The reason follows the last of them.
impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let key = self.object().service;
        match self.before() {
            Before::Nothing => {}
            Before::Service(service) => writeln!(f, "- -A {service}")?,
            Before::Server(server) => write!(f, "- -a {key} {server}")?,
            Before::Entry(service, servers) => {
                write!(f, "- -A {service}")?;
                for server in servers {
                    write!(f, "\n- -a {key} {server}")?;
                }
            }
        }
        match self.operation() {
            Operation::AddService(service) | Operation::UpdateService(service) => {
                write!(f, "+ -A {service}")?;
            }
            Operation::AddServer(_, server) => write!(f, "+ -a {key} {server}")?,
            Operation::UpdateServer(_, server) => write!(f, "\n+ -a {key} {server}")?,
            _ => {}
        }
        write!(f, "  # {}", self.reason())
    }
}
