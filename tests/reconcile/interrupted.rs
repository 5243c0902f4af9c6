//! The program is killed while it applies a table.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::program::{Folder, Result, expect_table, ipvsadm};

crate::tests![a_program_that_is_killed_at_any_moment_is_finished_by_the_next];

/// Returns a table with so many services.
fn table(services: usize) -> String {
    let service = |number: usize| {
        let (high, low) = (number / 250, number % 250);
        let key = format!("-t 10.9.{high}.{low}:80");
        let server = |it: usize| format!("-a {key} -r 10.8.0.{it}:80 -m -w 1\n");
        let servers: String = (1..=3).map(server).collect();
        format!("-A {key} -s rr\n{servers}")
    };
    (0..services).map(service).collect()
}

/// What the killed program added goes, although the file that names it is no longer the wanted one.
fn a_program_that_is_killed_at_any_moment_is_finished_by_the_next() -> Result {
    let folder = Folder::new()?;
    let foreign = "-A -t 10.7.0.1:80 -s rr\n";
    ipvsadm(foreign)?;
    folder.write("many", &table(300))?;
    folder.write("few", &table(10))?;
    for round in 0..16 {
        let running = folder.start("--apply --record record many")?;
        std::thread::sleep(Duration::from_millis(20 * round));
        let _ = running.end(Signal::SIGKILL)?;
        let ended = folder.run("--apply --drain 0 --record record few")?;
        assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
        expect_table(&format!("{}{foreign}", table(10)));
    }
    assert_eq!(folder.names()?, ["few", "many", "record"]);
    Ok(())
}
