//! Carries out single commands.

use ipvset::OnFailure;
use ipvset::Outcome;
use std::collections::HashMap;
use std::io::{self, Write};
use std::str;

use ipvset::ipset::text::OptionName;
use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnyEntry, AnySet, CreateOptions, IpSets, Revision, SetName};

use crate::arguments::{Call, Command};
use crate::complaint::{Complaint, said};
use crate::spelling;
use crate::system::System;
use crate::tested::tested;
use crate::{list, version};

pub struct Session {
    sets: Option<IpSets>,
    /// The sets that were created or that entries were added to, so that the kernel is asked only once
    /// for each.
    known: HashMap<SetName, AnySet>,
}

impl Session {
    pub fn new() -> Self {
        Self {
            sets: None,
            known: HashMap::new(),
        }
    }

    fn sets(&mut self) -> Result<&mut IpSets, Complaint> {
        match &mut self.sets {
            Some(sets) => Ok(sets),
            none => {
                let sets = IpSets::connect()
                    .map_err(|error| Complaint::from_error(Command::List, None, &error))?;
                Ok(none.insert(sets))
            }
        }
    }

    /// Carries out any command except those that read other commands.
    pub fn run(&mut self, call: &Call) -> Result<(), Complaint> {
        let words = &call.words;
        let exist = call.flags.exist;
        let first = words.first().map(|name| set_name(name)).transpose()?;
        let second = || set_name(words.get(1).map_or(b"", Vec::as_slice));
        let complain = |error: ipvset::Error| Complaint::from_error(call.command, None, &error);
        match (call.command, first) {
            (Command::Create, _) => self.create(call),
            (Command::Add | Command::Del, _) => {
                let (set, entry) = self.entry(call)?;
                self.change(call.command, exist, &set, entry)
            }
            (Command::Test, _) => self.test(call),
            (Command::Destroy, None) => {
                self.known.clear();
                self.sets()?.destroy_all().map_err(complain)
            }
            (Command::Destroy, Some(name)) => {
                self.known.remove(&name);
                let sets = self.sets()?;
                match exist {
                    true => sets.destroy_if_present(name).map_err(complain),
                    false => sets.destroy(name).map_err(complain),
                }
            }
            (Command::Flush, None) => self.sets()?.flush_all().map_err(complain),
            (Command::Flush, Some(name)) => self.sets()?.flush(name).map_err(complain),
            (Command::Rename, Some(name)) => {
                self.known.clear();
                self.sets()?.rename(name, second()?).map_err(complain)
            }
            (Command::Swap, Some(name)) => {
                self.known.clear();
                self.sets()?.swap(name, second()?).map_err(complain)
            }
            (Command::List | Command::Save, _) => list::list(self.sets()?, call),
            (Command::Version, _) => {
                version();
                Ok(())
            }
            _ => Err(Complaint::usage("No command specified.")),
        }
    }

    fn create(&mut self, call: &Call) -> Result<(), Complaint> {
        let [name, type_name, rest @ ..] = &call.words[..] else {
            return Err(Complaint::usage("No command specified."));
        };
        set_name(name)?;
        let kind = str::from_utf8(type_name).ok();
        let kind: Option<AnyType> = kind.and_then(|it| it.parse().ok());
        let kind = kind.ok_or_else(|| {
            let behind = b"' is unknown";
            Complaint::new(said(b"Syntax error: typename '", type_name, behind))
        })?;
        let mut spelled = spelling::of_create(kind, rest)?;
        let mut line = vec![name.as_slice(), kind.name().as_bytes()];
        line.extend(spelled.words.iter().map(Vec::as_slice));
        let set = parsed(&line, |line| AnySet::parse_with(line, &System));
        // Errors in values take precedence over missing options.
        let set = match (set, spelled.flaw.take()) {
            (Err(complaint), _) | (Ok(_), Some(complaint)) => return Err(complaint),
            (Ok(set), None) => set,
        };
        let sets = self.sets()?;
        let result = match call.flags.exist {
            true => create_or_alike(sets, &set),
            // Uses the highest revision, as the tool does. Its listings show properties that only sets of
            // that revision report.
            false => sets.create_with(&set, Revision::Highest),
        };
        result.map_err(|error| {
            // An argument that needs a newer kernel counts before one that is wrong.
            let installed = sets.revisions(kind).map(|(_, most)| most);
            let outdated = installed.as_ref().ok();
            let outdated = outdated.and_then(|most| too_new(&set, &spelled.words, *most));
            match (outdated, error.is_unavailable()) {
                (Some(text), _) => Complaint::usage(text),
                (None, false) => Complaint::from_error(Command::Create, Some(kind.name()), &error),
                (None, true) if installed.is_ok() => Complaint::usage(error.reason()),
                (None, true) => Complaint::new("Kernel error received: set type not supported"),
            }
        })?;
        if let Some(warning) = spelled.warning().filter(|_| !call.flags.quiet) {
            let _ = io::stderr().write_all(&warning);
        }
        self.known.insert(*set.name(), set);
        Ok(())
    }

    /// Finds an existing set.
    pub fn known(&mut self, name: SetName, command: Command) -> Result<AnySet, Complaint> {
        if let Some(set) = self.known.get(&name) {
            return Ok(set.clone());
        }
        let sets = self.sets()?;
        // To add an entry, the full information is needed, because it says whether the set has counters.
        let info = match command {
            Command::Add => sets.info(name),
            _ => sets.header(name),
        };
        let info = info.map_err(|error| Complaint::from_error(command, None, &error))?;
        let set = info.set.ok_or_else(|| {
            Complaint::new(format!("the set has the unknown type {}", info.type_name))
        })?;
        if command == Command::Add {
            self.known.insert(name, set.clone());
        }
        Ok(set)
    }

    /// Returns the set and the entry of `add`, `del` or `test`.
    fn entry(&mut self, call: &Call) -> Result<(AnySet, AnyEntry), Complaint> {
        let [name, element, rest @ ..] = &call.words[..] else {
            return Err(Complaint::usage("No command specified."));
        };
        let set = self.known(set_name(name)?, call.command)?;
        let kind = *set.kind();
        let taken = |option: &OptionName| match (call.command, option.name) {
            (Command::Add, _) | (_, "before" | "after") => true,
            (command, name) => command == Command::Test && name == "nomatch",
        };
        let spelled = spelling::of_entry(rest, || kind.entry_options().filter(taken));
        let mut line = vec![element.as_slice()];
        line.extend(spelled.words.iter().map(Vec::as_slice));
        let entry = parsed(&line, |line| set.parse_entry_with(line, &System));
        // Errors in the element take precedence over errors in the options.
        match (entry, spelled.flaw) {
            (Err(complaint), _) | (Ok(_), Some(complaint)) => Err(complaint),
            (Ok(entry), None) => Ok((set, entry)),
        }
    }

    fn change(
        &mut self,
        command: Command,
        exist: bool,
        set: &AnySet,
        entry: AnyEntry,
    ) -> Result<(), Complaint> {
        let sets = self.sets()?;
        let result = match (command, exist) {
            (Command::Add, false) => sets.add(set, entry),
            (Command::Add, true) => sets.put(set, entry),
            (_, false) => sets.remove(set, entry),
            (_, true) => sets.remove_if_present(set, entry),
        };
        result.map_err(|error| Complaint::from_error(command, Some(set.type_name()), &error))
    }

    fn test(&mut self, call: &Call) -> Result<(), Complaint> {
        let (set, mut entry) = self.entry(call)?;
        let shown = entry.value_to_text();
        let element = tested(&set, &call.words[1])?;
        if element != call.words[1] {
            let mut call = call.clone();
            call.words[1] = element;
            entry = self.entry(&call)?.1;
        }
        let found = self
            .sets()?
            .test(&set, entry)
            .map_err(|error| Complaint::from_error(Command::Test, Some(set.type_name()), &error))?;
        if !found {
            let name = said(b" is NOT in set ", set.name().as_bytes(), b".");
            return Err(Complaint::bare(said(&shown, &name, b"")));
        }
        if !call.flags.quiet {
            let name = said(b" is in set ", set.name().as_bytes(), b".\n");
            let _ = io::stderr().write_all(&said(b"Warning: ", &shown, &name));
        }
        Ok(())
    }

    /// Adds or removes many entries.
    pub fn change_all(
        &mut self,
        command: Command,
        exist: bool,
        set: &AnySet,
        entries: impl Iterator<Item = AnyEntry>,
    ) -> Result<Outcome<AnyEntry>, Complaint> {
        let sets = self.sets()?;
        Ok(match (command, exist) {
            (Command::Add, false) => sets.add_all(set, entries, OnFailure::Stop),
            (Command::Add, true) => sets.put_all(set, entries, OnFailure::Stop),
            (_, false) => sets.remove_all(set, entries, OnFailure::Stop),
            (_, true) => sets.remove_all_if_present(set, entries, OnFailure::Stop),
        })
    }
}

/// Says in the tool's words which argument of `create` needs a newer revision than the kernel has.
fn too_new(set: &AnySet, words: &[Vec<u8>], installed: u8) -> Option<String> {
    let given = set.options();
    words.iter().find_map(|word| {
        let mut alone = set.clone();
        let options = alone.options_mut();
        *options = CreateOptions::default();
        match &word[..] {
            b"initval" => options.initval = given.initval,
            b"bucketsize" => options.bucketsize = given.bucketsize,
            b"netmask" => options.netmask = given.netmask,
            b"bitmask" => options.bitmask = given.bitmask,
            _ => return None,
        }
        let (needed, argument) = (alone.lowest_revision(), String::from_utf8_lossy(word));
        (needed > installed).then(|| {
            let kind = set.type_name();
            format!(
                "Argument `{argument}' is supported in the kernel module of the set type {kind} starting from \
                 the revision {needed} and you have installed revision {installed} only. Your kernel is behind \
                 your ipset utility."
            )
        })
    })
}

/// Creates a set unless an equal one exists. Like the kernel, it ignores differences in family and
/// forceadd, which the crate would report.
fn create_or_alike(sets: &mut IpSets, set: &AnySet) -> ipvset::Result<()> {
    let error = match sets.create_with(set, Revision::Highest) {
        Err(error) if error.is_already_exists() => error,
        result => return result,
    };
    let there = sets.info(set.name())?.set.ok_or(error)?;
    let mut alike = set.clone();
    let (options, others) = (alike.options_mut(), there.options());
    (options.family, options.forceadd) = (others.family, others.forceadd);
    sets.create_if_absent(&alike).map(drop)
}

/// Parses words as a line of the crate's text.
fn parsed<T>(
    words: &[&[u8]],
    parse: impl FnOnce(&[u8]) -> ipvset::Result<T>,
) -> Result<T, Complaint> {
    parse(&spelling::line(words)?).map_err(|error| Complaint::syntax(&error))
}

pub fn set_name(name: &[u8]) -> Result<SetName, Complaint> {
    if name.len() > SetName::MAX_LENGTH {
        let behind = format!("' is longer than {} characters", SetName::MAX_LENGTH);
        let text = said(b"Syntax error: setname '", name, behind.as_bytes());
        return Err(Complaint::new(text));
    }
    SetName::existing(name).map_err(|error| Complaint::syntax(&error))
}
