//! Parses the command line.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use ipvset::Family;
use ipvset::ipset::IpSet;
use ipvset::ipset::types::HashNet;

use crate::Result;

pub(crate) struct Arguments {
    pub(crate) apply: bool,
    pub(crate) aggregate: bool,
    pub(crate) watch: Option<Duration>,
    /// The sets for IPv4 and for IPv6.
    pub(crate) sets: [IpSet<HashNet>; 2],
    pub(crate) files: Vec<OsString>,
}

/// Parses the command line. Returns `None` if it asks for help.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Arguments>> {
    let mut rest = arguments;
    let (mut apply, mut aggregate) = (false, false);
    let (mut timeout, mut watch, mut name) = (None, None, None);
    let mut files = Vec::new();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let missing = || format!("`{}` needs a value", argument.to_string_lossy());
            rest.next().ok_or_else(missing)
        };
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--apply") => apply = true,
            Some("--aggregate") => aggregate = true,
            Some("--timeout") => timeout = Some(seconds(&value()?)?),
            Some("--watch") => watch = Some(seconds(&value()?)?),
            Some(other) if other.starts_with('-') && other != "-" => {
                return Err(format!("`{other}` is not an option; try --help").into());
            }
            _ if name.is_none() => name = Some(argument),
            _ => files.push(argument),
        }
    }
    let name = name.ok_or("NAME is missing; try --help")?;
    if files.is_empty() {
        return Err("FILE is missing; try --help".into());
    }
    if watch.is_some() && !apply {
        return Err("`--watch` needs `--apply`".into());
    }
    if let (Some(watch), Some(timeout)) = (watch, timeout) {
        // A timeout is renewed if less than half of it is left. With exactly half, the second run
        // may come just before that, and the third one too late.
        if watch * 2 >= timeout {
            let why = "entries would vanish: `--watch` is not less than half of `--timeout`";
            return Err(why.into());
        }
    }
    let name = name.to_str().ok_or("NAME is not UTF-8")?;
    let set = |family, suffix| -> Result<IpSet<HashNet>> {
        let set = IpSet::new(format!("{name}-{suffix}"))?.with_family(family);
        let set = set.counters();
        Ok(match timeout {
            Some(timeout) => set.timeout(timeout),
            None => set,
        })
    };
    Ok(Some(Arguments {
        apply,
        aggregate,
        watch,
        sets: [set(Family::Ipv4, "v4")?, set(Family::Ipv6, "v6")?],
        files,
    }))
}

fn seconds(value: &OsStr) -> Result<Duration> {
    let text = value.to_string_lossy();
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err(format!("`{text}` is not a number of seconds").into()),
    }
}
