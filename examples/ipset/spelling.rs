//! Old spellings of options, put into today's; and words into a line of the crate's text.

use ipvset::ipset::AnyType;
use ipvset::ipset::text::OptionName;

use crate::complaint::Complaint;

/// Brings the words behind the type of `create` into today's spelling.
pub fn of_create(kind: AnyType, words: &[String]) -> Result<Vec<String>, Complaint> {
    let mut new = Vec::new();
    let mut warning = "Warning: ";
    let bitmap = kind.create_options().any(|option| option.name == "range");
    let hash = kind
        .create_options()
        .any(|option| option.name == "hashsize");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = without_dashes(word);
        let mut value = || {
            let missing = format!("Missing mandatory argument of option `{name}'");
            words.next().ok_or_else(|| Complaint::usage(missing))
        };
        match name {
            "network" if bitmap => new.extend(["range".to_owned(), value()?.clone()]),
            "from" if bitmap => {
                let first = value()?;
                let to = words.next().map(|word| without_dashes(word));
                let (Some("to"), Some(last)) = (to, words.next()) else {
                    return Err(Complaint::usage("Mandatory option `to' is missing"));
                };
                new.extend(["range".to_owned(), format!("{first}-{last}")]);
            }
            "probes" | "resize" | "gc" | "from" | "to" | "network" if hash => {
                let value = value()?;
                let name = if name == "network" { "from" } else { name };
                let ignored = format!("Option '--{name} {value}' is ignored.");
                eprintln!("{warning}{ignored} Please upgrade your syntax.");
                warning = "";
            }
            // As the kernel would: 14 is the manual's own example.
            "bucketsize" if hash => {
                let value = value()?;
                let number = value
                    .parse()
                    .map(|size: u8| size.clamp(1, 12).div_ceil(2) * 2);
                let value = number.map_or_else(|_| value.clone(), |number| number.to_string());
                new.extend([name.to_owned(), value]);
            }
            // The kernel rounds it up.
            "hashsize" if hash => {
                let value = value()?;
                let value = if value == "0" { "1" } else { value };
                new.extend([name.to_owned(), value.to_owned()]);
            }
            "size" if !bitmap && !hash => {
                let value = value()?;
                let number = value.parse().map(|size: u32| size.max(4));
                let value = number.map_or_else(|_| value.clone(), |number| number.to_string());
                new.extend([name.to_owned(), value]);
            }
            _ => option(word, &mut words, &mut new, kind.create_options()),
        }
    }
    if bitmap && !new.iter().any(|word| word == "range") {
        check(&new, || kind.create_options())?;
        return Err(Complaint::usage("Mandatory option `range' is missing"));
    }
    Ok(new)
}

/// Brings the words behind the element of an entry into today's spelling.
pub fn of_entry(kind: AnyType, words: &[String]) -> Vec<String> {
    let mut new = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        option(word, &mut words, &mut new, kind.entry_options());
    }
    new
}

/// Takes an option's name without its dashes, and its value.
fn option<'a>(
    word: &str,
    words: &mut impl Iterator<Item = &'a String>,
    new: &mut Vec<String>,
    mut options: impl Iterator<Item = OptionName>,
) {
    let name = without_dashes(word);
    match options.find(|option| option.name == name) {
        None => new.push(word.to_owned()),
        Some(option) => {
            new.push(name.to_owned());
            if option.has_value {
                new.extend(words.next().cloned());
            }
        }
    }
}

fn without_dashes(word: &str) -> &str {
    word.strip_prefix("--").unwrap_or(word)
}

/// Complains about a word that is no option, or an option whose value is missing.
pub fn check<I: Iterator<Item = OptionName>>(
    words: &[String],
    options: impl Fn() -> I,
) -> Result<(), Complaint> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(option) = options().find(|option| option.name == word) else {
            return Err(Complaint::usage(format!("Unknown argument: `{word}'")));
        };
        if option.has_value && words.next().is_none() {
            return Err(Complaint::usage(format!(
                "Missing mandatory argument of option `{word}'"
            )));
        }
    }
    Ok(())
}

/// Words as a line in which each of them is one word again.
pub fn line(words: &[impl AsRef<str>]) -> Result<String, Complaint> {
    let mut line = String::new();
    for word in words {
        let word = word.as_ref();
        if word.contains('"') {
            return Err(Complaint::new(
                "Syntax error: \" character is not permitted in comments",
            ));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        match word.is_empty() || word.contains(char::is_whitespace) {
            true => line.extend(["\"", word, "\""]),
            false => line.push_str(word),
        }
    }
    Ok(line)
}
