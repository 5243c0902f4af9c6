//! The two interfaces over which the kernel's IPVS is controlled, and the choice between them.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;

use super::netlink::Netlink;
use super::sockopt::SocketOptions;
use crate::error::{Cause, Kernel, Meaning};
use crate::ipvs::message::reason::{operation_failed, operation_refused};
use crate::ipvs::message::sockopt::encode::UNREPORTED_TUNNEL;
use crate::ipvs::model::control_interface::ControlInterface;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::netlink::{Failure, Protocol, Socket, Transport};
use crate::{Error, ErrorKind, Namespace, Result};

const CONNECT: &str = "connect to IPVS";

/// Returns the error of a socket that could not be opened.
pub(crate) fn connect_failed(failure: Failure) -> Error {
    let cause = Cause::from_failure(failure, |_| ErrorKind::Other.into());
    Error::new(CONNECT, cause)
}

/// A socket for each interface, both in the same network namespace.
#[derive(Debug)]
pub(crate) struct Sockets<T> {
    netlink: T,
    options: Result<OwnedFd, Failure>,
}

impl Sockets<Socket> {
    /// Opens both in the calling thread's network namespace.
    pub(crate) fn open() -> Result<Self> {
        Self::try_open().map_err(connect_failed)
    }

    /// Opens both in another network namespace.
    pub(crate) fn open_in(namespace: &Namespace) -> Result<Self> {
        let opened = namespace.enter(Self::try_open).map_err(Failure::from);
        opened.and_then(|it| it).map_err(connect_failed)
    }

    fn try_open() -> Result<Self, Failure> {
        Ok(Self {
            netlink: Socket::open(Protocol::Generic)?,
            options: SocketOptions::open(),
        })
    }
}

#[cfg(feature = "tokio")]
impl<T> Sockets<T> {
    /// Converts the netlink socket.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Sockets<U> {
        Sockets {
            netlink: convert(self.netlink),
            options: self.options,
        }
    }
}

/// An exchange with the kernel's IPVS over one of the interfaces.
#[derive(Debug)]
pub(in crate::ipvs) enum Control<T> {
    Netlink(Netlink<T>),
    SocketOptions {
        options: SocketOptions,
        /// The netlink transport, which lets other tasks run.
        transport: T,
    },
}

impl<T: Transport> Control<T> {
    /// Connects over the given interface, or over the first that the program may use.
    pub(in crate::ipvs) async fn connect(
        sockets: Sockets<T>,
        wanted: Option<ControlInterface>,
    ) -> Result<Self> {
        // Connecting over netlink loads the module where modules may be loaded. So this comes
        // first, whichever interface is wanted.
        let netlink = Netlink::connect(sockets.netlink).await;
        let mut netlink = netlink.map_err(connect_failed)?.ok_or_else(not_loaded)?;
        if wanted != Some(ControlInterface::SocketOptions) {
            match netlink.ask(&Query::Info, &mut |_| {}).await {
                Ok(_) => return Ok(Self::Netlink(netlink)),
                Err(failure) if !is_denied(&failure) => return Err(connect_failed(failure)),
                Err(_) => {}
            }
            if wanted == Some(ControlInterface::Netlink) {
                return Err(denied(NETLINK_DENIED));
            }
        }
        let options = sockets.options.and_then(SocketOptions::connect);
        match options {
            Ok(options) => Ok(Self::SocketOptions {
                options,
                transport: netlink.into_transport(),
            }),
            Err(failure) if is_denied(&failure) => Err(denied(both_denied())),
            Err(failure) => Err(connect_failed(failure)),
        }
    }

    pub(in crate::ipvs) fn interface(&self) -> ControlInterface {
        match self {
            Self::Netlink(_) => ControlInterface::Netlink,
            Self::SocketOptions { .. } => ControlInterface::SocketOptions,
        }
    }

    /// Waits for `time`.
    pub(in crate::ipvs) async fn pause(&mut self, time: Duration) {
        match self {
            Self::Netlink(netlink) => netlink.pause(time).await,
            Self::SocketOptions { transport, .. } => transport.pause(time).await,
        }
    }

    /// Checks an operation, without the kernel.
    pub(in crate::ipvs) fn check(&self, operation: &Operation) -> Result<()> {
        let checked = operation.check();
        let lack = match self {
            Self::Netlink(_) => None,
            Self::SocketOptions { .. } => SocketOptions::lack(operation),
        };
        match (checked, lack) {
            (Ok(()), None) => Ok(()),
            // A value that netlink takes, or one that is invalid only because of what was read.
            (Ok(()), Some(lack)) | (Err(_), Some(lack @ UNREPORTED_TUNNEL)) => {
                Err(operation_failed(operation, Failure::NetlinkRequired(lack)))
            }
            (Err(why), _) => Err(operation_refused(operation, why)),
        }
    }

    /// Carries out one operation.
    pub(in crate::ipvs) async fn execute(&mut self, operation: &Operation) -> Result<(), Failure> {
        match self {
            Self::Netlink(netlink) => netlink.execute(operation).await,
            Self::SocketOptions { options, transport } => {
                transport.give_way().await;
                options.execute(operation)
            }
        }
    }

    /// Sends a query and passes each report to `each`. Returns the number of pieces in which the
    /// reports arrived: the kernel may change a list between two of them.
    pub(in crate::ipvs) async fn ask(
        &mut self,
        query: &Query,
        each: &mut impl FnMut(Report),
    ) -> Result<usize, Failure> {
        match self {
            Self::Netlink(netlink) => netlink.ask(query, each).await,
            Self::SocketOptions { options, transport } => {
                transport.give_way().await;
                options.ask(query, each).map(|()| 1)
            }
        }
    }
}

fn is_denied(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(it) if it.code == Errno::EPERM as i32)
}

fn not_loaded() -> Error {
    let why = "the kernel has no IPVS: its module `ip_vs` is not loaded, and the kernel did not \
               load it by itself. The machine's root can load it with `modprobe ip_vs`, but not \
               from a rootless container. If there is no such module, the kernel was built without \
               CONFIG_IP_VS";
    Error::new(CONNECT, Cause::Unavailable(why.into()))
}

const NETLINK_DENIED: &str = "IPVS's netlink interface needs CAP_NET_ADMIN in the initial user \
                              namespace, whatever the network namespace; its socket options do not";

/// Returns what is missing if neither interface may be used.
fn both_denied() -> &'static str {
    match has_net_admin() {
        Some(true) => {
            "the program has CAP_NET_ADMIN in its own user namespace, but another one owns the \
             network namespace: a container needs a network namespace of its own, and \
             `unshare -Urn` makes one together with a user namespace"
        }
        Some(false) => {
            "the program lacks CAP_NET_ADMIN; `unshare -Urn` starts one that has it, in a user \
             and a network namespace of its own"
        }
        None => "this needs CAP_NET_ADMIN in the user namespace that owns the network namespace",
    }
}

fn denied(words: &'static str) -> Error {
    let cause = Cause::Kernel(Kernel {
        code: Errno::EPERM as i32,
        meaning: Meaning::new(ErrorKind::PermissionDenied, words),
        extended: None,
    });
    Error::new(CONNECT, cause)
}

/// Returns whether the calling thread has `CAP_NET_ADMIN` in its own user namespace, if `/proc`
/// shows it.
fn has_net_admin() -> Option<bool> {
    /// `CAP_NET_ADMIN` of include/uapi/linux/capability.h.
    const NET_ADMIN: u32 = 12;
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let effective = status.lines().find_map(|it| it.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(effective.trim(), 16).ok()?;
    Some(effective >> NET_ADMIN & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::super::sockopt::rejected;
    use super::super::tests::family;
    use super::*;
    use crate::netlink::ready;
    use crate::netlink::scripted::{Request, Scripted};

    /// Connects over the socket options only, whose socket could not be opened.
    fn connect(errno: Errno) -> Error {
        let transport = Scripted::new(|request: &Request<'_>| vec![family(request)]);
        let sockets = Sockets {
            netlink: transport,
            options: Err(rejected(errno)),
        };
        let wanted = Some(ControlInterface::SocketOptions);
        ready(Control::connect(sockets, wanted)).err().unwrap()
    }

    #[test]
    fn only_eperm_means_that_a_right_is_missing() {
        let error = connect(Errno::EPERM);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
        let error = connect(Errno::EMFILE);
        assert_eq!(error.errno(), Some(Errno::EMFILE as i32));
        assert_ne!(error.kind(), ErrorKind::PermissionDenied);
    }
}
