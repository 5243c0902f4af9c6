use std::time::Duration;

use super::value::Limits;
use super::{ConnectionReuse, DefenseMode, SyncThreshold, Sysctl};

/// The rate at which [`DROP_PACKET`] drops packets in mode [`DefenseMode::Always`]: one in
/// this many. The default is 10.
pub const AM_DROPRATE: Sysctl<i32> = Sysctl::new("am_droprate");

/// The number of free pages of memory below which the automatic defences become active. The
/// default is 1024.
pub const AMEMTHRESH: Sysctl<i32> = Sysctl::new("amemthresh");

/// Schedules no connections while a backup sync daemon runs, so that packets of direct routing
/// and tunnels do not loop. Off by default.
pub const BACKUP_ONLY: Sysctl<bool> = Sysctl::new("backup_only");

/// Sends packets to their own destination if no cache server is available. Off by default.
pub const CACHE_BYPASS: Sysctl<bool> = Sysctl::new("cache_bypass");

/// The load factor of the table of connections (Linux 7.1): a bucket has 2 to the power of
/// this many connections.
///
/// A smaller factor takes more memory. The range is -8 to 8. The default is -4 in the first
/// network namespace and more in others. A change resizes the table at once;
/// [`Proc::status`](super::super::Proc::status) shows its size.
pub const CONN_LFACTOR: Sysctl<i32> = Sysctl::limited("conn_lfactor", Limits::Range(-8, 8));

/// The maximum number of connections in the namespace (Linux 7.2).
///
/// The limit and the default are 2^30 on 64-bit machines and 2^24 on others.
pub const CONN_MAX: Sysctl<i32> = Sysctl::limited("conn_max", Limits::Range(0, 1 << 30));

/// What happens to a new connection that looks like an old one. The default is
/// [`ConnectionReuse::RESCHEDULE`].
///
/// Before Linux 5.9, any flag delays such connections by a second if [`CONNTRACK`] is on.
pub const CONN_REUSE_MODE: Sysctl<ConnectionReuse> = Sysctl::new("conn_reuse_mode");

/// Makes IPVS's connections known to netfilter's connection tracking, for rules that look at
/// their state or translate addresses. Off by default. Only kernels with `CONFIG_IP_VS_NFCT`
/// have it.
pub const CONNTRACK: Sysctl<bool> = Sysctl::new("conntrack");

/// How much the kernel logs, from 0 (errors of transmission) to 12 (the path of each packet).
/// Only kernels with `CONFIG_IP_VS_DEBUG` have it.
pub const DEBUG_LEVEL: Sysctl<i32> = Sysctl::new("debug_level");

/// When IPVS forgets half-open connections at random. The default is [`DefenseMode::Off`].
pub const DROP_ENTRY: Sysctl<DefenseMode> = Sysctl::new("drop_entry");

/// When IPVS drops packets, at a rate that grows as memory gets short. The default is
/// [`DefenseMode::Off`]. See [`AM_DROPRATE`].
pub const DROP_PACKET: Sysctl<DefenseMode> = Sysctl::new("drop_packet");

/// The CPUs that may estimate rates, such as `0,2-3` (Linux 6.2). If the list is empty,
/// nothing is estimated.
pub const EST_CPULIST: Sysctl<String> = Sysctl::new("est_cpulist");

/// The nice value of the threads that estimate rates (Linux 6.2): from -20 (most CPU time) to
/// 19 (least). The default is 0.
pub const EST_NICE: Sysctl<i32> = Sysctl::limited("est_nice", Limits::Range(-20, 19));

/// Ends a connection at once if its server was removed, instead of dropping its packets. Off
/// by default.
///
/// From Linux 5.9 on, this happens when the server is removed; before, when the connection's
/// next packet arrives.
pub const EXPIRE_NODEST_CONN: Sysctl<bool> = Sysctl::new("expire_nodest_conn");

/// Gives a client whose persistent server has weight 0 another server for its next connection.
/// Off by default.
pub const EXPIRE_QUIESCENT_TEMPLATE: Sysctl<bool> = Sysctl::new("expire_quiescent_template");

/// Never looks into packets of protocols that IPVS does not know, such as IP in IP. Off by
/// default.
pub const IGNORE_TUNNELED: Sysctl<bool> = Sysctl::new("ignore_tunneled");

/// How long `lblc` keeps a destination that no client requests. The default is a day. The
/// kernel has it once the scheduler is loaded.
pub const LBLC_EXPIRATION: Sysctl<Duration> = Sysctl::new("lblc_expiration");

/// How long `lblcr` keeps a destination that no client requests. The default is a day. The
/// kernel has it once the scheduler is loaded.
pub const LBLCR_EXPIRATION: Sysctl<Duration> = Sysctl::new("lblcr_expiration");

/// Answers a masqueraded server's packet that belongs to no connection with an ICMP error. Off
/// by default.
pub const NAT_ICMP_SEND: Sysctl<bool> = Sysctl::new("nat_icmp_send");

/// Refuses packets that are too large for the path to their server with an ICMP error. On by
/// default. If it is off, tunnels fragment such packets.
pub const PMTU_DISC: Sysctl<bool> = Sysctl::new("pmtu_disc");

/// Updates statistics and estimates rates (Linux 5.16). On by default. From 6.2 on, kernel
/// threads do this.
pub const RUN_ESTIMATION: Sysctl<bool> = Sysctl::new("run_estimation");

/// Schedules an ICMP error for an unknown connection like a packet of that connection. Off by
/// default.
pub const SCHEDULE_ICMP: Sysctl<bool> = Sysctl::new("schedule_icmp");

/// When TCP connections need more packets to count as established, and are forgotten sooner.
/// The default is [`DefenseMode::Off`].
pub const SECURE_TCP: Sysctl<DefenseMode> = Sysctl::new("secure_tcp");

/// Accepts SCTP connections from any packet on, not only from their beginning. Off by default.
pub const SLOPPY_SCTP: Sysctl<bool> = Sysctl::new("sloppy_sctp");

/// Accepts TCP connections from any packet on, not only from their beginning. Off by default.
pub const SLOPPY_TCP: Sysctl<bool> = Sysctl::new("sloppy_tcp");

/// Routes packets from masqueraded servers as if this machine had sent them. On by default.
pub const SNAT_REROUTE: Sysctl<bool> = Sysctl::new("snat_reroute");

/// The load factor of the table of services (Linux 7.1): a bucket has 2 to the power of this
/// many services.
///
/// The range is -8 to 8. The default is -3 in the first network namespace and more in others.
/// A change resizes the table at once.
pub const SVC_LFACTOR: Sysctl<i32> = Sysctl::limited("svc_lfactor", Limits::Range(-8, 8));

/// Which connections of persistent services a master sends to the backups: 0, the default, is
/// all; 1 is only the templates.
///
/// With 1, the backups need [`SLOPPY_TCP`] and [`SLOPPY_SCTP`].
pub const SYNC_PERSIST_MODE: Sysctl<i32> =
    Sysctl::limited("sync_persist_mode", Limits::Range(0, 1));

/// The number of threads and UDP ports of a sync daemon, counted from its first port: a power
/// of two up to 64. The default is 1.
pub const SYNC_PORTS: Sysctl<u32> = Sysctl::limited("sync_ports", Limits::PowerOfTwo(64));

/// The maximum number of messages that wait in a master sync daemon. The default is 1/32 of
/// the number of memory pages.
pub const SYNC_QLEN_MAX: Sysctl<u64> = Sysctl::new("sync_qlen_max");

/// The time for which a master does not send a connection again if its state stays the same,
/// or half of the connection's timeout if that is shorter. The default is 0.
pub const SYNC_REFRESH_PERIOD: Sysctl<Duration> = Sysctl::new("sync_refresh_period");

/// How often a master repeats each message about a connection: 0 to 3 times, an eighth of
/// [`SYNC_REFRESH_PERIOD`] apart. The default is 0.
pub const SYNC_RETRIES: Sysctl<i32> = Sysctl::limited("sync_retries", Limits::Range(0, 3));

/// The size of a sync daemon's socket buffer in bytes. 0, the default, is the system's default
/// size.
pub const SYNC_SOCK_SIZE: Sysctl<i32> = Sysctl::new("sync_sock_size");

/// The packets of a connection after which a master sends it to the backups. The default is a
/// threshold of 3 and a period of 50.
pub const SYNC_THRESHOLD: Sysctl<SyncThreshold> = Sysctl::new("sync_threshold");

/// The version of the sync daemons' protocol that a master uses: 0 or 1. The default is 1. A
/// backup understands both.
pub const SYNC_VERSION: Sysctl<i32> = Sysctl::limited("sync_version", Limits::Range(0, 1));

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of `vs_vars` in net/netfilter/ipvs/ip_vs_ctl.c, and of `vs_vars_table` in
    /// ip_vs_lblc.c and ip_vs_lblcr.c.
    #[test]
    fn sysctls_have_the_kernels_names() {
        let names = [
            AM_DROPRATE.name(),
            AMEMTHRESH.name(),
            BACKUP_ONLY.name(),
            CACHE_BYPASS.name(),
            CONN_LFACTOR.name(),
            CONN_MAX.name(),
            CONN_REUSE_MODE.name(),
            CONNTRACK.name(),
            DEBUG_LEVEL.name(),
            DROP_ENTRY.name(),
            DROP_PACKET.name(),
            EST_CPULIST.name(),
            EST_NICE.name(),
            EXPIRE_NODEST_CONN.name(),
            EXPIRE_QUIESCENT_TEMPLATE.name(),
            IGNORE_TUNNELED.name(),
            LBLC_EXPIRATION.name(),
            LBLCR_EXPIRATION.name(),
            NAT_ICMP_SEND.name(),
            PMTU_DISC.name(),
            RUN_ESTIMATION.name(),
            SCHEDULE_ICMP.name(),
            SECURE_TCP.name(),
            SLOPPY_SCTP.name(),
            SLOPPY_TCP.name(),
            SNAT_REROUTE.name(),
            SVC_LFACTOR.name(),
            SYNC_PERSIST_MODE.name(),
            SYNC_PORTS.name(),
            SYNC_QLEN_MAX.name(),
            SYNC_REFRESH_PERIOD.name(),
            SYNC_RETRIES.name(),
            SYNC_SOCK_SIZE.name(),
            SYNC_THRESHOLD.name(),
            SYNC_VERSION.name(),
        ];
        let kernels = "am_droprate amemthresh backup_only cache_bypass conn_lfactor conn_max \
                       conn_reuse_mode conntrack debug_level drop_entry drop_packet est_cpulist \
                       est_nice expire_nodest_conn expire_quiescent_template ignore_tunneled \
                       lblc_expiration lblcr_expiration nat_icmp_send pmtu_disc run_estimation \
                       schedule_icmp secure_tcp sloppy_sctp sloppy_tcp snat_reroute svc_lfactor \
                       sync_persist_mode sync_ports sync_qlen_max sync_refresh_period \
                       sync_retries sync_sock_size sync_threshold sync_version";
        assert!(names.into_iter().eq(kernels.split(' ')));
    }
}
