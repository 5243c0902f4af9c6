//! Runs a command or a shell on the kernel that examples and tests use: `cargo run -p lab -- ipvsadm -Ln`. The lab's own tests use it too.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use lab::Needs;

const HELP: &str = "\
Runs a command, or by default a shell, on a Linux kernel that has IPVS: the running one, or User Mode Linux.

usage: lab-run [--sets TYPES] [--memory MIB] [COMMAND [ARGUMENT]...]

  --sets TYPES   require these set types (separated by blanks) instead of IPVS; an empty text requires only network namespaces
  --memory MIB   the memory of a guest

IPVSET_UML and IPVSET_UML_MODULES name a User Mode Linux kernel to use, IPVSET_KERNEL=running|uml allows only one kind.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let mut needs = Needs::ipvs();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        match (option.as_str(), words.next()) {
            ("--sets", Some(types)) => {
                needs = Needs::sets(&types.split_whitespace().collect::<Vec<_>>())
            }
            ("--memory", Some(number)) if number.parse::<u32>().is_ok() => {
                needs = needs.memory(number.parse().unwrap_or(1024))
            }
            _ => {
                eprintln!("{HELP}");
                return ExitCode::from(if option == "--help" { 0 } else { 2 });
            }
        }
    }
    let Some(program) = words.next() else {
        return lab::main(&needs, shell);
    };
    lab::main(&needs, || {
        match Command::new(&program).args(words).status() {
            Ok(status) => {
                let code = status.code().unwrap_or(128 + status.signal().unwrap_or(0));
                ExitCode::from(u8::try_from(code).unwrap_or(1))
            }
            Err(error) => {
                eprintln!("lab-run: {program}: {error}");
                ExitCode::from(127)
            }
        }
    })
}

fn shell() -> ExitCode {
    match lab::Namespace::current().and_then(|namespace| lab::shell(&namespace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-run: {error}");
            ExitCode::FAILURE
        }
    }
}
