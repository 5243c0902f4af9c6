//! The walkthrough: a Kubernetes-like Service by hand. Each file is a step; each example runs
//! the steps up to its own.

mod environment;
mod hairpin;
mod loopback_set;
mod namespace_access;
mod report;
mod round_robin;
mod virtual_service;
mod world;

use std::process::ExitCode;

use lab::Needs;
use report::Report;
use world::World;

/// What steps give: errors are told, not handled.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The Service: its cluster IP and port.
const VIP: &str = "10.100.100.100:8080";

/// The steps that an example can end with, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(dead_code, reason = "each example names one of them")]
pub enum Step {
    Environment,
    VirtualService,
    NamespaceAccess,
    Hairpin,
    LoopbackSet,
    RoundRobin,
}

type Run = fn(&mut World, &mut Report) -> Fallible<()>;

const STEPS: [(Step, Run); 6] = [
    (Step::Environment, environment::run),
    (Step::VirtualService, virtual_service::run),
    (Step::NamespaceAccess, namespace_access::run),
    (Step::Hairpin, hairpin::run),
    (Step::LoopbackSet, loopback_set::run),
    (Step::RoundRobin, round_robin::run),
];

const HELP: &str = "\
Options:
  --shell            leave the finished environment up and open a shell in it, so that curl, ip,
                     ipvsadm and ipset can be tried by hand; leaving it tears everything down
  --leave-out TEXT   leave out the commands that contain TEXT, to see what they are needed for
                     (may be given more than once)
  --help             this text

Prints for every step what it does, the command that it replaces, the request made, what should
happen and what did. Ends with status 0 if every request went as it must, else with 1.

It runs on the running kernel if that has IPVS and you may use it, in network namespaces of its
own, and else on User Mode Linux (Debian's package user-mode-linux), which needs no root.
IPVSET_UML and IPVSET_UML_MODULES name another such kernel and its modules folder. The commands
ipset and ipvsadm are not needed, but for the shell; iptables is.
";

/// What the command line asks for.
#[derive(Debug, Default)]
pub struct Options {
    shell: bool,
    leave_out: Vec<String>,
}

/// Runs the steps up to `last` on a kernel that has what they need.
pub fn main(last: Step, about: &str) -> ExitCode {
    if std::env::args()
        .skip(1)
        .any(|argument| argument == "--help")
    {
        print!("{about}\n\n{HELP}");
        return ExitCode::SUCCESS;
    }
    // On User Mode Linux the program starts again as the guest's first process, with arguments
    // that are not its own: only what comes after this may look at them closely.
    lab::main(&Needs::ipvs().and_rules(), || {
        match options(std::env::args().skip(1)) {
            Ok(options) => {
                println!("{about}");
                match walk(last, &options) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => {
                        eprintln!("{error}");
                        ExitCode::FAILURE
                    }
                }
            }
            Err(error) => {
                eprint!("{error}\n\n{HELP}");
                ExitCode::from(2)
            }
        }
    })
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--shell" => options.shell = true,
            "--leave-out" => match arguments.next() {
                Some(text) => options.leave_out.push(text),
                None => return Err("--leave-out needs a text".into()),
            },
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

fn walk(last: Step, options: &Options) -> Fallible<()> {
    let mut report = Report::new(options);
    let mut world = World::new()?;
    for (step, run) in STEPS {
        if step <= last {
            run(&mut world, &mut report)?;
        }
    }
    let outcome = report.finish();
    if options.shell {
        println!(
            "\nThe environment is up: try `ip netns exec netns_dustin curl {VIP}`, `ipvsadm -Ln`, `ipset list`."
        );
        lab::shell(&world.host)?;
    }
    outcome
}
