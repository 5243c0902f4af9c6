//! The file that says what the proxy did to a node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use ipvset::ipvs::plan::{Planner, Record, StepResult, WantedTable};
use ipvset::ipvs::{RealServer, VirtualService};

use crate::record::RecordFile;

/// A file in a folder of its own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("record")
    }

    fn file(&self) -> RecordFile {
        RecordFile::new(self.path())
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.path()).unwrap().lines().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Adds services to a record as if they were applied, and saves it.
fn apply(file: &RecordFile, record: &mut Record, services: impl IntoIterator<Item = u32>) {
    let (mut wanted, mut keys) = (WantedTable::new(), BTreeSet::new());
    for number in services {
        let [.., high, low] = number.to_be_bytes();
        let service = VirtualService::tcp(([10, 0, high, low], 80).into());
        let server = RealServer::new(([10, 1, high, low], 80).into());
        keys.insert(service.key);
        wanted.insert(service, [server]).unwrap();
    }
    let mut added = Record::new();
    let plan = Planner::new().plan(&wanted, &[], &added);
    added.begin(&plan, SystemTime::now());
    added.settle(&plan, |_| StepResult::Succeeded);
    for service in &keys {
        record.enter(added.service(service));
    }
    file.save(record, &keys).unwrap();
}

#[test]
fn a_file_that_is_not_there_says_nothing() {
    let folder = Folder::new("absent");
    assert_eq!(folder.file().read().unwrap(), Record::new());
    assert!(!folder.path().exists());
    folder.file().remove().unwrap();
}

#[test]
fn what_was_saved_is_read_again() {
    let folder = Folder::new("saved");
    let (file, mut record) = (folder.file(), Record::new());
    for number in 0..5 {
        apply(&file, &mut record, [number, number + 1]);
        assert_eq!(folder.file().read().unwrap(), record);
    }
    assert_eq!(record.services().count(), 6);
    let sysctls = BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "0".to_owned())]);
    file.save_sysctls(sysctls.clone()).unwrap();
    let lines = folder.lines();
    file.save_sysctls(sysctls.clone()).unwrap();
    assert_eq!(folder.lines(), lines);
    // A program that goes on with the file adds to it.
    let again = folder.file();
    assert_eq!(again.read().unwrap(), record);
    apply(&again, &mut record, [9]);
    let last = folder.file();
    assert_eq!(last.read().unwrap(), record);
    assert_eq!(last.sysctls(), sysctls);
    last.remove().unwrap();
    assert!(!folder.path().exists());
}

#[test]
fn a_line_that_was_not_written_to_its_end_is_ignored() {
    let folder = Folder::new("torn");
    let (file, mut record) = (folder.file(), Record::new());
    apply(&file, &mut record, [1, 2]);
    let mut torn = fs::OpenOptions::new()
        .append(true)
        .open(folder.path())
        .unwrap();
    torn.write_all(br#"{"ipvs":{"service":"#).unwrap();
    let again = folder.file();
    assert_eq!(again.read().unwrap(), record);
    apply(&again, &mut record, [3]);
    assert_eq!(folder.file().read().unwrap(), record);

    fs::write(folder.path(), "{\"ipvs\":{\"service\":\n").unwrap();
    let error = folder.file().read().unwrap_err();
    assert!(error.to_string().contains("/record: "), "{error}");
}

#[test]
fn the_file_does_not_grow_without_bounds() {
    let folder = Folder::new("bounded");
    let (file, mut record) = (folder.file(), Record::new());
    apply(&file, &mut record, 0..10);
    for round in 0..5_000 {
        apply(&file, &mut record, [round % 10 + 100]);
        assert!(folder.path().metadata().unwrap().len() < 400_000);
    }
    assert!(folder.lines() <= 1_100);
    assert_eq!(folder.file().read().unwrap(), record);
    // A first application with many services is written once.
    apply(&file, &mut record, 1_000..4_000);
    assert_eq!(folder.lines(), record.services().count() + 1);
}
