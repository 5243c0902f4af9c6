//! The figures, as a table in Markdown.

use std::fmt;
use std::time::Duration;

pub const READ: &str = "read the JSON";
pub const TRANSLATE: &str = "translate";
pub const DRY_RUN: &str = "compare and print what would be done, with nothing there (`--dry-run`)";
pub const FIRST: &str = "apply with nothing there, as the program does when it starts";
pub const TOUCHED: &str = "the same in memory that was touched beforehand";
pub const FLOOR: &str =
    "floor of both: the same requests, encoded beforehand, sent with the fewest calls";
pub const CHANGE: &str =
    "one endpoint changed, from the event to the kernel, without the time of gathering";
pub const LOOK: &str = "compare everything with the kernel (SIGHUP), nothing to change";
pub const WITHOUT_RULES: &str = "the same without settings and rules, which its floor lacks";
pub const READING: &str = "floor of that: reading the table and listing the sets";
pub const SAVING: &str = "`iptables-save` of both families alone";
pub const RESTART: &str = "restart, from the start to the end of the first application";
pub const RULES: &str = "firewall rules, both families";
pub const MEMORY: &str = "memory of the program, at most";

/// The rows, from the first to the last.
const ROWS: [&str; 14] = [
    READ,
    TRANSLATE,
    DRY_RUN,
    FIRST,
    TOUCHED,
    FLOOR,
    CHANGE,
    LOOK,
    WITHOUT_RULES,
    READING,
    SAVING,
    RESTART,
    RULES,
    MEMORY,
];

/// The rows whose figures are compared with those of another row.
const RATIOS: [(&str, &str); 4] = [
    (FIRST, FLOOR),
    (TOUCHED, FLOOR),
    (LOOK, READING),
    (WITHOUT_RULES, READING),
];

/// What is between the name of a row and that of a part of it.
const PART: &str = " > ";

/// The figures for some numbers of Services.
pub struct Table {
    counts: Vec<u32>,
    /// The names of rows, with a value for each number.
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub fn new(counts: Vec<u32>) -> Self {
        Self {
            counts,
            rows: Vec::new(),
        }
    }

    /// Enters a line that [`tell`] has printed.
    pub fn enter(&mut self, column: usize, line: &str) {
        let Some((name, value)) = line.split_once('\t') else {
            return;
        };
        let place = self.rows.iter().position(|row| row.0 == name);
        let place = place.unwrap_or_else(|| {
            let values = vec![String::new(); self.counts.len()];
            self.rows.push((name.to_owned(), values));
            self.rows.len() - 1
        });
        self.rows[place].1[column] = value.to_owned();
    }

    /// Returns a figure, with how many times another one it is.
    fn cell(&self, name: &str, column: usize, value: &str) -> String {
        let floor = RATIOS.iter().find(|it| it.0 == name).map(|it| it.1);
        let floor = self.rows.iter().find(|row| Some(row.0.as_str()) == floor);
        let floor = floor.and_then(|row| seconds(&row.1[column]));
        match (seconds(value), floor) {
            (Some(time), Some(floor)) => format!("{value} ({:.2} x)", time / floor),
            _ => value.to_owned(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.iter();
        let titles: String = counts
            .map(|it| format!(" {} Services |", grouped(*it)))
            .collect();
        writeln!(f, "| |{titles}\n|--|{}", "--|".repeat(self.counts.len()))?;
        for row in ROWS {
            let is_part = |name: &str| name.starts_with(&format!("{row}{PART}"));
            for (name, values) in &self.rows {
                let title = match name.split_once(PART) {
                    _ if name == row => name.clone(),
                    Some((_, part)) if is_part(name) => format!("&nbsp; {part}"),
                    _ => continue,
                };
                let values = values.iter().enumerate();
                let cells = values.map(|(column, it)| self.cell(name, column, it));
                let cells: Vec<_> = cells.collect();
                writeln!(f, "| {title} | {} |", cells.join(" | "))?;
            }
        }
        Ok(())
    }
}

/// Prints a row of the table.
pub fn tell(name: &str, value: impl fmt::Display) {
    println!("{name}\t{value}");
}

/// Prints a part of a row.
pub fn tell_part(row: &str, part: &str, value: impl fmt::Display) {
    println!("{row}{PART}{part}\t{value}");
}

/// Prints a time, and of which steps it is made.
pub fn tell_steps(name: &str, steps: &[(&str, Duration)]) {
    tell(name, pretty(steps.iter().map(|it| it.1).sum()));
    // Nothing is removed.
    let steps = steps.iter().filter(|it| it.0 != "removals");
    let (names, times): (Vec<_>, Vec<_>) = steps.map(|it| (it.0, pretty(it.1))).unzip();
    tell_part(name, &names.join("; "), times.join("; "));
}

pub fn pretty(time: Duration) -> String {
    let milliseconds = 1e3 * time.as_secs_f64();
    match milliseconds {
        1000.0.. => format!("{:.2} s", milliseconds / 1e3),
        100.0.. => format!("{milliseconds:.0} ms"),
        _ => format!("{milliseconds:.1} ms"),
    }
}

/// Returns a number with a comma before its thousands.
fn grouped(number: u32) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

/// Returns the time that [`pretty`] has written.
fn seconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    match unit {
        "s" => Some(number),
        "ms" => Some(number / 1e3),
        _ => None,
    }
}
