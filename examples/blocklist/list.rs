//! The files and what they say.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use ipvset::Family;
use ipvset::ipnet::IpNet;
use ipvset::ipset::elements::Addresses;
use ipvset::ipset::plan::{merge, networks};
use ipvset::ipset::text::AddressLines;

use crate::arguments::Arguments;
use crate::{Result, say};

/// The files, which are read again and again.
pub(crate) struct Files {
    names: Vec<OsString>,
    aggregate: bool,
    /// What standard input said, which can be read only once.
    input: Option<Vec<u8>>,
}

impl Files {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            names: arguments.files.clone(),
            aggregate: arguments.aggregate,
            input: None,
        }
    }

    /// Reads all files.
    pub(crate) fn read(&mut self) -> Result<List> {
        let mut list = List::default();
        for name in &self.names {
            let shown = name.to_string_lossy();
            let wrong = |error: &dyn std::error::Error| format!("{shown}: {error}");
            if name != "-" {
                let file = File::open(name).map_err(|error| wrong(&error))?;
                list.add(&shown, BufReader::new(file))
            } else {
                if self.input.is_none() {
                    let mut text = Vec::new();
                    let read = io::stdin().read_to_end(&mut text);
                    read.map_err(|error| wrong(&error))?;
                    self.input = Some(text);
                }
                list.add(&shown, self.input.as_deref().unwrap_or_default())
            }
            .map_err(|error| wrong(&error))?;
        }
        if list.count() == 0 && !list.bad.is_empty() {
            list.report();
            return Err("no line of the lists can be read".into());
        }
        if self.aggregate {
            list.aggregate();
        }
        Ok(list)
    }
}

/// What all files say together.
#[derive(Default)]
pub(crate) struct List {
    v4: Vec<Addresses>,
    v6: Vec<Addresses>,
    /// What is wrong with each bad line.
    pub(crate) bad: Vec<String>,
}

impl List {
    fn add(&mut self, name: &str, input: impl BufRead) -> ipvset::Result<()> {
        let mut lines = AddressLines::new(input);
        while let Some(line) = lines.next() {
            match line {
                Ok(addresses) if addresses.network().is_some_and(|it| it.prefix_len() == 0) => {
                    let why = "no set of networks contains the network of all addresses";
                    let line = lines.line_number();
                    self.bad
                        .push(format!("{name}: line {line}: {addresses}: {why}"));
                }
                Ok(addresses) if addresses.family() == Family::Ipv4 => self.v4.push(addresses),
                Ok(addresses) => self.v6.push(addresses),
                Err(error) if error.is_invalid_input() => self.bad.push(format!("{name}: {error}")),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Merges what overlaps or is adjacent into the fewest networks.
    fn aggregate(&mut self) {
        for addresses in [&mut self.v4, &mut self.v6] {
            let mut all: Vec<IpNet> = addresses.iter().filter_map(Addresses::network).collect();
            for it in addresses.iter() {
                if let Addresses::Range(range) = it {
                    all.extend(networks(range.first().into(), range.last().into()));
                }
            }
            all.sort_unstable();
            let merged = merge(all, []).flat_map(halves_of_all);
            *addresses = merged.map(Addresses::from).collect();
        }
    }

    fn count(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Returns the addresses of a family.
    pub(crate) fn of(&self, family: Family) -> impl Iterator<Item = Addresses> {
        let addresses = match family {
            Family::Ipv4 => &self.v4,
            Family::Ipv6 => &self.v6,
        };
        addresses.iter().copied()
    }

    /// Reports the bad lines.
    pub(crate) fn report(&self) {
        for line in &self.bad {
            say(format_args!("{line}"));
        }
    }

    /// Returns one line of what was done or is to be done.
    pub(crate) fn line(&self, sets: impl IntoIterator<Item = String>) -> String {
        let bad = match self.bad.len() {
            0 => None,
            1 => Some("1 bad line".to_owned()),
            count => Some(format!("{count} bad lines")),
        };
        let parts: Vec<_> = sets.into_iter().chain(bad).collect();
        parts.join("; ")
    }
}

/// Returns the network, or the halves of the network of all addresses, which no set of networks
/// contains.
fn halves_of_all(network: IpNet) -> impl Iterator<Item = IpNet> {
    let halves = match network.prefix_len() {
        0 => network.subnets(1).ok(),
        _ => None,
    };
    let whole = halves.is_none().then_some(network);
    whole.into_iter().chain(halves.into_iter().flatten())
}
