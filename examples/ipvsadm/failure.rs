//! Failures and their exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ipvset::Outcome;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// The kernel refused the request or could not be asked.
    Refused(ipvset::Error),
    /// The kernel could not be asked any more, so operations were not carried out from here on.
    Stopped(String),
    /// The service to list does not exist.
    NotListed(ipvset::Error),
    /// Lines that could not be restored, each with its number.
    Lines(Vec<(usize, Failure)>),
    Io(io::Error),
}

impl Failure {
    /// Whether the reader of the output closed its pipe.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotListed(_) => 1,
            // The crate refused it without asking the kernel, so the arguments are wrong on any machine.
            Self::Refused(error) if error.is_invalid_input() && error.errno().is_none() => 2,
            Self::Refused(_) | Self::Stopped(_) | Self::Io(_) => 255,
            Self::Lines(lines) => lines.iter().map(|(_, it)| it.code()).max().unwrap_or(255),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => f.write_str(why),
            Self::Refused(error) | Self::NotListed(error) => write!(f, "{error}"),
            Self::Stopped(why) => write!(f, "{why}; nothing was carried out from this line on"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Lines(lines) => {
                let mut end = "";
                for (number, failure) in lines {
                    write!(f, "{end}line {number}: {failure}")?;
                    end = "\n";
                }
                Ok(())
            }
        }
    }
}

impl From<ipvset::Error> for Failure {
    fn from(error: ipvset::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Returns what was not carried out, each with the number of its line.
pub(crate) fn of_lines<T>(outcome: Outcome<T>, numbers: &[usize]) -> Vec<(usize, Failure)> {
    let number = |index: usize| numbers.get(index).copied().unwrap_or_default();
    let untried = outcome.untried_from().unwrap_or_default();
    let stopped = outcome.stopped().map(ToString::to_string);
    let stopped = stopped.map(|error| (number(untried), Failure::Stopped(error)));
    let failures = outcome.into_failures().into_iter();
    let failures = failures.map(|it| (number(it.index), it.error.into()));
    failures.chain(stopped).collect()
}

/// Converts an error in parsed text to a failure of the arguments. Drops the line and column, because
/// the user did not write that text.
pub(crate) fn unreadable(error: &ipvset::Error) -> Failure {
    let text = error.to_string();
    let place = error
        .position()
        .map(|(line, column)| format!("line {line}, column {column}: "));
    let why = place.and_then(|place| Some(text.split_once(&place)?.1.to_owned()));
    Failure::Usage(why.unwrap_or(text))
}
