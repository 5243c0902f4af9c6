//! The jobs of IPVS for each contender, with services of 10 servers each.

use ipvset::ipvs::Operations;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};

use ipvset::OnFailure;
use ipvset::ipvs::messages::Query;
use ipvset::ipvs::proc::{Proc, Snapshot};
use ipvset::ipvs::{Ipvs, Operation, RealServer, Scheduler, ServiceKey, VirtualService};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP};

use crate::Outcome;
use crate::floor::{self, Floor};
use crate::generic::{datagrams, family, family_request, message};
use crate::job::{COLD, Job, contenders};
use crate::measure::{Run, time, time_tool};
use crate::memory::keep_memory;

pub(crate) const SERVERS: u32 = 10;
const TABLE: &str = "services with 10 servers each";

/// Reads the whole table into memory that an earlier table used.
const KEPT: &str = "ipvset, all kept";
const KEPT_COLD: &str = "ipvset, all kept, the first time";

pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let services = if quick { 100 } else { 1_000 };
    let job = |name, count, others: &[&'static str]| Job {
        name,
        what: TABLE,
        count,
        contenders: contenders(others),
    };
    let mut jobs = vec![
        job(
            "add",
            services,
            &["ipvset, gathered first", COLD, "ipvsadm -R"],
        ),
        job("read", services, &[KEPT, KEPT_COLD, COLD, "ipvsadm -Sn"]),
        job("quick snapshot of", services, &[COLD, "ipvsadm -Sn"]),
    ];
    if !quick {
        // More sizes, for the plot. `ipvsadm -R` would take minutes for the larger one.
        jobs.extend([
            job("add", 100, &["ipvsadm -R"]),
            job("read", 100, &["ipvsadm -Sn"]),
            job("add", 10_000, &[]),
            job("read", 10_000, &["ipvsadm -Sn"]),
        ]);
    }
    jobs
}

pub(crate) fn contend(contender: &str, job: &str, services: u32) -> Outcome<Run> {
    let mut ipvs = Ipvs::connect()?;
    warm_up(&mut ipvs)?;
    if job != "add" {
        add(&mut ipvs, services)?;
    }
    let mut earlier = Snapshot::default();
    if !matches!(contender, COLD | KEPT_COLD) {
        keep_memory();
        // Several times, because the allocator's layout settles only then.
        for _ in 0..3 {
            match (job, contender) {
                ("add", _) => touch_memory(&mut ipvs, services)?,
                ("read", KEPT) => complete(ipvs.table()?.len(), services)?,
                ("read", _) => read(&mut ipvs, services)?,
                _ => Proc::new().snapshot_into(&mut earlier)?,
            }
        }
    }
    let run = match (job, contender) {
        ("add", "ipvset" | COLD) => time(|| add(&mut ipvs, services)),
        ("add", "ipvset, gathered first") => time(|| add_gathered(&mut ipvs, services)),
        ("add", "floor") => {
            let datagrams = datagrams(operations(services))?;
            let mut floor = Floor::generic()?;
            time(|| datagrams.iter().try_for_each(|it| floor.send(it)))
        }
        ("add", _) => {
            let path = "/tmp/ipvset-bench.txt";
            let mut file = BufWriter::new(File::create(path)?);
            for operation in operations(services) {
                writeln!(file, "{operation}")?;
            }
            file.into_inner()?.sync_data()?;
            let run = time_tool(&["ipvsadm", "-R"], path);
            fs::remove_file(path)?;
            run
        }
        ("read", "ipvset" | COLD) => time(|| read(&mut ipvs, services)),
        ("read", KEPT | KEPT_COLD) => time(|| complete(ipvs.table()?.len(), services)),
        ("read", "floor") => {
            let mut dump = Dump::new(services)?;
            time(|| dump.read())
        }
        ("quick snapshot of", "ipvset") => time(|| {
            Proc::new().snapshot_into(&mut earlier)?;
            complete(earlier.len(), services)
        }),
        ("quick snapshot of", COLD) => time(|| complete(Proc::new().snapshot()?.len(), services)),
        ("quick snapshot of", "floor") => time(floor::read_text),
        _ => time_tool(&["ipvsadm", "-Sn"], "/dev/null"),
    }?;
    ipvs.flush()?;
    Ok(run)
}

/// The floor's requests for the whole table, or for some services.
pub(crate) struct Dump {
    pub(crate) floor: Floor,
    /// Those that have a single answer.
    questions: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
}

impl Dump {
    pub(crate) fn new(services: u32) -> Outcome<Self> {
        let keys = (0..services).map(|number| service(number).key);
        let all = std::iter::once(Query::Services).chain(keys.map(Query::Servers));
        Self::with(std::iter::empty(), all)
    }

    pub(crate) fn of(services: impl Iterator<Item = ServiceKey> + Clone) -> Outcome<Self> {
        Self::with(
            services.clone().map(Query::Service),
            services.map(Query::Servers),
        )
    }

    fn with(
        questions: impl Iterator<Item = Query>,
        dumps: impl Iterator<Item = Query>,
    ) -> Outcome<Self> {
        let mut floor = Floor::generic()?;
        // This tells the kernel how much is received at a time.
        floor.ask(&family_request())?;
        let family = family()?;
        let questions = questions.map(|it| message(family, 0, it.into()));
        let requests = dumps.map(|it| message(family, NLM_F_DUMP, it.into()));
        Ok(Self {
            floor,
            questions: questions.collect(),
            requests: requests.collect(),
        })
    }

    pub(crate) fn read(&mut self) -> Outcome {
        let Self {
            floor,
            questions,
            requests,
        } = self;
        for question in questions {
            floor.ask(question)?;
        }
        requests.iter().try_for_each(|it| floor.dump(it).map(drop))
    }
}

/// Does a little of everything. This loads the kernel's modules and brings this program and the
/// tool into memory.
pub(crate) fn warm_up(ipvs: &mut Ipvs) -> Outcome {
    add(ipvs, 1)?;
    let request = message(family()?, NLM_F_ACK, Operation::Zero.into());
    Floor::generic()?.ask(&request)?;
    complete(ipvs.table()?.len(), 1)?;
    complete(Proc::new().snapshot()?.len(), 1)?;
    time_tool(&["ipvsadm", "-Sn"], "/dev/null")?;
    Ok(ipvs.flush()?)
}

/// Touches the memory that adding services uses, as the floor does. The services have no servers,
/// because the kernel searches removed servers whenever one is added (`ip_vs_trash_get_dest` in
/// net/netfilter/ipvs/ip_vs_ctl.c).
pub(crate) fn touch_memory(ipvs: &mut Ipvs, services: u32) -> Outcome {
    drop(operations(services).collect::<Operations>());
    // Enough to fill a datagram.
    let without_servers =
        (0..services.max(1_000)).map(|number| Operation::AddService(service(number)));
    done(ipvs.execute_all(without_servers, OnFailure::Continue))?;
    Ok(ipvs.flush()?)
}

pub(crate) fn add(ipvs: &mut Ipvs, services: u32) -> Outcome {
    done(ipvs.execute_all(operations(services), OnFailure::Continue))
}

fn add_gathered(ipvs: &mut Ipvs, services: u32) -> Outcome {
    let mut batch = Operations::new();
    for number in 0..services {
        let service = service(number);
        batch.add_service(&service);
        for server in 0..SERVERS {
            batch.add_server(&service, &real_server(server));
        }
    }
    done(ipvs.execute_all(batch, OnFailure::Continue))
}

/// Reads the whole table, service by service.
pub(crate) fn read(ipvs: &mut Ipvs, services: u32) -> Outcome {
    let mut count = 0;
    for entry in ipvs.entries()? {
        std::hint::black_box(entry?);
        count += 1;
    }
    complete(count, services)
}

pub(crate) fn done(outcome: ipvset::Outcome<Operation>) -> Outcome {
    outcome.into_result()?;
    Ok(())
}

pub(crate) fn complete(count: usize, services: u32) -> Outcome {
    if count == services as usize {
        return Ok(());
    }
    Err(format!("{count} services instead of {services}").into())
}

pub(crate) fn service(number: u32) -> VirtualService {
    let address = Ipv4Addr::from_bits(0x0a64_0001 + number);
    VirtualService::tcp(SocketAddr::from((address, 8080))).scheduler(Scheduler::RoundRobin)
}

pub(crate) fn real_server(number: u32) -> RealServer {
    let address = Ipv4Addr::from_bits(0x0a00_000b + number);
    RealServer::new(SocketAddr::from((address, 8080))).masquerade()
}

/// Returns all operations in order.
pub(crate) fn operations(services: u32) -> impl Iterator<Item = Operation> {
    (0..services).flat_map(|number| {
        let service = service(number);
        let key = service.key;
        let servers = (0..SERVERS).map(move |it| Operation::AddServer(key, real_server(it)));
        std::iter::once(Operation::AddService(service)).chain(servers)
    })
}
