//! Parses the command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use ipvset::ipvs::plan::{Policy, Scope};

use crate::Result;
use crate::source::Source;

pub(crate) enum Command {
    Help,
    Reconcile(Arguments),
}

pub(crate) struct Arguments {
    pub(crate) apply: bool,
    pub(crate) scope: Scope,
    pub(crate) policy: Policy,
    pub(crate) watch: Option<Duration>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) source: Source,
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let mut rest = arguments;
    let (mut apply, mut json) = (false, false);
    let (mut drain, mut watch, mut record, mut file) = (None, None, None, None);
    let mut scopes: Vec<Scope> = Vec::new();
    while let Some(argument) = rest.next() {
        let (option, value) = split(argument);
        let mut value = || {
            let value = value.clone().or_else(|| rest.next());
            value.ok_or_else(|| format!("`{}` needs a value", option.to_string_lossy()))
        };
        match option.to_str() {
            Some("-h" | "--help") => return Ok(Command::Help),
            Some("--apply") => apply = true,
            Some("--json") => json = true,
            Some("--scope") => scopes.push(text(&value()?)?.parse()?),
            Some("--drain") => drain = Some(seconds(&value()?)?),
            Some("--watch") => watch = Some(seconds(&value()?)?),
            Some("--record") => record = Some(PathBuf::from(value()?)),
            Some(other) if other.starts_with('-') && other != "-" => {
                return Err(format!("`{other}` is not an option; try --help").into());
            }
            _ => {
                if let Some(first) = file.replace(option.clone()) {
                    let (one, other) = (first.to_string_lossy(), option.to_string_lossy());
                    return Err(format!("one FILE is expected, not `{one}` and `{other}`").into());
                }
            }
        }
    }
    let file = file.ok_or("FILE is missing; try --help")?;
    if watch.is_some() && !apply {
        return Err("`--watch` needs `--apply`".into());
    }
    if watch.is_some_and(|it| it.is_zero()) {
        return Err("`--watch` needs at least 1 second".into());
    }
    let scope = match scopes.is_empty() {
        false => scopes.into_iter().collect(),
        true if record.is_some() => Scope::named() | Scope::recorded(),
        true => Scope::named(),
    };
    let policy = Policy::new();
    let policy = match drain {
        Some(time) => policy.drain_time(time),
        None => policy,
    };
    Ok(Command::Reconcile(Arguments {
        apply,
        scope,
        policy,
        watch,
        record,
        json,
        source: Source::new(file),
    }))
}

/// Splits `--option=value`.
fn split(argument: OsString) -> (OsString, Option<OsString>) {
    let parts = argument.to_str().filter(|it| it.starts_with("--"));
    match parts.and_then(|it| it.split_once('=')) {
        Some((option, value)) => (option.into(), Some(value.into())),
        None => (argument, None),
    }
}

fn text(value: &OsStr) -> Result<&str> {
    let wrong = || format!("`{}` is not UTF-8", value.to_string_lossy()).into();
    value.to_str().ok_or_else(wrong)
}

fn seconds(value: &OsStr) -> Result<Duration> {
    let text = text(value)?;
    let seconds: u32 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Ok(Duration::from_secs(seconds.into()))
}
