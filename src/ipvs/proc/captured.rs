//! Files of a real kernel: Linux 6.1, User Mode Linux, 100 ticks a second.
//!
//! A director with the services below stood between a client and a server in network namespaces.
//! The client made:
//! - TCP connections that were opened, half opened, closed from either end and reset,
//! - a UDP packet to each UDP service, with a Call-ID to those with the persistence engine,
//! - an SCTP association,
//! - a TCP connection to an address whose packets carry firewall mark 7.
//!
//! ```text
//! -A -t 10.9.9.9:80 -s rr
//! -a -t 10.9.9.9:80 -r 10.0.0.2:8080 -m -w 100
//! -a -t 10.9.9.9:80 -r 10.0.0.12:8080 -m -w 0
//! -A -t 10.9.9.9:81 -s wlc -p 300 -M 255.255.255.0
//! -a -t 10.9.9.9:81 -r 10.0.0.2:8080 -m
//! -A -t 10.9.9.9:82 -s mh -b mh-port,mh-fallback
//! -a -t 10.9.9.9:82 -r 10.0.0.2:82 -g -x 100 -y 50
//! -a -t 10.9.9.9:82 -r 10.0.0.12:82 -i
//! -a -t 10.9.9.9:82 -r 10.0.0.13:82 -i --tun-type gue --tun-port 6080 --tun-csum
//! -a -t 10.9.9.9:82 -r 10.0.0.14:82 -i --tun-type gre
//! -a -t 10.9.9.9:82 -r 10.0.0.101:82 -m
//! -a -t 10.9.9.9:82 -r [fd00::2]:82 -i
//! -A -t 10.9.9.9:0 -s sh -p 50
//! -a -t 10.9.9.9:0 -r 10.0.0.2:0 -m
//! -A -u 10.9.9.9:53 -s rr -o
//! -a -u 10.9.9.9:53 -r 10.0.0.2:53 -m
//! -A -u 10.9.9.9:54 -s rr
//! -a -u 10.9.9.9:54 -r 10.0.0.2:53 -m
//! -A -u 10.9.9.9:5060 -s rr -p 60 --pe sip
//! -a -u 10.9.9.9:5060 -r 10.0.0.2:5060 -m
//! -A --sctp-service 10.9.9.9:90 -s nq
//! -a --sctp-service 10.9.9.9:90 -r 10.0.0.2:90 -m
//! -A -f 7 -s rr -p 100 -o
//! -a -f 7 -r 10.0.0.2:0 -m
//! -A -f 7 -6 -s rr -p 100 -M 64
//! -a -f 7 -6 -r [fd00::2]:0 -m
//! -A -f 4294967295 -s lc
//! -A -t [fd09::9]:80 -s rr
//! -a -t [fd09::9]:80 -r [fd00::2]:8080 -m
//! -A -u [fd09::9]:54 -s rr -p 30 -M 64 -o
//! -a -u [fd09::9]:54 -r [fd00::2]:53 -m
//! -A -t [fd09::9]:82 -s rr
//! -a -t [fd09::9]:82 -r [fd00::2]:82 -g
//! -a -t [fd09::9]:82 -r 10.0.0.12:82 -i
//! -A -u [fd09::9]:5060 -s rr -p 60 --pe sip
//! -a -u [fd09::9]:5060 -r [fd00::2]:5060 -m
//! ```

/// `cat /proc/net/ip_vs`
pub(super) const TABLE: &[u8] = include_bytes!("captured/ip_vs.txt");
/// `cat /proc/net/ip_vs_conn`
pub(super) const CONNECTIONS: &[u8] = include_bytes!("captured/conn.txt");
/// `ipvsadm --start-daemon master --syncid 5`, more connections, `cat /proc/net/ip_vs_conn_sync`
pub(super) const SYNC_MASTER: &[u8] = include_bytes!("captured/conn_sync_master.txt");
/// The same file in another namespace, after `ipvsadm --start-daemon backup --syncid 5` there.
pub(super) const SYNC_BACKUP: &[u8] = include_bytes!("captured/conn_sync_backup.txt");
/// `cat /proc/net/ip_vs_stats`
pub(super) const STATS: &str = include_str!("captured/stats.txt");
/// `cat /proc/net/ip_vs_stats_percpu`
pub(super) const STATS_PER_CPU: &str = include_str!("captured/stats_percpu.txt");

/// `cat /proc/net/ip_vs_status` on Linux 7.2 with one service.
pub(super) const STATUS: &[u8] = include_bytes!("captured/status.txt");

/// Calls `read` with every prefix of `text`, and with `text` after replacing or removing each of
/// its bytes.
pub(super) fn damaged(text: &[u8], mut read: impl FnMut(&[u8])) {
    for end in 0..text.len() {
        read(&text[..end]);
    }
    let mut bytes = text.to_vec();
    for at in 0..bytes.len() {
        let original = bytes[at];
        for other in [0, b'\n', b' ', b'0', b'F', b':', b'[', 0xff, original ^ 1] {
            bytes[at] = other;
            read(&bytes);
        }
        bytes.remove(at);
        read(&bytes);
        bytes.insert(at, original);
    }
}
