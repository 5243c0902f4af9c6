//! Writes the first inputs of each target to `corpus/TARGET`: captured messages, files of the tools
//! and of the kernel, and Kubernetes objects.

use std::fs;
use std::path::Path;

#[path = "../tests/service_proxy_rules/seeds.rs"]
mod kubernetes;

/// Files of `ipset save`, and restore files.
const SETS: [&str; 3] = [
    include_str!("../tests/data/ipset-save-linux-6.1.txt"),
    include_str!("../tests/data/ipset-save-linux-6.18.txt"),
    include_str!("../tests/data/ipset-commands.txt"),
];

fn main() -> std::io::Result<()> {
    for (target, _, seeds) in ipvset::fuzzing::all() {
        let seeds = seeds.iter().enumerate();
        seeds
            .into_iter()
            .try_for_each(|(number, seed)| write(target, number, seed))?;
    }
    // A few lines at a time, since an entry needs the line of its set.
    for (file, text) in SETS.iter().enumerate() {
        let lines: Vec<_> = text.lines().collect();
        for (part, lines) in lines.chunks(8).enumerate() {
            write(
                "ipset_text",
                1000 * (file + 1) + part,
                lines.join("\n").as_bytes(),
            )?;
        }
    }
    let objects = kubernetes::seeds();
    let mut objects = objects.iter().enumerate();
    objects.try_for_each(|(number, seed)| write("kubernetes", number, seed))
}

fn write(target: &str, number: usize, seed: &[u8]) -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("seed-{number}")), seed)
}
