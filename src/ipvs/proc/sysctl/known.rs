use std::time::Duration;

use super::value::Limits;
use super::{ConnectionReuse, DefenseMode, SyncThreshold, Sysctl};

/// One packet in so many is dropped while [`DROP_PACKET`] is [`DefenseMode::Always`]: 10 in a
/// fresh kernel.
pub const AM_DROPRATE: Sysctl<i32> = Sysctl::new("am_droprate");

/// With fewer free pages of memory than this the automatic defences become active: 1024 in a
/// fresh kernel.
pub const AMEMTHRESH: Sysctl<i32> = Sysctl::new("amemthresh");

/// While a backup sync daemon runs, connections are not scheduled here, so that packets of
/// direct routing and tunnels do not go round: off in a fresh kernel.
pub const BACKUP_ONLY: Sysctl<bool> = Sysctl::new("backup_only");

/// Packets for which no cache server is available go to their own destination: off in a fresh
/// kernel.
pub const CACHE_BYPASS: Sysctl<bool> = Sysctl::new("cache_bypass");

/// The size of the table of connections: 2 to the power of this is how many connections a
/// bucket has, so that less is more memory. -8 to 8; -4 in a fresh kernel, more in other network
/// namespaces than the first. A change resizes the table at once, which
/// [`Proc::status`](super::super::Proc::status) shows. Linux 7.1.
pub const CONN_LFACTOR: Sysctl<i32> = Sysctl::limited("conn_lfactor", Limits::Range(-8, 8));

/// How many connections the namespace may have: up to 2^30 on 64-bit machines, as in a fresh
/// kernel, and up to 2^24 on others. Linux 7.2.
pub const CONN_MAX: Sysctl<i32> = Sysctl::limited("conn_max", Limits::Range(0, 1 << 30));

/// What is done with a new connection that looks like an old one:
/// [`ConnectionReuse::RESCHEDULE`] in a fresh kernel. Before Linux 5.9, anything but nothing
/// delays such connections by a second when [`CONNTRACK`] is on.
pub const CONN_REUSE_MODE: Sysctl<ConnectionReuse> = Sysctl::new("conn_reuse_mode");

/// Connections of IPVS are connections of netfilter's too, for rules that look at their state
/// or translate addresses: off in a fresh kernel. Only in kernels with `CONFIG_IP_VS_NFCT`.
pub const CONNTRACK: Sysctl<bool> = Sysctl::new("conntrack");

/// How much the kernel logs; only in kernels with `CONFIG_IP_VS_DEBUG`. From 0, errors of
/// transmission, to 12, each packet's way.
pub const DEBUG_LEVEL: Sysctl<i32> = Sysctl::new("debug_level");

/// Half-open connections are forgotten at random: [`DefenseMode::Off`] in a fresh kernel.
pub const DROP_ENTRY: Sysctl<DefenseMode> = Sysctl::new("drop_entry");

/// Packets are dropped at a rate that grows as memory gets short: [`DefenseMode::Off`] in a
/// fresh kernel. See [`AM_DROPRATE`].
pub const DROP_PACKET: Sysctl<DefenseMode> = Sysctl::new("drop_packet");

/// The CPUs that may estimate rates, such as `0,2-3`; with none, nothing is estimated. Linux
/// 6.2.
pub const EST_CPULIST: Sysctl<String> = Sysctl::new("est_cpulist");

/// How the threads that estimate rates share the CPU with others: -20 (more) to 19 (less), 0 in
/// a fresh kernel. Linux 6.2.
pub const EST_NICE: Sysctl<i32> = Sysctl::limited("est_nice", Limits::Range(-20, 19));

/// A connection is ended at once when its server was removed, instead of its packets being
/// dropped: off in a fresh kernel. From Linux 5.9 on it happens when the server is removed,
/// before that when the connection's next packet comes.
pub const EXPIRE_NODEST_CONN: Sysctl<bool> = Sysctl::new("expire_nodest_conn");

/// A client that is bound to a server whose weight is 0 gets another for its next connection:
/// off in a fresh kernel.
pub const EXPIRE_QUIESCENT_TEMPLATE: Sysctl<bool> = Sysctl::new("expire_quiescent_template");

/// Packets of protocols that IPVS does not know, such as IP in IP, are never looked into: off
/// in a fresh kernel.
pub const IGNORE_TUNNELED: Sysctl<bool> = Sysctl::new("ignore_tunneled");

/// How long `lblc` keeps a destination that is not asked for; there once the scheduler is
/// loaded. A day in a fresh kernel.
pub const LBLC_EXPIRATION: Sysctl<Duration> = Sysctl::new("lblc_expiration");

/// The same for `lblcr`.
pub const LBLCR_EXPIRATION: Sysctl<Duration> = Sysctl::new("lblcr_expiration");

/// A masqueraded server's packet that belongs to no connection is answered with an ICMP error:
/// off in a fresh kernel.
pub const NAT_ICMP_SEND: Sysctl<bool> = Sysctl::new("nat_icmp_send");

/// Packets too large for the way to their server are refused with an ICMP error: on in a fresh
/// kernel. Off, tunnels fragment them.
pub const PMTU_DISC: Sysctl<bool> = Sysctl::new("pmtu_disc");

/// Statistics are renewed, and rates estimated: on in a fresh kernel. Linux 5.16. From 6.2 on a
/// kernel thread does it.
pub const RUN_ESTIMATION: Sysctl<bool> = Sysctl::new("run_estimation");

/// ICMP errors for connections that are not known yet are scheduled like them: off in a fresh
/// kernel.
pub const SCHEDULE_ICMP: Sysctl<bool> = Sysctl::new("schedule_icmp");

/// TCP connections have to get further to count as established, and are forgotten sooner:
/// [`DefenseMode::Off`] in a fresh kernel.
pub const SECURE_TCP: Sysctl<DefenseMode> = Sysctl::new("secure_tcp");

/// SCTP connections are taken over in the middle, not only from their beginning: off in a fresh
/// kernel.
pub const SLOPPY_SCTP: Sysctl<bool> = Sysctl::new("sloppy_sctp");

/// TCP connections are taken over in the middle, not only from their beginning: off in a fresh
/// kernel.
pub const SLOPPY_TCP: Sysctl<bool> = Sysctl::new("sloppy_tcp");

/// Packets from masqueraded servers are routed as if this machine had sent them: on in a fresh
/// kernel.
pub const SNAT_REROUTE: Sysctl<bool> = Sysctl::new("snat_reroute");

/// The size of the table of services: 2 to the power of this is how many services a bucket has.
/// -8 to 8; -3 in a fresh kernel, more in other network namespaces than the first. A change
/// resizes the table at once. Linux 7.1.
pub const SVC_LFACTOR: Sysctl<i32> = Sysctl::limited("svc_lfactor", Limits::Range(-8, 8));

/// 1: of persistent services, only the templates are told to backups, which then need
/// [`SLOPPY_TCP`] and [`SLOPPY_SCTP`]; 0, as in a fresh kernel: everything is.
pub const SYNC_PERSIST_MODE: Sysctl<i32> =
    Sysctl::limited("sync_persist_mode", Limits::Range(0, 1));

/// How many threads and UDP ports a sync daemon has, counted from its first port: a power of
/// two up to 64, 1 in a fresh kernel.
pub const SYNC_PORTS: Sysctl<u32> = Sysctl::limited("sync_ports", Limits::PowerOfTwo(64));

/// How many messages a master sync daemon has waiting at most; a fresh kernel takes 1/32 of the
/// pages of memory.
pub const SYNC_QLEN_MAX: Sysctl<u64> = Sysctl::new("sync_qlen_max");

/// A connection whose state stays the same is not told again before this is over (or half its
/// timeout): 0 in a fresh kernel.
pub const SYNC_REFRESH_PERIOD: Sysctl<Duration> = Sysctl::new("sync_refresh_period");

/// How often each message about a connection is repeated, an eighth of [`SYNC_REFRESH_PERIOD`]
/// apart: 0 to 3, 0 in a fresh kernel.
pub const SYNC_RETRIES: Sysctl<i32> = Sysctl::limited("sync_retries", Limits::Range(0, 3));

/// The size of a sync daemon's socket buffer; 0, as in a fresh kernel, is the system's own.
pub const SYNC_SOCK_SIZE: Sysctl<i32> = Sysctl::new("sync_sock_size");

/// With which of its packets a connection is told to backups: 3 and 50 in a fresh kernel.
pub const SYNC_THRESHOLD: Sysctl<SyncThreshold> = Sysctl::new("sync_threshold");

/// The version of the sync daemons' protocol that a master speaks: 0, or 1 as in a fresh
/// kernel. A backup understands both.
pub const SYNC_VERSION: Sysctl<i32> = Sysctl::limited("sync_version", Limits::Range(0, 1));
