//! The text format of Prometheus, version 0.0.4.

use std::fmt::Display;
use std::io::{self, Write};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes metrics, one after the other.
pub struct Metrics<'a> {
    output: &'a mut dyn Write,
    /// The name of the metric whose samples follow.
    name: &'static str,
}

impl<'a> Metrics<'a> {
    pub fn new(output: &'a mut dyn Write) -> Self {
        Self { output, name: "" }
    }

    /// Begins a metric: `kind` is `counter` or `gauge`, and `help` a sentence in one line.
    pub fn begin(&mut self, name: &'static str, kind: &str, help: &str) -> io::Result<()> {
        self.name = name;
        writeln!(self.output, "# HELP {name} {help}")?;
        writeln!(self.output, "# TYPE {name} {kind}")
    }

    /// Writes a value of the metric that was begun.
    pub fn sample(
        &mut self,
        labels: &[(&str, &dyn Display)],
        value: &dyn Display,
    ) -> io::Result<()> {
        self.output.write_all(self.name.as_bytes())?;
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(self.output, "{before}{label}=\"{}\"", Escaped(text))?;
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.output, "{end} {value}")
    }
}

/// The value of a label, with a backslash before what the format needs it for.
struct Escaped<'a>(&'a dyn Display);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut std::fmt::Formatter<'b>);

impl std::fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for part in text.split_inclusive(['\\', '"', '\n']) {
            let plain = part.trim_end_matches(['\\', '"', '\n']);
            self.0.write_str(plain)?;
            match part[plain.len()..].chars().next() {
                Some('\n') => self.0.write_str("\\n")?,
                Some(other) => write!(self.0, "\\{other}")?,
                None => {}
            }
        }
        Ok(())
    }
}
