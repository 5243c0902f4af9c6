//! Reports of runs that cannot end well.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{Entry, IpSets};
use ipvset::{Namespace, OnFailure};

use super::common::{Outcome, created, set, tests, v4, values};
use super::replace::addresses;
use super::{Test, rounds};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        &["hash:ip"] => a_refused_entry_among_many,
        &["hash:ip"] => a_set_that_another_program_fills,
        &["hash:ip"] => in_a_namespace_without_a_name,
    ]
}

fn a_refused_entry_among_many() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(1 << 20))?;
    let count = rounds(1_000_000);
    let wanted = move || {
        (0..count).map(|number| match number {
            // No set takes it, and the kernel does not, since the set has no timeouts.
            500 => Entry::<HashIp>::new(Ipv4Addr::UNSPECIFIED),
            70_000 => Entry::new(v4("10.0.0.1")).timeout(Duration::from_secs(5)),
            _ => Entry::new(Ipv4Addr::from_bits(0x0b00_0000 + number)),
        })
    };
    for first in [true, false] {
        let report = sets.apply(&set, wanted(), &Policy::new())?;
        let failed: Vec<_> = report.failures().iter().map(|it| it.index).collect();
        assert_eq!(failed, [500, 70_000]);
        assert!(
            report.failures()[1]
                .error
                .to_string()
                .contains("index 70000")
        );
        let counts = report.counts();
        assert_eq!(
            (counts.added, counts.kept),
            if first {
                (count as usize - 2, 0)
            } else {
                (0, count as usize - 2)
            }
        );
        assert!(report.stopped().is_none() && !report.is_complete());
        assert_eq!(sets.info(&set)?.entries, Some(count - 2));
    }
    Ok(())
}

/// The other program leaves no room, again and again. Further attempts may complete each run, or not.
/// What the report says became of the entries is
/// all of them.
fn a_set_that_another_program_fills() -> Outcome {
    const WANTED: u32 = 60;
    let (mut sets, set) = created(set::<HashIp>().maxelem(64))?;
    let mut other = IpSets::connect()?;
    let (others_set, over) = (set.clone(), AtomicBool::new(false));
    let others = || (0..64).map(|it| Ipv4Addr::from_bits(0x0900_0000 + it));
    std::thread::scope(|scope| -> Outcome {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let filled = other.put_all(&others_set, others(), OnFailure::Continue);
                let stopped = filled.stopped();
                assert!(stopped.is_none_or(|error| error.is_full()), "{stopped:?}");
            }
        });
        let run = || -> Outcome {
            for round in 1..=rounds(300) {
                let wanted = addresses(round..round + WANTED);
                let report = sets.apply(&set, wanted, &Policy::new())?;
                let counts = report.counts();
                let told = counts.added + counts.kept + report.failures().len() + report.untried();
                assert_eq!(told, WANTED as usize, "{report}");
                let failed = report.failures().iter().map(|it| &it.error);
                for error in failed.chain(report.stopped()) {
                    assert!(error.is_full(), "{report}");
                }
            }
            Ok(())
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let report = sets.apply(&set, addresses(0..WANTED), &Policy::new())?;
    assert!(report.is_complete(), "{report}");
    assert_eq!(values(&mut sets, &set)?.len(), WANTED as usize);
    Ok(())
}

/// A handle keeps the namespace that it was opened in, also if nothing else does. The next handle
/// cannot be opened there.
fn in_a_namespace_without_a_name() -> Outcome {
    let namespace = lab::Namespace::new()?;
    let path = namespace.path().to_owned();
    let mut sets = IpSets::connect_in(&Namespace::open(&path)?)?;
    let set = set::<HashIp>();
    let first = sets.apply(&set, [v4("10.0.0.1")], &Policy::new())?;
    assert!(first.is_complete(), "{first}");
    drop(namespace);
    let second = sets.apply(&set, [v4("10.0.0.2")], &Policy::new())?;
    assert_eq!(second.to_string(), "s: 1 added, 1 removed, in place");
    assert_eq!(values(&mut sets, &set)?, ["10.0.0.2"]);
    let error = Namespace::open(&path).and_then(|it| IpSets::connect_in(&it));
    let error = error.err().ok_or("a namespace that is gone")?;
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    // Here is no such set.
    assert_eq!(IpSets::connect()?.names()?.len(), 0);
    Ok(())
}
