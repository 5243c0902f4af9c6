//! Translates old spellings of options to the current ones, and joins words to a line of the crate's
//! text.

use ipvset::ipset::text::OptionName;
use ipvset::ipset::types::AnyType;

use crate::arguments::Word;
use crate::complaint::{Complaint, said};
use crate::range::Range;

/// Options in the current spelling, up to the first that the tool refuses.
#[derive(Debug, Default)]
pub struct Spelled {
    pub words: Vec<Word>,
    /// The error that ended the words. Errors in the words' values take precedence.
    pub flaw: Option<Complaint>,
    /// Obsolete options without effect, with their values.
    ignored: Vec<(&'static str, Word)>,
}

impl Spelled {
    /// Returns the warning about obsolete options that the tool prints after it has created the set.
    pub fn warning(&self) -> Option<Vec<u8>> {
        let mut text = b"Warning: ".to_vec();
        for (name, value) in &self.ignored {
            let before = format!("Option '--{name} ");
            let behind = b"' is ignored. Please upgrade your syntax.\n";
            text.extend(said(before.as_bytes(), value, behind));
        }
        (!self.ignored.is_empty()).then_some(text)
    }

    /// Adds a flag once, even if it is given several times. Adds `-4` and `-6` each time, so that a
    /// second family is refused.
    fn flag(&mut self, name: &str) {
        if name.starts_with('-') || !self.words.iter().any(|word| word == name.as_bytes()) {
            self.words.push(name.into());
        }
    }

    fn ignore(&mut self, name: &'static str, value: &[u8]) {
        if !self.ignored.iter().any(|(known, _)| *known == name) {
            self.ignored.push((name, value.to_owned()));
        }
    }
}

/// The obsolete options that a type still accepts and ignores.
fn ignored(kind: AnyType) -> &'static [&'static str] {
    match kind.name() {
        "hash:ip" => &["gc", "probes", "resize"],
        "hash:net" => &["probes", "resize"],
        "hash:ip,mark" | "hash:ip,port" | "hash:ip,port,ip" | "hash:ip,port,net" => {
            &["probes", "resize", "network", "from", "to"]
        }
        _ => &[],
    }
}

/// Translates the words after the type of `create` to the current spelling.
///
/// # Errors
/// Fails for an unknown option, an option without its value, and an unknown family. The tool checks
/// these before other values.
pub fn of_create(kind: AnyType, words: &[Word]) -> Result<Spelled, Complaint> {
    let has = |name| kind.create_options().any(|option| option.name == name);
    let mut spelled = Spelled::default();
    let ports = kind.name() == "bitmap:port";
    let mut range = has("range").then(Range::default);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = without_dashes(word);
        match &mut range {
            Some(range) if Range::NAMES.contains(&name) && !(ports && name == b"network") => {
                let value = value(name, &mut words)?;
                let taken = range.take(name, value, ports);
                spelled.flaw = spelled.flaw.or(taken.err());
            }
            _ => create_option(kind, word, &mut words, &mut spelled)?,
        }
    }
    if let Some(range) = range {
        range.finish(&mut spelled, if ports { "0-1" } else { "0.0.0.0/31" });
    }
    Ok(spelled)
}

fn create_option<'a>(
    kind: AnyType,
    word: &Word,
    words: &mut impl Iterator<Item = &'a Word>,
    spelled: &mut Spelled,
) -> Result<(), Complaint> {
    let name = without_dashes(word);
    if let Some(name) = ignored(kind).iter().find(|it| it.as_bytes() == name) {
        let value = value(name.as_bytes(), words)?;
        // The tool treats these two as one option.
        let name = if *name == "network" { "from" } else { name };
        spelled.ignore(name, value);
        return Ok(());
    }
    let start = spelled.words.len();
    option(word, words, spelled, kind.create_options())?;
    match name {
        b"family" | b"-4" | b"-6" => check_family(spelled, start),
        _ => Ok(()),
    }
}

/// Checks the family, whose words begin at `start`. The tool checks it before the values of other
/// options.
fn check_family(spelled: &Spelled, start: usize) -> Result<(), Complaint> {
    const OPTIONS: [&[u8]; 3] = [b"family", b"-4", b"-6"];
    const FAMILIES: [&[u8]; 6] = [b"inet", b"inet6", b"ipv4", b"ipv6", b"-4", b"-6"];
    let (before, given) = spelled.words.split_at(start);
    if before.iter().any(|word| OPTIONS.contains(&word.as_slice())) {
        let text = said(b"Syntax error: ", &given[0], b" already specified");
        return Err(Complaint::new(text));
    }
    match given.get(1) {
        Some(family) if !FAMILIES.contains(&family.as_slice()) => {
            let before = b"Syntax error: unknown inet family ";
            Err(Complaint::new(said(before, family, b"")))
        }
        _ => Ok(()),
    }
}

/// Translates the words after the element of an entry to the current spelling. `options` are those
/// that the command accepts.
pub fn of_entry<I: Iterator<Item = OptionName>>(
    words: &[Word],
    options: impl Fn() -> I,
) -> Spelled {
    let mut spelled = Spelled::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Err(flaw) = option(word, &mut words, &mut spelled, options()) {
            spelled.flaw = Some(flaw);
            break;
        }
    }
    spelled
}

/// Reads an option, with or without leading dashes, and its value.
fn option<'a>(
    word: &Word,
    words: &mut impl Iterator<Item = &'a Word>,
    spelled: &mut Spelled,
    mut options: impl Iterator<Item = OptionName>,
) -> Result<(), Complaint> {
    let name = without_dashes(word);
    let Some(option) = options.find(|option| option.name.as_bytes() == name) else {
        return Err(Complaint::usage(said(b"Unknown argument: `", word, b"'")));
    };
    if !option.has_value {
        spelled.flag(option.name);
        return Ok(());
    }
    let value = value(name, words)?;
    spelled.words.extend([name.to_owned(), value.clone()]);
    Ok(())
}

fn value<'a>(
    name: &[u8],
    words: &mut impl Iterator<Item = &'a Word>,
) -> Result<&'a Word, Complaint> {
    let missing = || {
        let before = b"Missing mandatory argument of option `";
        Complaint::usage(said(before, name, b"'"))
    };
    words.next().ok_or_else(missing)
}

fn without_dashes(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"--").unwrap_or(word)
}

/// Joins words to a line that splits into the same words again.
pub fn line(words: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, Complaint> {
    let mut line = Vec::new();
    for word in words {
        let word = word.as_ref();
        if word.contains(&b'"') {
            return Err(Complaint::new(
                "Syntax error: \" character is not permitted in comments",
            ));
        }
        if !line.is_empty() {
            line.push(b' ');
        }
        let plain = |byte: &u8| !byte.is_ascii_whitespace();
        match !word.is_empty() && word.iter().all(plain) {
            true => line.extend(word),
            false => line.extend([b"\"", word, b"\""].concat()),
        }
    }
    Ok(line)
}
