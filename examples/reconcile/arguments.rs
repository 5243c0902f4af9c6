//! Parses the command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use ipvset::ipset::plan::WantedSets;
use ipvset::ipvs::plan::{Policy, Scope, WantedTable};

use crate::Result;
use crate::sets::SetsArguments;
use crate::source::Source;

pub(crate) struct Arguments {
    pub(crate) apply: bool,
    pub(crate) scope: Scope,
    pub(crate) policy: Policy,
    pub(crate) watch: Option<Duration>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) services: Option<Source<WantedTable>>,
    pub(crate) sets: Option<SetsArguments>,
}

impl Arguments {
    /// Reads the wanted services, if there are to be any.
    pub(crate) fn read_services(&mut self) -> Result<Option<WantedTable>> {
        self.services.as_mut().map(Source::read).transpose()
    }
}

/// Parses the command line. Returns `None` if it asks for help.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Arguments>> {
    let mut rest = arguments;
    let (mut apply, mut json) = (false, false);
    let (mut drain, mut watch, mut record, mut file) = (None, None, None, None);
    let (mut sets, mut prefix, mut recreate) = (None, None, false);
    let mut scopes: Vec<Scope> = Vec::new();
    while let Some(argument) = rest.next() {
        let (option, value) = split(argument);
        let mut value = || {
            let value = value.clone().or_else(|| rest.next());
            value.ok_or_else(|| format!("`{}` needs a value", option.to_string_lossy()))
        };
        match option.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--apply") => apply = true,
            Some("--json") => json = true,
            Some("--scope") => scopes.push(text(&value()?)?.parse()?),
            Some("--drain") => drain = Some(seconds(&value()?)?),
            Some("--watch") => watch = Some(seconds(&value()?)?),
            Some("--record") => record = Some(PathBuf::from(value()?)),
            Some("--sets") => sets = Some(value()?),
            Some("--set-scope") => prefix = Some(text(&value()?)?.to_owned()),
            Some("--recreate") => recreate = true,
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
    if file.is_none() && sets.is_none() {
        return Err("FILE is missing; try --help".into());
    }
    if sets.is_none() && (prefix.is_some() || recreate) {
        return Err("`--set-scope` and `--recreate` need `--sets`".into());
    }
    if prefix.as_ref().is_some_and(String::is_empty) {
        return Err("`--set-scope` needs a prefix that is not empty".into());
    }
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
    let services = file.map(|file| Source::new(file, |text| WantedTable::parse_with(text, &())));
    let sets = sets.map(|file| SetsArguments {
        source: Source::new(file, |text| WantedSets::from_saved(text)),
        prefix,
        recreate,
    });
    let both_read_input = services.as_ref().is_some_and(Source::is_input)
        && sets.as_ref().is_some_and(|it| it.source.is_input());
    if both_read_input {
        return Err("only one of the files can be standard input".into());
    }
    Ok(Some(Arguments {
        apply,
        scope,
        policy,
        watch,
        record,
        json,
        services,
        sets,
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
