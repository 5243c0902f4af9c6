//! Compares what the kernel in use lacks with the list in `lab/kernels.txt`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

const LIST: &str = include_str!("../../kernels.txt");

/// An entry of the list.
struct Lack {
    kernel: &'static str,
    what: &'static str,
    why: &'static str,
}

/// For each missing feature, the tests that need it: the name, and whether the test ended there.
static MET: Mutex<BTreeMap<String, Vec<(String, bool)>>> = Mutex::new(BTreeMap::new());

/// The panic payload of a test that the kernel cannot run.
struct Cannot(String);

/// Returns what the probe found, or ends the test, which then counts as ignored, because the kernel lacks `what`.
///
/// # Panics
///
/// If `lab/kernels.txt` is wrong about this kernel: the probe failed and `what` is not listed, or it succeeded and `what` is. On a kernel that the
/// list does not know, such as the running one, any probe may fail.
pub fn need<T>(what: &str, probe: Result<T, impl Display>) -> T {
    match compare(what, probe, true) {
        Ok(found) => found,
        Err(reason) => resume_unwind(Box::new(Cannot(reason))),
    }
}

/// Returns what the probe found, or `None` because the kernel lacks `what`. The test goes on without it, and the summary of the run says so.
///
/// # Panics
///
/// Like [`need`].
pub fn has<T>(what: &str, probe: Result<T, impl Display>) -> Option<T> {
    compare(what, probe, false).ok()
}

fn compare<T>(what: &str, probe: Result<T, impl Display>, ends: bool) -> Result<T, String> {
    let kernel = kernel();
    let listed = lacks().find(|lack| lack.what == what && Some(lack.kernel) == kernel.as_deref());
    match (probe, listed) {
        (Ok(found), None) => Ok(found),
        (Ok(_), Some(lack)) => panic!(
            "this kernel has {what}, but lab/kernels.txt says that Linux {} lacks it",
            lack.kernel
        ),
        (Err(error), None) if kernel.is_some() => {
            panic!("this kernel lacks {what}, and lab/kernels.txt does not say so: {error}")
        }
        (Err(error), listed) => {
            let why = listed.map_or_else(|| error.to_string(), |lack| lack.why.to_owned());
            let reason = format!("{what} ({why})");
            let test = thread::current().name().unwrap_or_default().to_owned();
            let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
            let tests = met.entry(reason.clone()).or_default();
            if !tests.contains(&(test.clone(), ends)) {
                tests.push((test, ends));
            }
            Err(reason)
        }
    }
}

/// Returns what the kernel lacks, if that ended the test.
pub(super) fn reason(panic: &(dyn Any + Send)) -> Option<String> {
    panic
        .downcast_ref::<Cannot>()
        .map(|Cannot(reason)| reason.clone())
}

/// Returns what the kernel lacked in this run, and which tests therefore did not run or ran only in part.
pub(super) fn summary() -> String {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    if met.is_empty() {
        return text;
    }
    text += "What the kernel lacks:\n";
    for (reason, tests) in met.iter() {
        text += &format!("  {reason}\n");
        for (test, ended) in tests {
            text += &format!(
                "    {test}{}\n",
                if *ended { " (not run)" } else { " (in part)" }
            );
        }
    }
    text
}

/// Returns this kernel's version as in the list (`6.1`), if it is a User Mode Linux that the list contains.
fn kernel() -> Option<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok()?;
    if !cpu.contains("User Mode Linux") {
        return None;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split('.');
    let version = format!("{}.{}", numbers.next()?, numbers.next()?);
    KNOWN.contains(&version.as_str()).then_some(version)
}

/// The kernels of the list.
const KNOWN: [&str; 4] = ["5.10", "6.1", "6.12", "7.2"];

fn lacks() -> impl Iterator<Item = Lack> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next().unwrap_or_default();
        Lack {
            kernel: next(),
            what: next(),
            why: next(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_list_is_about_known_kernels_and_gives_reasons() {
        for lack in lacks() {
            assert!(KNOWN.contains(&lack.kernel), "{}", lack.kernel);
            assert!(!lack.what.is_empty() && !lack.why.is_empty());
        }
    }

    /// Otherwise an entry would never be compared with a kernel.
    #[test]
    fn every_entry_is_asked_for_by_a_test() {
        fn sources(folder: &Path, all: &mut String) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, all);
                } else {
                    *all += &fs::read_to_string(path).unwrap();
                }
            }
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut all = String::new();
        sources(&workspace.join("tests"), &mut all);
        sources(&workspace.join("lab/tests"), &mut all);
        for lack in lacks() {
            assert!(all.contains(&format!("\"{}\"", lack.what)), "{}", lack.what);
        }
    }
}
