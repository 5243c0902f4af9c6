//! What a process other than the tests' own has to do: this binary, started again in the guest
//! with its part in the environment.

use std::env;
use std::fmt::Display;
use std::process::{Command, ExitCode};

use ipvset::ipvs::{Ipvs, VirtualService};

use crate::support::{Result, at, predicates};

const VARIABLE: &str = "IPVSET_TEST_ROLE";

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Adds a service, which it may not, and says what it is told.
    Unprivileged,
}

impl Role {
    const ALL: [Self; 1] = [Self::Unprivileged];

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// The part that this process was started for, if it is a child.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = env::var(VARIABLE).ok()?;
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Plays the part.
    pub(crate) fn play(self) -> ExitCode {
        let played = match self {
            Self::Unprivileged => unprivileged(),
        };
        match played {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Runs the child as root of a user namespace and a network namespace of its own, and gives
    /// what it says.
    pub(crate) fn in_user_namespace(self) -> Result<String> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]);
        command.arg(env::current_exe()?).env(VARIABLE, self.name());
        Ok(lab::tool::output(&mut command, "")?)
    }
}

fn unprivileged() -> Result<impl Display> {
    let mut ipvs = Ipvs::connect()?;
    let outcome = ipvs.add_service(&VirtualService::tcp(at("10.0.0.1:80")));
    let error = outcome.err().ok_or("the service was added")?;
    Ok(format!("{}: {error}", predicates(&error).join(" ")))
}
