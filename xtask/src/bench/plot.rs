//! The plot: time against the number of services or entries, both axes logarithmic, a panel for each job.

use std::fmt::Write;

use super::table::{grouped, time};
use super::{CRATE, FLOOR, Figures, Job};

/// The jobs that are drawn, which ran with the most sizes: the name, and the kind of object. Each half is a row.
const JOBS: [(&str, &str); 4] = [
    ("add", "services with 10 servers each"),
    ("read", "services with 10 servers each"),
    ("add", "hash:ip,port,ip"),
    ("list", "hash:ip,port,ip"),
];
const COLUMNS: usize = 2;

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 340.0;
/// The margins of a panel: left for the times, below for the numbers, above for the title.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;

/// The style of each contender's line, in the order in which they are drawn.
const STYLES: [(&str, &str, u32); 5] = [
    ("ipvsadm", "#d1242f", 2),
    ("ipset", "#d1242f", 2),
    ("pyroute2", "#9a6700", 2),
    // Wide, so that it is visible behind the line of the crate.
    (FLOOR, "#c4cad1", 7),
    (CRATE, "#0969da", 2),
];

pub(super) fn svg(figures: &Figures) -> String {
    let (width, height) = (
        WIDTH * COLUMNS as f64,
        HEIGHT * JOBS.len().div_ceil(COLUMNS) as f64,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (index, (name, what)) in JOBS.iter().enumerate() {
        let jobs = figures.jobs.iter();
        let jobs: Vec<&Job> = jobs
            .filter(|it| it.name == *name && it.what == *what)
            .collect();
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let _ = writeln!(
            svg,
            "<g transform=\"translate({} {})\">",
            WIDTH * column as f64,
            HEIGHT * row as f64
        );
        Panel::new(&jobs).draw(&mut svg, &format!("{name} {what}"));
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line: the time of a contender for each number of entries.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

struct Panel {
    lines: Vec<Line>,
    x: Axis,
    y: Axis,
}

impl Panel {
    fn new(jobs: &[&Job]) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        for job in jobs {
            for contender in &job.contenders {
                let point = (job.count as f64, contender.seconds);
                match lines
                    .iter_mut()
                    .find(|line| line.name == kind(&contender.name))
                {
                    Some(line) => line.points.push(point),
                    None => lines.push(Line {
                        name: kind(&contender.name).to_owned(),
                        points: vec![point],
                    }),
                }
            }
        }
        let points = || lines.iter().flat_map(|line| &line.points);
        let x = Axis::new(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let y = Axis::new(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        Self { lines, x, y }
    }

    fn draw(&self, svg: &mut String, title: &str) {
        let (left, right) = (self.x.from, self.x.to);
        let (bottom, top) = (self.y.from, self.y.to);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"22\" font-size=\"14\" font-weight=\"bold\" \
             fill=\"#1f2328\">{title}</text>"
        );
        for (value, y) in self.y.decades() {
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#d8dee4\"/><text x=\"{:.1}\" \
                 y=\"{:.1}\" text-anchor=\"end\" fill=\"#59636e\">{}</text>",
                left - 6.0,
                y + 4.0,
                whole(time(value)),
            );
        }
        for (value, x) in self.x.decades() {
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {bottom}V{top}\" stroke=\"#d8dee4\"/><text x=\"{x:.1}\" \
                 y=\"{:.1}\" text-anchor=\"middle\" fill=\"#59636e\">{}</text>",
                bottom + 18.0,
                grouped(value.round() as u64),
            );
        }
        let mut legend = top + 16.0;
        for (name, color, width) in STYLES {
            let Some(line) = self.lines.iter().find(|line| line.name == name) else {
                continue;
            };
            let points: Vec<_> = line
                .points
                .iter()
                .map(|(x, y)| self.place(*x, *y))
                .collect();
            // A single point is drawn as a dot.
            if let [(x, y)] = line.points[..] {
                let (x, y) = (self.x.place(x), self.y.place(y));
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/>"
                );
            }
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" \
                 stroke-width=\"{width}\"/>",
                points.join(" ")
            );
            let _ = writeln!(
                svg,
                "<path d=\"M{:.1} {:.1}h22\" stroke=\"{color}\" stroke-width=\"{width}\"/>\
                 <text x=\"{:.1}\" y=\"{legend:.1}\" fill=\"#1f2328\">{name}</text>",
                left + 12.0,
                legend - 4.0,
                left + 42.0,
            );
            legend += 18.0;
        }
    }

    fn place(&self, x: f64, y: f64) -> String {
        format!("{:.1},{:.1}", self.x.place(x), self.y.place(y))
    }
}

/// Returns the contender without its arguments, so that `ipset restore` and `ipset save` have the
/// same style.
fn kind(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// Removes the decimals of `1.00 s`, because a decade has none.
fn whole(time: String) -> String {
    time.replacen(".00", "", 1).replacen(".0", "", 1)
}

/// A logarithmic axis over whole decades.
struct Axis {
    lowest: i32,
    highest: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), it| {
            (least.min(it), most.max(it))
        });
        let lowest = least.log10().floor() as i32;
        Self {
            lowest,
            highest: (most.log10().ceil() as i32).max(lowest + 1),
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share =
            (value.log10() - f64::from(self.lowest)) / f64::from(self.highest - self.lowest);
        self.from + share * (self.to - self.from)
    }

    /// Returns the powers of ten and their places.
    fn decades(&self) -> impl Iterator<Item = (f64, f64)> {
        (self.lowest..=self.highest).map(|power| {
            let value = 10f64.powi(power);
            (value, self.place(value))
        })
    }
}
