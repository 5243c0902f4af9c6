//! The walkthrough: builds a Service like that of Kubernetes by hand. Each file is a step, and each
//! example runs the steps up to its own.

mod environment;
mod hairpin;
mod loopback_set;
mod namespace_access;
mod report;
mod round_robin;
mod tools;
mod virtual_service;
mod world;

use std::process::ExitCode;

use lab::Needs;
use report::Report;
use world::World;

/// The result of a step. Errors are reported, not handled.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The Service: its cluster IP and port.
const VIP: &str = "10.100.100.100:8080";

/// The steps that an example can end with, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(dead_code, reason = "each example names one of them")]
pub enum Step {
    Environment,
    Tools,
    VirtualService,
    NamespaceAccess,
    Hairpin,
    LoopbackSet,
    RoundRobin,
}

type Run = fn(&mut World, &mut Report) -> Fallible<()>;

const STEPS: [(Step, Run); 7] = [
    (Step::Environment, environment::run),
    (Step::Tools, tools::run),
    (Step::VirtualService, virtual_service::run),
    (Step::NamespaceAccess, namespace_access::run),
    (Step::Hairpin, hairpin::run),
    (Step::LoopbackSet, loopback_set::run),
    (Step::RoundRobin, round_robin::run),
];

const HELP: &str = "\
Options:
  --shell            keep the finished environment and open a shell in it, to try curl, ip,
                     ipvsadm and ipset by hand; exiting the shell removes everything
  --leave-out TEXT   skip the commands that contain TEXT, to see why they are needed (may be
                     given more than once)
  --help             print this text

Prints what each step does, the command that it replaces, the request that it sends, and the
expected and the actual outcome. Exits with status 0 if every request had the expected outcome,
else with 1.

It uses the running kernel, in new network namespaces, if that kernel has what the steps need. As
an ordinary user it enters a user namespace too: then IPVS must be loaded, and from step 3 on
br_netfilter, and from step 4 on the kernel must be Linux 6.10 or newer.
Otherwise it uses User Mode Linux (Debian's package user-mode-linux), which does not need root.
IPVSET_UML and IPVSET_UML_MODULES name another such kernel and its folder of modules. It needs the
command iptables, and in the shell also ipset and ipvsadm.
";

/// The options of the command line.
#[derive(Debug, Default)]
pub struct Options {
    shell: bool,
    leave_out: Vec<String>,
}

/// Runs the steps up to `last` on a kernel that meets their needs.
pub fn main(last: Step, about: &str) -> ExitCode {
    if std::env::args()
        .skip(1)
        .any(|argument| argument == "--help")
    {
        print!("{about}\n\n{HELP}");
        return ExitCode::SUCCESS;
    }
    // On User Mode Linux the program starts again as the guest's first process, with other
    // arguments. So they are checked only inside `lab::main`.
    lab::main(&needs(last), || match options(std::env::args().skip(1)) {
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
    })
}

/// Returns what the steps up to `last` need from a kernel.
fn needs(last: Step) -> Needs {
    let mut needs = Needs::ipvs()
        .or_socket_options()
        .and_devices(&["bridge", "veth", "dummy"])
        .and_rules();
    if last >= Step::NamespaceAccess {
        needs = needs.and_modules(&["br_netfilter"]);
    }
    if last >= Step::Hairpin {
        needs = needs.and_settings(&["net.ipv4.vs.conntrack"]);
    }
    if last >= Step::LoopbackSet {
        needs = needs.and_sets(&["hash:ip,port,ip"]);
    }
    needs
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--shell" => options.shell = true,
            "--leave-out" => match arguments.next() {
                Some(text) => options.leave_out.push(text),
                None => return Err("--leave-out requires a text".into()),
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
