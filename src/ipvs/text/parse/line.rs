//! The options of a line with their positions.

use std::str::FromStr;

use super::super::options::{Command, Setting, Takes, setting};
use super::super::words::{Word, Words};
use crate::Names;
use crate::{Error, Result};

/// An option in a line, with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) setting: Setting,
    /// The option's name.
    pub(super) name: Word<'a>,
    pub(super) value: Option<Word<'a>>,
    /// A second value: the address that follows a protocol's number.
    pub(super) second: Option<Word<'a>>,
}

/// The options of a line.
pub(super) struct Line<'a> {
    pub(super) words: Words<'a>,
    given: Vec<Given<'a>>,
    pub(super) names: &'a (dyn Names + Sync),
}

/// Splits a word into an option and its value, if the word contains both: `--weight=5`, `-w5`.
pub(super) fn split(word: Word<'_>) -> (Word<'_>, Option<Word<'_>>) {
    let text = word.text;
    let end = if text.starts_with("--") {
        text.find('=')
    } else if text.starts_with('-') {
        text.char_indices().nth(2).map(|(at, _)| at)
    } else {
        None
    };
    let Some(end) = end else {
        return (word, None);
    };
    let name = Word {
        text: text.get(..end).unwrap_or(text),
        ..word
    };
    let skip = usize::from(text.starts_with("--"));
    (name, Some(word.after(end + skip)))
}

impl<'a> Line<'a> {
    pub(super) fn read(
        mut words: Words<'a>,
        command: Option<Command>,
        names: &'a (dyn Names + Sync),
    ) -> Result<Self> {
        let mut given: Vec<Given<'a>> = Vec::new();
        while let Some(word) = words.next() {
            let (name, attached) = split(word);
            let (setting, takes) = setting(name.text)
                .ok_or_else(|| words.wrong(name, format!("`{}` is not an option", name.text)))?;
            if command.is_some_and(|command| !setting.goes_with(command)) {
                return Err(
                    words.wrong(name, format!("this command has no option `{}`", name.text))
                );
            }
            if let Some(other) = given
                .iter()
                .find(|it| it.setting.place() == setting.place())
            {
                return Err(words.wrong(
                    name,
                    format!("`{}` can't be used with `{}`", name.text, other.name.text),
                ));
            }
            let value = match (takes, attached) {
                (Takes::Nothing, None) => None,
                (Takes::Nothing, Some(value)) => {
                    return Err(words.wrong(value, format!("`{}` takes no value", name.text)));
                }
                (_, Some(value)) => Some(value),
                (Takes::Value, None) => Some(words.next().ok_or_else(|| {
                    words.wrong_end(format!("the value of `{}` is missing", name.text))
                })?),
                (Takes::ValueOrNothing, None) => words
                    .peek()
                    .filter(|it| !it.text.starts_with('-'))
                    .and_then(|_| words.next()),
            };
            let second = if setting == Setting::Protocol {
                Some(
                    words
                        .next()
                        .ok_or_else(|| words.wrong_end("the address of the service is missing"))?,
                )
            } else {
                None
            };
            given.push(Given {
                setting,
                name,
                value,
                second,
            });
        }
        Ok(Self {
            words,
            given,
            names,
        })
    }

    pub(super) fn get(&self, setting: Setting) -> Option<&Given<'a>> {
        self.given.iter().find(|it| it.setting == setting)
    }

    /// Returns the option that was given, of those that exclude each other.
    pub(super) fn at(&self, place: Setting) -> Option<&Given<'a>> {
        self.given.iter().find(|it| it.setting.place() == place)
    }

    pub(super) fn value(&self, setting: Setting) -> Option<Word<'a>> {
        self.get(setting).and_then(|it| it.value)
    }

    pub(super) fn number<N: FromStr>(&self, setting: Setting) -> Result<Option<N>> {
        self.value(setting)
            .map(|word| number(&self.words, word))
            .transpose()
    }

    /// Returns true if the command has no options.
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Returns the error of reading a word, with the word's position.
    pub(super) fn at_word(&self, word: Word<'_>, error: &Error) -> Error {
        self.words.wrong(word, error.reason())
    }
}

/// Reads a number or an address from a word.
pub(super) fn number<N: FromStr>(words: &Words<'_>, word: Word<'_>) -> Result<N> {
    word.text.parse().map_err(|_| {
        let what = std::any::type_name::<N>();
        let what = match what.rsplit("::").next().unwrap_or(what) {
            "u8" => "a number from 0 to 255",
            "u16" => "a number from 0 to 65535",
            "u32" => "a number from 0 to 4294967295",
            _ => "a numeric address",
        };
        words.wrong(word, format!("`{}` is not {what}", word.text))
    })
}

pub(super) fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
