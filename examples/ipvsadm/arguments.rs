//! Parses command lines: options joined in one word, names instead of numbers, and the commands
//! that do not change anything.

use ipvset::Protocol;
use ipvset::ipvs::{ForwardingMethod, Operation, VirtualService, text};

use super::failure::{Failure, unreadable};
use super::list::{What, Wish};
use super::names::{self, System};

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    /// A command that changes something. The crate parses it.
    Operation(Operation),
    List(Wish),
    Save {
        numeric: bool,
    },
    Restore,
}

const TRY_HELP: &str = "Try `ipvsadm --help' for the commands.";

/// The characters that separate words.
pub(crate) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The short options whose value may follow in the same word.
const WITH_VALUE: &str = "tufsMrwxyb";

pub(crate) fn parse(arguments: Vec<String>) -> Result<Command, Failure> {
    let Some(first) = arguments.first() else {
        return Ok(Command::List(Wish::default()));
    };
    match first.as_str() {
        "-h" | "--help" => return Ok(Command::Help),
        "-v" | "--version" => return Ok(Command::Version),
        _ => {}
    }
    let mut words = apart(arguments)?;
    if !words.first().is_some_and(|word| word.starts_with('-')) {
        return Err(Failure::Usage(TRY_HELP.into()));
    }
    words.retain(|word| word != "--sort");
    let (command, rest) = match words.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => return Err(Failure::Usage(TRY_HELP.into())),
    };
    match command {
        "-L" | "-l" | "--list" => list(rest).map(Command::List),
        "-S" | "--save" => match rest {
            [] => Ok(Command::Save { numeric: false }),
            [one] if is(one, "-n", "--numeric") => Ok(Command::Save { numeric: true }),
            [other, ..] => Err(goes_not(other, command)),
        },
        "-R" | "--restore" => match rest {
            [] => Ok(Command::Restore),
            [other, ..] => Err(goes_not(other, command)),
        },
        _ => match text::parse_with(&words.join(" "), &System).next() {
            Some(Ok(line)) => Ok(Command::Operation(line.operation)),
            Some(Err(error)) => Err(unreadable(&error)),
            None => Err(Failure::Usage(TRY_HELP.into())),
        },
    }
}

/// Applies the tool's rules for typed commands. Refuses options that would not work, and sets the
/// port of a server with direct routing or a tunnel to that of its service, which its packets have.
/// Restored commands describe existing configuration and are not changed.
pub(crate) fn as_typed(mut command: Command) -> Result<Command, Failure> {
    let Command::Operation(operation) = &mut command else {
        return Ok(command);
    };
    match operation {
        Operation::AddService(service)
        | Operation::UpdateService(service)
        | Operation::PutService(service) => works(service)?,
        Operation::AddServer(key, server)
        | Operation::UpdateServer(key, server)
        | Operation::PutServer(key, server) => {
            let keeps_port = matches!(
                server.forwarding,
                ForwardingMethod::DirectRouting | ForwardingMethod::Tunnel(_)
            );
            if let Some(address) = key.socket_address().filter(|_| keeps_port) {
                server.address.set_port(address.port());
            }
            if let Some(why) = server.warnings(*key).into_iter().next() {
                return Err(Failure::Usage(why));
            }
        }
        _ => {}
    }
    Ok(command)
}

fn works(service: &VirtualService) -> Result<(), Failure> {
    let (address, protocol) = (service.key.socket_address(), service.key.protocol());
    let no_time = service.persistence.is_some_and(|it| it.timeout().is_zero());
    let why = if address.is_some_and(|it| it.port() == 0) && service.persistence.is_none() {
        "port 0 means every port and requires -p"
    } else if service.one_packet && protocol.is_some_and(|it| it != Protocol::UDP) {
        "one-packet scheduling requires UDP or a firewall mark"
    } else if no_time {
        "the persistence timeout must be at least 1 second"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(why.into()))
}

fn is(word: &str, short: &str, long: &str) -> bool {
    word == short || word == long
}

fn goes_not(option: &str, command: &str) -> Failure {
    Failure::Usage(format!("`{option}` cannot be used with `{command}`"))
}

/// Splits the arguments into one word for each option and value, and converts addresses to their
/// usual form.
fn apart(arguments: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let (option, value) = if argument.starts_with("--") {
            match argument.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            }
        } else if argument.starts_with('-') && argument.len() > 2 {
            last_of_short(&argument, &mut words)
        } else {
            (argument, None)
        };
        let is_address = matches!(
            option.as_str(),
            "-t" | "--tcp-service"
                | "-u"
                | "--udp-service"
                | "--sctp-service"
                | "-r"
                | "--real-server"
        );
        // A value may begin with a dash. It is not an option then.
        let value = match is_address || takes_value(&option) {
            true => value.or_else(|| rest.next()),
            false => value,
        };
        words.push(option);
        words.extend(value.map(|it| match is_address {
            true => names::usual_form(&it),
            false => it,
        }));
    }
    match words.iter().find(|it| it.is_empty() || it.contains(BLANKS)) {
        None => Ok(words),
        Some(wrong) => Err(Failure::Usage(format!(
            "`{wrong}` is empty or contains blanks"
        ))),
    }
}

fn takes_value(option: &str) -> bool {
    let short = option.strip_prefix('-').filter(|it| it.len() == 1);
    short.is_some_and(|it| WITH_VALUE.contains(it)) || option == "--fwmark-service"
}

/// Splits the options of a word like `-Lnt10.0.0.1:80`. Returns the last one, with its value if the
/// word contains it.
fn last_of_short(argument: &str, words: &mut Vec<String>) -> (String, Option<String>) {
    for (at, letter) in argument.char_indices().skip(1) {
        let option = format!("-{letter}");
        let behind = argument.get(at + letter.len_utf8()..).unwrap_or_default();
        let takes_all = WITH_VALUE.contains(letter) || letter == 'p';
        if behind.is_empty() {
            return (option, None);
        }
        if takes_all {
            let value = behind.strip_prefix('=').unwrap_or(behind);
            return (option, Some(value.to_owned()));
        }
        words.push(option);
    }
    (argument.to_owned(), None)
}

fn list(words: &[String]) -> Result<Wish, Failure> {
    let mut wish = Wish::default();
    let mut key: Vec<&str> = Vec::new();
    let mut what: Option<(&str, What)> = None;
    let mut given = Vec::new();
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        if given.contains(&word) {
            return Err(Failure::Usage(format!("`{word}` is given twice")));
        }
        given.push(word);
        let chosen = match word {
            "-n" | "--numeric" => {
                wish.numeric = true;
                None
            }
            "--exact" | "-X" => {
                wish.exact = true;
                None
            }
            "--nosort" => {
                wish.unsorted = true;
                None
            }
            "--stats" => {
                wish.stats = true;
                None
            }
            "--rate" => {
                wish.rate = true;
                None
            }
            "--thresholds" => {
                wish.thresholds = true;
                None
            }
            "--persistent-conn" => {
                wish.persistent = true;
                None
            }
            "--tun-info" => {
                wish.tunnels = true;
                None
            }
            "-6" | "--ipv6" => {
                key.push(word);
                None
            }
            "-t" | "--tcp-service" | "-u" | "--udp-service" | "--sctp-service" | "-f"
            | "--fwmark-service" => {
                key.push(word);
                key.extend(rest.next());
                Some(What::Services)
            }
            "-c" | "--connection" => Some(What::Connections),
            "--timeout" => Some(What::Timeouts),
            "--daemon" => Some(What::Daemons),
            other => return Err(goes_not(other, "-L")),
        };
        match (chosen, what) {
            (Some(chosen), None) => what = Some((word, chosen)),
            (Some(_), Some((other, _))) => {
                return Err(Failure::Usage(format!(
                    "`{word}` cannot be combined with `{other}`"
                )));
            }
            (None, _) => {}
        }
    }
    if let Some((word, what)) = what {
        wish.what = what;
        let columns = wish.stats || wish.rate || wish.thresholds;
        if what != What::Services && columns {
            return Err(Failure::Usage(format!(
                "the columns of `{word}` cannot be chosen"
            )));
        }
    }
    if !key.is_empty() {
        // Parses the service as part of -Z, which takes nothing else.
        let line = format!("-Z {}", key.join(" "));
        match text::parse_with(&line, &System).next() {
            Some(Ok(line)) => match line.operation {
                Operation::ZeroService(key) => wish.service = Some(key),
                _ => return Err(Failure::Usage(TRY_HELP.into())),
            },
            Some(Err(error)) => return Err(unreadable(&error)),
            None => {}
        }
    }
    Ok(wish)
}
