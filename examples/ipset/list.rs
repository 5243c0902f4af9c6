//! The commands `list` and `save`: prints sets and entries.

use std::io::{BufWriter, IntoInnerError, Write};

use ipvset::ipset::text::{OptionText, Writer};
use ipvset::ipset::{AnyEntry, AnySet, IpSets, SetInfo, SetName, SetOrEntry};

use crate::arguments::{Call, Command, Flags, Mode};
use crate::complaint::{Complaint, said};
use crate::json;
use crate::output::Output;
use crate::session::set_name;
use crate::sort::sort;
use crate::xml;

pub fn list(sets: &mut IpSets, call: &Call) -> Result<(), Complaint> {
    let flags = &call.flags;
    let mode = flags.mode.unwrap_or(match call.command {
        Command::Save => Mode::Save,
        _ => Mode::Plain,
    });
    let mut listing = Listing {
        out: BufWriter::with_capacity(1 << 16, Output::open(flags.file.as_deref())?),
        mode,
        sorted: flags.sorted,
        quiet: flags.quiet,
        terse: flags.terse || flags.names,
        first: true,
        missing: 0,
        open: None,
        lines: Vec::new(),
        buffer: Vec::new(),
    };
    let name = call.words.first().map(Vec::as_slice);
    print(sets, name, flags, &mut listing)?;
    let missing = listing.missing;
    let output = listing
        .out
        .into_inner()
        .map_err(IntoInnerError::into_error)?;
    output.finish()?;
    match missing {
        0 => Ok(()),
        _ => Err(Complaint::new(format!(
            "{missing} sets or entries are missing, everything else was written"
        ))),
    }
}

fn print(
    sets: &mut IpSets,
    name: Option<&[u8]>,
    flags: &Flags,
    listing: &mut Listing,
) -> Result<(), Complaint> {
    let complain = |error: ipvset::Error| Complaint::from_error(Command::List, None, &error);
    let terse = listing.terse && listing.mode != Mode::Save;
    // Reports a missing set before anything is printed.
    let one = match name {
        None => None,
        Some(name) => Some(sets.header(set_name(name)?).map_err(complain)?),
    };
    listing.begin()?;
    match one {
        _ if flags.names && terse => {
            let names = match one {
                Some(info) => vec![info.name],
                None => sets.names().map_err(complain)?,
            };
            for name in &names {
                listing.name(name)?;
            }
        }
        Some(info) if terse => listing.set(&sets.info(info.name).map_err(complain)?)?,
        None if terse => {
            for info in sets.info_all().map_err(complain)? {
                listing.set(&info)?;
            }
        }
        Some(info) => match &info.set {
            None => listing.set(&info)?,
            Some(set) => {
                let entries = sets.list(set).map_err(complain)?;
                listing.set(entries.info())?;
                for entry in entries {
                    listing.entry(&entry.map_err(complain)?)?;
                }
            }
        },
        None => {
            for item in sets.list_all().map_err(complain)? {
                match item.map_err(complain)? {
                    SetOrEntry::Set(info) => listing.set(&info)?,
                    SetOrEntry::Entry(entry) => listing.entry(&entry)?,
                    _ => {}
                }
            }
        }
    }
    listing.end()
}

/// The set whose entries are being printed.
struct Open {
    name: SetName,
    /// Whether to sort the entries. The order in a `list:set` has a meaning and stays.
    sorted: bool,
    /// Whether no entry has been printed yet.
    first: bool,
}

struct Listing {
    out: BufWriter<Output>,
    mode: Mode,
    sorted: bool,
    quiet: bool,
    terse: bool,
    /// Whether no set has been printed yet.
    first: bool,
    /// The number of sets and entries that could not be printed.
    missing: u64,
    /// `None` while skipping the entries of a set that could not be printed.
    open: Option<Open>,
    /// The entries of the open set that are still to be sorted.
    lines: Vec<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Listing {
    fn begin(&mut self) -> Result<(), Complaint> {
        match self.mode {
            Mode::Xml => writeln!(self.out, "<ipsets>")?,
            Mode::Json => write!(self.out, "[")?,
            Mode::Plain | Mode::Save => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Complaint> {
        self.close()?;
        match self.mode {
            Mode::Xml => writeln!(self.out, "</ipsets>")?,
            Mode::Json => writeln!(self.out, "\n]")?,
            Mode::Plain | Mode::Save => {}
        }
        Ok(())
    }

    /// Reports a set or an entry that cannot be printed. The listing goes on.
    fn missing(&mut self, why: impl Into<Vec<u8>>) {
        self.missing += 1;
        if !self.quiet {
            Complaint::new(why).print();
        }
    }

    fn name(&mut self, name: &SetName) -> Result<(), Complaint> {
        match self.mode {
            Mode::Xml => {
                self.out.write_all(b"<ipset name=\"")?;
                self.out.write_all(&xml::escaped(name.as_bytes()))?;
                self.out.write_all(b"\"/>\n")?;
            }
            Mode::Json => {
                self.separate()?;
                let name = json::string(name.as_bytes());
                write!(self.out, "  {{\n    \"name\" : {name}\n  }}")?;
            }
            Mode::Plain | Mode::Save => {
                self.out.write_all(name.as_bytes())?;
                self.out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Writes the separator before a set in JSON.
    fn separate(&mut self) -> Result<(), Complaint> {
        let first = std::mem::replace(&mut self.first, false);
        write!(self.out, "{}", if first { "\n" } else { ",\n" })?;
        Ok(())
    }

    fn set(&mut self, info: &SetInfo) -> Result<(), Complaint> {
        self.close()?;
        let Some(set) = &info.set else {
            let why = format!(" is missing: it has the unknown type {}", info.type_name);
            self.missing(said(b"The set ", info.name.as_bytes(), why.as_bytes()));
            return Ok(());
        };
        if !self.header(info, set)? {
            return Ok(());
        }
        let ordered = set.kind().entry_options().any(|it| it.name == "before");
        self.open = Some(Open {
            name: info.name,
            sorted: self.sorted && !ordered,
            first: true,
        });
        Ok(())
    }

    /// Writes the text before the entries. Returns false if a line cannot hold it.
    fn header(&mut self, info: &SetInfo, set: &AnySet) -> Result<bool, Complaint> {
        let options: Vec<_> = set.option_texts().collect();
        match self.mode {
            Mode::Save => {
                self.buffer.clear();
                if let Err(error) = Writer::new(&mut self.buffer).create(set) {
                    let why = format!(" is missing with its entries: {}", error.reason());
                    self.missing(said(b"The set ", info.name.as_bytes(), why.as_bytes()));
                    return Ok(false);
                }
                self.out.write_all(&self.buffer)?;
            }
            Mode::Plain => {
                if !self.first {
                    writeln!(self.out)?;
                }
                self.out.write_all(b"Name: ")?;
                self.out.write_all(info.name.as_bytes())?;
                writeln!(self.out, "\nType: {}", info.type_name)?;
                writeln!(self.out, "Revision: {}", info.revision)?;
                write!(self.out, "Header:")?;
                for OptionText { name, value, .. } in &options {
                    write!(self.out, " {name}")?;
                    if let Some(value) = value {
                        write!(self.out, " {value}")?;
                    }
                }
                writeln!(self.out, "\nSize in memory: {}", info.memory)?;
                writeln!(self.out, "References: {}", info.references)?;
                if let Some(entries) = info.entries {
                    writeln!(self.out, "Number of entries: {entries}")?;
                }
                if !self.terse {
                    writeln!(self.out, "Members:")?;
                }
            }
            Mode::Xml => {
                self.out.write_all(b"<ipset name=\"")?;
                self.out.write_all(&xml::escaped(info.name.as_bytes()))?;
                writeln!(self.out, "\">\n<type>{}</type>", info.type_name)?;
                writeln!(self.out, "<revision>{}</revision>", info.revision)?;
                write!(self.out, "<header>")?;
                self.out.write_all(&xml::tags(&options))?;
                writeln!(self.out, "\n<memsize>{}</memsize>", info.memory)?;
                writeln!(self.out, "<references>{}</references>", info.references)?;
                if let Some(entries) = info.entries {
                    writeln!(self.out, "<numentries>{entries}</numentries>")?;
                }
                writeln!(self.out, "</header>")?;
                if !self.terse {
                    writeln!(self.out, "<members>")?;
                }
            }
            Mode::Json => {
                self.separate()?;
                write!(self.out, "{}", json::header(info, &options))?;
                if !self.terse {
                    write!(self.out, ",\n    \"members\" : [")?;
                }
            }
        }
        self.first = false;
        Ok(true)
    }

    fn entry(&mut self, entry: &AnyEntry) -> Result<(), Complaint> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let buffer = &mut self.buffer;
        buffer.clear();
        match self.mode {
            Mode::Plain => {
                buffer.extend(entry.to_text());
                buffer.push(b'\n');
            }
            Mode::Xml => xml::member(entry, buffer),
            Mode::Json => buffer.extend(json::member(entry).as_bytes()),
            Mode::Save => {
                if let Err(error) = Writer::new(&mut *buffer).add(&open.name, entry) {
                    let set = open.name;
                    let why = format!(": the entry {entry} is missing: {}", error.reason());
                    self.missing(said(b"The set ", set.as_bytes(), why.as_bytes()));
                    return Ok(());
                }
                buffer.drain(..add(&open.name).len());
            }
        }
        if open.sorted {
            self.lines.push(std::mem::take(buffer));
            return Ok(());
        }
        write_entry(&mut self.out, self.mode, open, buffer)?;
        Ok(())
    }

    /// Ends the open set.
    fn close(&mut self) -> Result<(), Complaint> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let lines = std::mem::take(&mut self.lines);
        for line in sort(&lines) {
            write_entry(&mut self.out, self.mode, &mut open, line)?;
        }
        match self.mode {
            Mode::Xml if self.terse => writeln!(self.out, "</ipset>")?,
            Mode::Xml => writeln!(self.out, "</members>\n</ipset>")?,
            Mode::Json if self.terse => write!(self.out, "\n  }}")?,
            Mode::Json => write!(self.out, "\n    ]\n  }}")?,
            Mode::Plain | Mode::Save => {}
        }
        Ok(())
    }
}

/// Writes an entry. `text` starts with its element.
fn write_entry(
    out: &mut impl Write,
    mode: Mode,
    open: &mut Open,
    text: &[u8],
) -> std::io::Result<()> {
    let first = std::mem::replace(&mut open.first, false);
    match mode {
        Mode::Plain => {}
        Mode::Save => out.write_all(&add(&open.name))?,
        Mode::Xml => out.write_all(b"<member><elem>")?,
        Mode::Json => {
            let before = if first { "\n" } else { ",\n" };
            write!(out, "{before}      {{\n        \"elem\" : \"")?;
        }
    }
    out.write_all(text)
}

/// The text that `save` writes before an element.
fn add(name: &SetName) -> Vec<u8> {
    let name = name.as_bytes();
    match name.iter().any(u8::is_ascii_whitespace) {
        true => said(b"add \"", name, b"\" "),
        false => said(b"add ", name, b" "),
    }
}
