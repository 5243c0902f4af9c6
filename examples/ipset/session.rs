//! Carries out commands.

use std::collections::HashMap;

use ipvset::ipset::text::OptionName;
use ipvset::ipset::{AnyEntry, AnySet, AnyType, Bulk, IpSets, Outcome, Revision, SetName};

use crate::arguments::{Call, Command};
use crate::complaint::Complaint;
use crate::spelling;
use crate::system::System;
use crate::{list, version};

pub struct Session {
    sets: Option<IpSets>,
    /// The sets that entries were added to or removed from, so that the kernel is asked once.
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

    /// Every command but those that read others.
    pub fn run(&mut self, call: &Call) -> Result<(), Complaint> {
        let words = &call.words;
        let exist = call.flags.exist;
        let first = words.first().map(|name| set_name(name)).transpose()?;
        let second = || set_name(words.get(1).map_or("", String::as_str));
        let complain = |error: ipvset::Error| Complaint::from_error(call.command, None, &error);
        match (call.command, first) {
            (Command::Create, _) => self.create(words, exist),
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

    fn create(&mut self, words: &[String], exist: bool) -> Result<(), Complaint> {
        let [name, type_name, rest @ ..] = words else {
            return Err(Complaint::usage("No command specified."));
        };
        let kind: AnyType = type_name.parse().map_err(|_| {
            Complaint::new(format!("Syntax error: typename '{type_name}' is unknown"))
        })?;
        let options = spelling::of_create(kind, rest)?;
        spelling::check(&options, || kind.create_options())?;
        let mut line = vec![name.as_str(), kind.name()];
        line.extend(options.iter().map(String::as_str));
        let set = AnySet::parse_with(&spelling::line(&line)?, &System)
            .map_err(|error| Complaint::syntax(&error))?;
        let sets = self.sets()?;
        let result = match exist {
            true => create_or_alike(sets, &set),
            // As the tool, whose listings show what only a set of the highest revision tells.
            false => sets.create_with(&set, Revision::Highest),
        };
        result.map_err(|error| {
            if !error.is_unavailable() {
                return Complaint::from_error(Command::Create, Some(kind.name()), &error);
            }
            // If the kernel has the type, it is older than what the options need.
            match sets.revisions(kind) {
                Ok(_) => Complaint::usage(error.reason()),
                Err(_) => Complaint::new("Kernel error received: set type not supported"),
            }
        })?;
        self.known.insert(*set.name(), set);
        Ok(())
    }

    /// A set that exists.
    pub fn known(&mut self, name: SetName, command: Command) -> Result<AnySet, Complaint> {
        if let Some(set) = self.known.get(&name) {
            return Ok(set.clone());
        }
        let sets = self.sets()?;
        // Whether a set has counters matters to what is added.
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

    /// The set and the entry of `add`, `del` or `test`.
    fn entry(&mut self, call: &Call) -> Result<(AnySet, AnyEntry), Complaint> {
        let [name, element, rest @ ..] = &call.words[..] else {
            return Err(Complaint::usage("No command specified."));
        };
        let set = self.known(set_name(name)?, call.command)?;
        let kind = *set.kind();
        let options = spelling::of_entry(kind, rest);
        let taken = |option: &OptionName| match (call.command, option.name) {
            (Command::Add, _) | (_, "before" | "after") => true,
            (command, name) => command == Command::Test && name == "nomatch",
        };
        spelling::check(&options, || kind.entry_options().filter(taken))?;
        let mut line = vec![element.as_str()];
        line.extend(options.iter().map(String::as_str));
        let entry = set
            .parse_entry_with(&spelling::line(&line)?, &System)
            .map_err(|error| Complaint::syntax(&error))?;
        Ok((set, entry))
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
            (Command::Add, true) => sets.add_or_update(set, entry),
            (_, false) => sets.remove(set, entry),
            (_, true) => sets.remove_if_present(set, entry),
        };
        result.map_err(|error| Complaint::from_error(command, Some(set.type_name()), &error))
    }

    fn test(&mut self, call: &Call) -> Result<(), Complaint> {
        let (set, entry) = self.entry(call)?;
        let text = entry.value().to_string();
        let found = self
            .sets()?
            .test(&set, entry)
            .map_err(|error| Complaint::from_error(Command::Test, Some(set.type_name()), &error))?;
        if !found {
            return Err(Complaint::bare(format!(
                "{text} is NOT in set {}.",
                set.name()
            )));
        }
        if !call.flags.quiet {
            eprintln!("Warning: {text} is in set {}.", set.name());
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
    ) -> Result<Outcome<AnyType>, Complaint> {
        let how = match exist {
            true => Bulk::new().tolerant(),
            false => Bulk::new(),
        };
        let sets = self.sets()?;
        Ok(match command {
            Command::Add => sets.add_all_with(set, entries, how),
            _ => sets.remove_all_with(set, entries, how),
        })
    }
}

/// Creates a set, unless there is one that the kernel takes for the same: the crate looks at the
/// family and at forceadd too.
fn create_or_alike(sets: &mut IpSets, set: &AnySet) -> ipvset::Result<()> {
    let error = match sets.create_with(set, Revision::Highest) {
        Err(error) if error.already_exists() => error,
        result => return result,
    };
    let there = sets.info(set.name())?.set.ok_or(error)?;
    let mut alike = set.clone();
    let (options, others) = (alike.options_mut(), there.options());
    (options.family, options.forceadd) = (others.family, others.forceadd);
    sets.create_or_same(&alike).map(drop)
}

pub fn set_name(name: &str) -> Result<SetName, Complaint> {
    if name.len() > SetName::MAX_LENGTH {
        return Err(Complaint::new(format!(
            "Syntax error: setname '{name}' is longer than {} characters",
            SetName::MAX_LENGTH
        )));
    }
    SetName::existing(name).map_err(|error| Complaint::syntax(&error))
}
