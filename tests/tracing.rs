//! Tests the events of the feature `tracing` on a real kernel.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use ipvset::ipset::IpSet;
use ipvset::ipset::types::HashIp;
use ipvset::ipvs::{Operation, VirtualService};
use ipvset::{OnFailure, ipset, ipvs, tokio as on_tokio};
use lab::test::Test;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let needs = lab::Needs::ipvs().and_sets(&["hash:ip"]);
    let tests = vec![
        Test::new("blocking::changes", blocking_changes),
        Test::new("blocking::listings", blocking_listings),
        Test::new("blocking::a_busy_set", blocking_busy_set),
        Test::new("tokio::changes", || on_one_thread(tokio_changes())),
        Test::new("tokio::listings", || on_one_thread(tokio_listings())),
        Test::new("tokio::a_busy_set", || on_one_thread(tokio_busy_set())),
    ];
    lab::test::main(&needs, tests)
}

fn on_one_thread(test: impl Future<Output = Result>) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(test)
}

/// The fields of an event as text, with its level and message.
type Fields = BTreeMap<&'static str, String>;

/// A subscriber that stores the events of the crate.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Fields>>>);

impl Recorder {
    /// Subscribes the thread until the guard is dropped.
    fn subscribed() -> (Self, tracing::subscriber::DefaultGuard) {
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, guard)
    }

    /// Returns the events since the last call. Each has a duration, which is removed here.
    fn take(&self) -> Vec<Fields> {
        let mut events = std::mem::take(&mut *self.0.lock().expect("no panic before"));
        for event in &mut events {
            let elapsed = event.remove("elapsed_us").map(|it| it.parse::<u64>());
            assert!(matches!(elapsed, Some(Ok(_))), "{event:?}");
        }
        events
    }
}

struct Record<'a>(&'a mut Fields);

impl Visit for Record<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ipvset")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Record(&mut fields));
        fields.insert("level", event.metadata().level().to_string());
        self.0.lock().expect("no panic before").push(fields);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Returns an event with these fields.
fn done<const N: usize>(fields: [(&'static str, &str); N]) -> Fields {
    let fields = fields.map(|(name, value)| (name, value.to_owned()));
    let level = ("level", Level::DEBUG.to_string());
    fields.into_iter().chain([level]).collect()
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (1..=count).map(|number| Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn set() -> Result<IpSet<HashIp>> {
    Ok(IpSet::<HashIp>::new("it")?)
}

/// Adds three services, of which the last exists already.
fn operations() -> impl Iterator<Item = Operation> {
    let services = [80, 81, 80].map(|port| VirtualService::tcp(([10, 0, 0, 1], port).into()));
    services.into_iter().map(Operation::AddService)
}

/// Returns the events of executing [`operations`], adding 5000 entries, adding one of them again,
/// and testing and replacing them.
fn events_of_changes() -> [Fields; 9] {
    [
        done([
            ("message", "changed"),
            ("operation", "carry out operations"),
            ("applied", "2"),
            ("failed", "1"),
        ]),
        done([
            ("message", "changed"),
            ("operation", "add entries to set"),
            ("set", "it"),
            ("applied", "5000"),
            ("failed", "0"),
        ]),
        done([
            ("message", "changed"),
            ("operation", "add entries to set"),
            ("set", "it"),
            ("applied", "0"),
            ("failed", "1"),
            ("untried_from", "1"),
        ]),
        done([
            ("message", "changed"),
            ("operation", "remove entries from set"),
            ("set", "it"),
            ("applied", "7"),
            ("failed", "0"),
        ]),
        done([
            ("message", "done"),
            ("operation", "test entries of set"),
            ("set", "it"),
            ("count", "9"),
        ]),
        // A replacement looks for leftover sets, reads the options of the set, and fills a
        // temporary set.
        done([
            ("message", "done"),
            ("operation", "list set"),
            ("count", "1"),
        ]),
        done([
            ("message", "done"),
            ("operation", "list set"),
            ("set", "it"),
            ("count", "1"),
        ]),
        done([
            ("message", "changed"),
            ("operation", "add entries to set"),
            ("set", "it"),
            ("applied", "3"),
            ("failed", "0"),
        ]),
        done([
            ("message", "done"),
            ("operation", "replace set"),
            ("set", "it"),
            ("count", "3"),
        ]),
    ]
}

fn blocking_changes() -> Result {
    let (set, mut sets) = (set()?, ipset::IpSets::connect()?);
    let mut ipvs = ipvs::Ipvs::connect()?;
    sets.create(&set)?;
    let (recorder, _guard) = Recorder::subscribed();
    let outcome = ipvs.execute_all(operations(), OnFailure::Continue);
    assert_eq!(outcome.applied(), 2);
    sets.add_all(&set, addresses(5000), OnFailure::Stop)
        .into_result()?;
    let again = sets.add_all(&set, addresses(5000), OnFailure::Stop);
    assert!(again.into_result().is_err());
    sets.remove_all(&set, addresses(7), OnFailure::Stop)
        .into_result()?;
    sets.test_all(&set, addresses(9))?;
    sets.replace(&set, addresses(3))?;
    assert_eq!(recorder.take(), events_of_changes());
    // A single change emits no event.
    sets.add(&set, Ipv4Addr::LOCALHOST)?;
    ipvs.flush()?;
    assert!(recorder.take().is_empty());
    Ok(())
}

async fn tokio_changes() -> Result {
    let (set, mut sets) = (set()?, on_tokio::IpSets::connect().await?);
    let mut ipvs = on_tokio::Ipvs::connect().await?;
    sets.create(&set).await?;
    let (recorder, _guard) = Recorder::subscribed();
    let outcome = ipvs.execute_all(operations(), OnFailure::Continue).await;
    assert_eq!(outcome.applied(), 2);
    let added = sets.add_all(&set, addresses(5000), OnFailure::Stop).await;
    added.into_result()?;
    let again = sets.add_all(&set, addresses(5000), OnFailure::Stop).await;
    assert!(again.into_result().is_err());
    let removed = sets.remove_all(&set, addresses(7), OnFailure::Stop).await;
    removed.into_result()?;
    sets.test_all(&set, addresses(9)).await?;
    sets.replace(&set, addresses(3)).await?;
    assert_eq!(recorder.take(), events_of_changes());
    sets.add(&set, Ipv4Addr::LOCALHOST).await?;
    ipvs.flush().await?;
    assert!(recorder.take().is_empty());
    Ok(())
}

/// Returns the events of listing a set of 3 entries completely, until after one entry, and among
/// all sets, and of reading a table with one service and no servers.
fn events_of_listings() -> [Fields; 6] {
    let listed = |set: Option<&str>, entries, complete| {
        let mut event = done([
            ("message", "listed"),
            ("operation", "list set"),
            ("sets", "1"),
            ("entries", entries),
            ("complete", complete),
        ]);
        event.extend(set.map(|set| ("set", set.to_owned())));
        event
    };
    [
        listed(Some("it"), "3", "true"),
        listed(Some("it"), "1", "false"),
        listed(None, "3", "true"),
        done([
            ("message", "done"),
            ("operation", "read services"),
            ("count", "1"),
        ]),
        done([
            ("message", "done"),
            ("operation", "read table"),
            ("count", "1"),
        ]),
        done([
            ("message", "done"),
            ("operation", "read servers"),
            ("count", "0"),
        ]),
    ]
}

fn blocking_listings() -> Result {
    let (set, mut sets) = (set()?, ipset::IpSets::connect()?);
    let mut ipvs = ipvs::Ipvs::connect()?;
    let service = VirtualService::tcp(([10, 0, 0, 1], 80).into());
    ipvs.add_service(&service)?;
    sets.create(&set)?;
    sets.add_all(&set, addresses(3), OnFailure::Stop)
        .into_result()?;
    let (recorder, _guard) = Recorder::subscribed();
    assert_eq!(sets.list(&set)?.count(), 3);
    sets.list(&set)?.next().ok_or("an entry")??;
    assert_eq!(sets.list_all()?.count(), 4);
    ipvs.table()?;
    ipvs.servers(&service)?;
    assert_eq!(recorder.take(), events_of_listings());
    Ok(())
}

async fn tokio_listings() -> Result {
    let (set, mut sets) = (set()?, on_tokio::IpSets::connect().await?);
    let mut ipvs = on_tokio::Ipvs::connect().await?;
    let service = VirtualService::tcp(([10, 0, 0, 1], 80).into());
    ipvs.add_service(&service).await?;
    sets.create(&set).await?;
    let added = sets.add_all(&set, addresses(3), OnFailure::Stop).await;
    added.into_result()?;
    let (recorder, _guard) = Recorder::subscribed();
    assert_eq!(sets.list(&set).await?.sorted().await?.len(), 3);
    let mut entries = sets.list(&set).await?;
    entries.next().await.ok_or("an entry")??;
    drop(entries);
    let mut all = sets.list_all().await?;
    while let Some(item) = all.next().await {
        item?;
    }
    drop(all);
    ipvs.table().await?;
    ipvs.servers(&service).await?;
    assert_eq!(recorder.take(), events_of_listings());
    Ok(())
}

/// More entries than the kernel puts into the socket's buffer.
const LISTED_LONG: u32 = 60_000;

/// Asserts that the only warning is about the set that stayed busy.
fn assert_tried_again(recorder: &Recorder) {
    let mut events = recorder.take();
    events.retain(|event| event["level"] == "WARN");
    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((&*event["message"], &*event["set"]), ("tried again", "it"));
    assert_eq!(event["operation"], "swap sets");
    assert!(event["attempts"].parse::<u32>().is_ok_and(|it| it > 1));
}

fn blocking_busy_set() -> Result {
    let (set, mut sets) = (set()?, ipset::IpSets::connect()?);
    sets.create(&set)?;
    sets.add_all(&set, addresses(LISTED_LONG), OnFailure::Stop)
        .into_result()?;
    let mut other = ipset::IpSets::connect()?;
    let listing = other.list(&set)?;
    let (recorder, _guard) = Recorder::subscribed();
    assert!(sets.replace(&set, addresses(3)).unwrap_err().is_busy());
    assert_tried_again(&recorder);
    drop(listing);
    Ok(())
}

async fn tokio_busy_set() -> Result {
    let (set, mut sets) = (set()?, on_tokio::IpSets::connect().await?);
    sets.create(&set).await?;
    let entries = addresses(LISTED_LONG);
    let added = sets.add_all(&set, entries, OnFailure::Stop).await;
    added.into_result()?;
    let mut other = on_tokio::IpSets::connect().await?;
    let listing = other.list(&set).await?;
    let (recorder, _guard) = Recorder::subscribed();
    let replaced = sets.replace(&set, addresses(3)).await;
    assert!(replaced.unwrap_err().is_busy());
    assert_tried_again(&recorder);
    drop(listing);
    Ok(())
}
