//! Prints sets and entries.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use ipvset::ipset::text::{OptionText, Writer};
use ipvset::ipset::{AnyEntry, IpSets, Item, SetInfo, SetName};

use crate::arguments::{Call, Command, Flags, Mode};
use crate::complaint::Complaint;
use crate::session::set_name;
use crate::sort::sort;

pub fn list(sets: &mut IpSets, call: &Call) -> Result<(), Complaint> {
    let flags = &call.flags;
    let out: Box<dyn Write> = match &flags.file {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(File::create(path).map_err(|error| {
            let error = error.to_string();
            let error = error.split(" (os error").next().unwrap_or_default();
            Complaint::new(format!("Cannot open {path} for writing: {error}"))
        })?),
    };
    let mode = flags.mode.unwrap_or(match call.command {
        Command::Save => Mode::Save,
        _ => Mode::Plain,
    });
    let mut listing = Listing {
        out: BufWriter::with_capacity(1 << 16, out),
        mode,
        sorted: flags.sorted,
        first: true,
        open: None,
        lines: Vec::new(),
        buffer: Vec::new(),
        terse: flags.terse || flags.names,
    };
    let name = call.words.first().map(String::as_str);
    let result = print(sets, name, flags, &mut listing);
    let flushed = listing.out.flush();
    result?;
    match flushed {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        flushed => Ok(flushed?),
    }
}

fn print(
    sets: &mut IpSets,
    name: Option<&str>,
    flags: &Flags,
    listing: &mut Listing<impl Write>,
) -> Result<(), Complaint> {
    let complain = |error: ipvset::Error| Complaint::from_error(Command::List, None, &error);
    let terse = listing.terse && listing.mode != Mode::Save;
    // What is missing is to be said before anything is printed.
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
            for info in sets.infos().map_err(complain)? {
                listing.set(&info)?;
            }
        }
        Some(info) => {
            let set = info.set.ok_or_else(|| unknown_type(&info.type_name))?;
            let entries = sets.list(&set).map_err(complain)?;
            listing.set(entries.info())?;
            for entry in entries {
                listing.entry(&entry.map_err(complain)?)?;
            }
        }
        None => {
            for item in sets.list_all().map_err(complain)? {
                match item.map_err(complain)? {
                    Item::Set(info) => listing.set(&info)?,
                    Item::Entry(entry) => listing.entry(&entry)?,
                    _ => {}
                }
            }
        }
    }
    listing.end()
}

fn unknown_type(type_name: &str) -> Complaint {
    Complaint::new(format!("the set has the unknown type {type_name}"))
}

/// The set whose entries are being printed.
struct Open {
    name: SetName,
    /// To be sorted; where the order means something it stays.
    sorted: bool,
}

struct Listing<W: Write> {
    out: BufWriter<W>,
    mode: Mode,
    sorted: bool,
    terse: bool,
    /// No set was printed yet.
    first: bool,
    open: Option<Open>,
    /// The entries to be sorted.
    lines: Vec<String>,
    buffer: Vec<u8>,
}

impl<W: Write> Listing<W> {
    fn begin(&mut self) -> Result<(), Complaint> {
        if self.mode == Mode::Xml {
            writeln!(self.out, "<ipsets>")?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Complaint> {
        self.close()?;
        if self.mode == Mode::Xml {
            writeln!(self.out, "</ipsets>")?;
        }
        Ok(())
    }

    fn name(&mut self, name: &SetName) -> Result<(), Complaint> {
        match self.mode {
            Mode::Xml => writeln!(self.out, "<ipset name=\"{}\"/>", escaped(&name.as_str()))?,
            _ => writeln!(self.out, "{name}")?,
        }
        Ok(())
    }

    fn set(&mut self, info: &SetInfo) -> Result<(), Complaint> {
        self.close()?;
        let set = info
            .set
            .as_ref()
            .ok_or_else(|| unknown_type(&info.type_name))?;
        let ordered = set.kind().entry_options().any(|it| it.name == "before");
        self.open = Some(Open {
            name: info.name,
            sorted: self.sorted && !ordered,
        });
        let options: Vec<_> = set.option_texts().collect();
        match self.mode {
            Mode::Save => Writer::new(&mut self.out)
                .create(set)
                .map_err(|error| Complaint::new(error.to_string()))?,
            Mode::Plain => {
                if !self.first {
                    writeln!(self.out)?;
                }
                writeln!(self.out, "Name: {}", info.name)?;
                writeln!(self.out, "Type: {}", info.type_name)?;
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
                let name = info.name.as_str();
                writeln!(self.out, "<ipset name=\"{}\">", escaped(&name))?;
                writeln!(self.out, "<type>{}</type>", info.type_name)?;
                writeln!(self.out, "<revision>{}</revision>", info.revision)?;
                write!(self.out, "<header>")?;
                write!(self.out, "{}", tags(&options))?;
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
        }
        self.first = false;
        Ok(())
    }

    fn entry(&mut self, entry: &AnyEntry) -> Result<(), Complaint> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        if open.sorted {
            self.lines.push(match self.mode {
                Mode::Xml => format!("{}\n", member(entry)),
                _ => format!("{entry}\n"),
            });
        }
        // Sorted entries of `save` are written for the sake of the check.
        match self.mode {
            Mode::Save => {
                self.buffer.clear();
                Writer::new(&mut self.buffer)
                    .add(&open.name, entry)
                    .map_err(|error| Complaint::new(error.to_string()))?;
                if !open.sorted {
                    self.out.write_all(&self.buffer)?;
                }
            }
            _ if open.sorted => {}
            Mode::Plain => writeln!(self.out, "{entry}")?,
            Mode::Xml => writeln!(self.out, "<member><elem>{}</member>", member(entry))?,
        }
        Ok(())
    }

    /// Ends the set.
    fn close(&mut self) -> Result<(), Complaint> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let lines = std::mem::take(&mut self.lines);
        let name = quoted(&open.name);
        for line in sort(&lines) {
            match self.mode {
                Mode::Plain => write!(self.out, "{line}")?,
                Mode::Save => write!(self.out, "add {name} {line}")?,
                Mode::Xml => {
                    writeln!(
                        self.out,
                        "<member><elem>{}</member>",
                        line.trim_end_matches('\n')
                    )?;
                }
            }
        }
        if self.mode == Mode::Xml {
            if !self.terse {
                writeln!(self.out, "</members>")?;
            }
            writeln!(self.out, "</ipset>")?;
        }
        Ok(())
    }
}

/// As `save` writes a name.
fn quoted(name: &SetName) -> String {
    let name = name.as_str();
    match name.contains(char::is_whitespace) {
        true => format!("\"{name}\""),
        false => name.into_owned(),
    }
}

/// An element and its options, from behind `<elem>` on, so that lines begin with what they are
/// sorted by.
fn member(entry: &AnyEntry) -> String {
    let element = entry.value().to_string();
    format!(
        "{}</elem>{}",
        escaped(&element),
        tags(&entry.option_texts())
    )
}

fn tags(options: &[OptionText]) -> String {
    let mut tags = String::new();
    for OptionText { name, value, .. } in options {
        tags += &match value {
            Some(value) => format!("<{name}>{}</{name}>", escaped(value)),
            None => format!("<{name}/>"),
        };
    }
    tags
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
