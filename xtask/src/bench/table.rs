//! The table of medians and ratios, in Markdown, so that it can go where people read it.

use std::fmt::Write;

use super::{CRATE, Contender, FLOOR, Figures, Job};

pub(super) fn text(figures: &Figures) -> String {
    let mut text = String::new();
    let mut place = "";
    for job in &figures.jobs {
        if job.place != place {
            place = &job.place;
            heading(&mut text, place);
        }
        row(&mut text, job);
    }
    text
}

fn heading(text: &mut String, place: &str) {
    let _ = write!(
        text,
        "\n{place}\n\n\
         |job|ipvset|floor|x floor|memory|tool|its time|its memory|times faster|\n\
         |--|--|--|--|--|--|--|--|--|\n"
    );
}

fn row(text: &mut String, job: &Job) {
    let Some(own) = job.contender(CRATE) else {
        return;
    };
    let floor = job.contender(FLOOR);
    let mut tools: Vec<_> = job.tools().map(Some).collect();
    if tools.is_empty() {
        tools.push(None);
    }
    for (index, tool) in tools.into_iter().enumerate() {
        let cells = match index {
            0 => own_cells(job, own, floor),
            _ => vec![String::new(); 5],
        };
        let tool = match tool {
            Some(tool) => vec![
                tool.name.clone(),
                time(tool.seconds),
                memory(tool.peak),
                format!("{:.0}", tool.seconds / own.seconds),
            ],
            None => vec![String::new(); 4],
        };
        let _ = writeln!(text, "|{}|", [cells, tool].concat().join("|"));
    }
}

fn own_cells(job: &Job, own: &Contender, floor: Option<&Contender>) -> Vec<String> {
    vec![
        format!("{} {} {}", job.name, grouped(job.count), job.what),
        time(own.seconds),
        floor.map_or_else(String::new, |floor| time(floor.seconds)),
        floor.map_or_else(String::new, |floor| {
            format!("{:.2}", own.seconds / floor.seconds)
        }),
        memory(own.peak),
    ]
}

/// Three digits that matter, in the unit that suits.
pub(super) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    let decimals = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

fn memory(kibibytes: f64) -> String {
    format!("{:.1} MiB", kibibytes / 1024.0)
}

/// A number with commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(999), "999");
        assert_eq!(time(10.7), "10.7 s");
        assert_eq!(time(0.4871), "487 ms");
        assert_eq!(time(0.000_02), "20.0 µs");
    }
}
