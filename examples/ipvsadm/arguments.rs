//! The shell's side of the arguments: options in one word, names for numbers, and the commands
//! that do not change anything.

use ipvset::ipvs::{Operation, Protocol};

use super::failure::{Failure, unreadable};
use super::list::{What, Wish};
use super::names;

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    /// What changes something is the crate's to understand.
    Operation(Operation),
    List(Wish),
    Save {
        numeric: bool,
    },
    Restore,
}

const TRY_HELP: &str = "Try `ipvsadm --help' for the commands.";

/// Short options with a value, which may stand in the same word.
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
        _ => match words.join(" ").parse() {
            Ok(operation) => Ok(Command::Operation(operation)),
            Err(error) => Err(unreadable(&error)),
        },
    }
}

fn is(word: &str, short: &str, long: &str) -> bool {
    word == short || word == long
}

fn goes_not(option: &str, command: &str) -> Failure {
    Failure::Usage(format!("`{option}` does not go with `{command}`"))
}

/// Options of one word each, their values behind them, and addresses in numbers.
fn apart(arguments: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    let mut protocol = Protocol::TCP;
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
        let named = match option.as_str() {
            "-t" | "--tcp-service" => Some(Protocol::TCP),
            "-u" | "--udp-service" => Some(Protocol::UDP),
            "--sctp-service" => Some(Protocol::SCTP),
            "-r" | "--real-server" => Some(protocol),
            _ => None,
        };
        words.push(option.clone());
        match named {
            // A value may begin with a dash, and is no options then.
            None if takes_value(&option) => words.extend(value.or_else(|| rest.next())),
            None => words.extend(value),
            Some(of) => {
                protocol = of;
                if let Some(address) = value.or_else(|| rest.next()) {
                    words.push(names::numeric(&address, of)?);
                }
            }
        }
    }
    match words
        .iter()
        .find(|it| it.is_empty() || it.contains(char::is_whitespace))
    {
        None => Ok(words),
        Some(wrong) => Err(Failure::Usage(format!(
            "`{wrong}` has spaces in it, or nothing, which no option has"
        ))),
    }
}

fn takes_value(option: &str) -> bool {
    let short = option.strip_prefix('-').filter(|it| it.len() == 1);
    short.is_some_and(|it| WITH_VALUE.contains(it)) || option == "--fwmark-service"
}

/// Puts the options of a word like `-Lnt10.0.0.1:80` apart, up to the last one, which is given
/// with its value if it has one there.
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
                    "`{word}` can't stand beside `{other}`"
                )));
            }
            (None, _) => {}
        }
    }
    if let Some((word, what)) = what {
        wish.what = what;
        let columns = wish.stats || wish.rate || wish.thresholds;
        if what != What::Services && columns {
            return Err(Failure::Usage(format!("`{word}` has no columns to choose")));
        }
    }
    if !key.is_empty() {
        let key = key.join(" ").parse().map_err(|error| unreadable(&error))?;
        wish.service = Some(key);
    }
    Ok(wish)
}
