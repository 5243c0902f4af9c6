//! The meaning of the kernel's error numbers, which depends on the request.

use nix::errno::Errno;

use crate::error::{Cause, Meaning};
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::netlink::Failure;
use crate::{Error, ErrorKind, Missing};

/// Returns the error of an operation that failed.
pub(in crate::ipvs) fn operation_failed(operation: &Operation, failure: Failure) -> Error {
    let cause = Cause::from_failure(failure, |code| of_operation(operation, code));
    named(operation, Error::new(operation.name(), cause))
}

/// Returns the error of an operation that is invalid, and so was not sent to the kernel.
pub(in crate::ipvs) fn operation_refused(operation: &Operation, why: String) -> Error {
    named(operation, Error::refused(operation.name(), why))
}

/// Returns the error of an operation that was not sent to the kernel.
pub(in crate::ipvs) fn operation_not_tried(operation: &Operation, cause: Cause) -> Error {
    named(operation, Error::new(operation.name(), cause))
}

/// Returns the error of a query that failed.
pub(in crate::ipvs) fn query_failed(query: &Query, failure: Failure) -> Error {
    let cause = Cause::from_failure(failure, |code| of_query(query, code));
    let error = Error::new(query.name(), cause);
    match query.key() {
        Some(key) => error.object(key),
        None => error,
    }
}

fn named(operation: &Operation, error: Error) -> Error {
    match operation.object() {
        Some(object) => error.object(object),
        None => error,
    }
}

fn of_operation(operation: &Operation, code: i32) -> Meaning {
    use Operation as O;
    let errno = Errno::from_raw(code);
    match (errno, operation) {
        (Errno::ESRCH, O::StopDaemon(_)) => {
            Meaning::missing(Missing::Daemon, "no such daemon runs")
        }
        (Errno::ESRCH, O::StartDaemon(_)) => {
            Meaning::busy("the kernel is starting or stopping a daemon at the moment")
        }
        (Errno::ESRCH, _) => no_service(),
        (Errno::EEXIST, O::StartDaemon(_)) => Meaning::exists("such a daemon runs already"),
        (Errno::EEXIST, O::AddServer(..) | O::PutServer(..)) => {
            Meaning::exists("the service has this server already")
        }
        (Errno::EEXIST, _) => Meaning::exists("the service exists already"),
        (
            Errno::ENOENT,
            O::AddService(service) | O::UpdateService(service) | O::PutService(service),
        ) => {
            let scheduler = service.scheduler;
            match service.persistence_engine {
                None => Meaning::missing(
                    Missing::Scheduler,
                    format!("the kernel has no scheduler `{scheduler}`"),
                ),
                Some(engine) => Meaning::missing(
                    Missing::SchedulerOrEngine,
                    format!(
                        "the kernel has no scheduler `{scheduler}` or no persistence engine \
                         `{engine}`"
                    ),
                ),
            }
        }
        (
            Errno::ENOENT,
            O::UpdateServer(..)
            | O::PutServer(..)
            | O::RemoveServer(..)
            | O::RemoveServerIfPresent(..),
        ) => Meaning::missing(Missing::Server, NO_SERVER),
        (
            Errno::EINVAL,
            O::AddServer(_, server) | O::UpdateServer(_, server) | O::PutServer(_, server),
        ) if server.upper_threshold > i32::MAX as u32 => {
            Meaning::invalid("this kernel accepts no upper threshold above 2147483647")
        }
        (Errno::EINVAL, O::AddServer(key, server) | O::PutServer(key, server))
            if crate::Family::of(server.address.ip()) != key.family() =>
        {
            Meaning::invalid(
                "a service can't have a server of another family while a sync daemon runs",
            )
        }
        (Errno::EINVAL, O::AddServer(_, server) | O::PutServer(_, server)) => {
            Meaning::invalid(format!(
                "a server needs a unicast address or one of this machine; by this machine's \
                 routes, {} is neither",
                server.address.ip()
            ))
        }
        (Errno::EINVAL, O::StartDaemon(_)) => Meaning::invalid(
            "a value of the daemon is invalid, or a service has a server of another family",
        ),
        (Errno::ENODEV, O::StartDaemon(daemon)) => Meaning::missing(
            Missing::Interface,
            format!("there is no network interface `{}`", daemon.interface),
        ),
        _ => of_any(errno),
    }
}

fn of_query(query: &Query, code: i32) -> Meaning {
    match (Errno::from_raw(code), query) {
        (Errno::ESRCH, Query::Service(_) | Query::Servers(_)) => no_service(),
        (errno, _) => of_any(errno),
    }
}

fn of_any(errno: Errno) -> Meaning {
    match errno {
        Errno::EPERM => Meaning::new(
            ErrorKind::PermissionDenied,
            "this needs CAP_NET_ADMIN: over netlink in the initial user namespace, over socket \
             options in the one that owns the network namespace",
        ),
        Errno::EAFNOSUPPORT => {
            Meaning::unavailable("the kernel has no IPv6, or it is switched off")
        }
        Errno::EOPNOTSUPP => {
            Meaning::unavailable("the IPVS of this kernel does not know the command")
        }
        Errno::EINVAL => Meaning::invalid("the kernel says that a value is invalid"),
        Errno::ERANGE => Meaning::invalid("the kernel says that a number is out of range"),
        Errno::EBUSY => ErrorKind::Busy.into(),
        _ => ErrorKind::Other.into(),
    }
}

/// The reason in the error if IPVS was unloaded since the handle was opened.
pub(in crate::ipvs) const GONE: &str =
    "the kernel has no IPVS any more; load its module ip_vs, and connect again";

pub(in crate::ipvs) const NO_SERVER: &str = "the service has no such server";

fn no_service() -> Meaning {
    Meaning::missing(Missing::Service, "there is no such service")
}

/// Returns true if the operation is a removal "if present" that found nothing to remove.
pub(in crate::ipvs) fn is_settled(operation: &Operation, failure: &Failure) -> bool {
    let Failure::Rejected(rejection) = failure else {
        return false;
    };
    matches!(
        (operation, Errno::from_raw(rejection.code)),
        (Operation::RemoveServiceIfPresent(_), Errno::ESRCH)
            | (
                Operation::RemoveServerIfPresent(..),
                Errno::ESRCH | Errno::ENOENT
            )
    )
}

/// Returns true if the operation is a "put" that was sent as an addition and has to be sent as an
/// update, since the object exists.
pub(in crate::ipvs) fn wants_update(operation: &Operation, failure: &Failure) -> bool {
    matches!(
        operation,
        Operation::PutService(_) | Operation::PutServer(..)
    ) && matches!(failure, Failure::Rejected(rejection)
            if rejection.code == Errno::EEXIST as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{
        PersistenceEngine, RealServer, ServiceKey, SyncDaemon, SyncRole, VirtualService,
    };
    use crate::netlink::Rejection;

    const ALL: [Errno; 10] = [
        Errno::ESRCH,
        Errno::EEXIST,
        Errno::ENOENT,
        Errno::EINVAL,
        Errno::ENODEV,
        Errno::EPERM,
        Errno::EAFNOSUPPORT,
        Errno::EOPNOTSUPP,
        Errno::ERANGE,
        Errno::EBUSY,
    ];

    fn kinds(operation: &Operation) -> [ErrorKind; 10] {
        ALL.map(|errno| of_operation(operation, errno as i32).kind)
    }

    fn missing(operation: &Operation, errno: Errno) -> Option<Missing> {
        of_operation(operation, errno as i32).missing
    }

    #[test]
    fn a_number_means_what_its_operation_makes_of_it() {
        use ErrorKind as K;
        let web = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
        let server = RealServer::new("10.1.0.1:80".parse().unwrap());
        let rest = [
            K::PermissionDenied,
            K::Unavailable,
            K::Unavailable,
            K::InvalidInput,
            K::Busy,
        ];
        let with = |first: [K; 5]| -> [K; 10] { [first, rest].concat().try_into().unwrap() };
        let add = Operation::AddService(web.clone());
        let usual = [
            K::NotFound,
            K::AlreadyExists,
            K::NotFound,
            K::InvalidInput,
            K::Other,
        ];
        assert_eq!(kinds(&add), with(usual));
        assert_eq!(missing(&add, Errno::ENOENT), Some(Missing::Scheduler));
        assert_eq!(missing(&add, Errno::ESRCH), Some(Missing::Service));
        let engine = web.clone().persistence_engine(PersistenceEngine::Sip);
        let add = Operation::UpdateService(engine);
        let either = Some(Missing::SchedulerOrEngine);
        assert_eq!(missing(&add, Errno::ENOENT), either);
        let remove = Operation::RemoveServer(web.key, server.address);
        assert_eq!(kinds(&remove), with(usual));
        assert_eq!(missing(&remove, Errno::ENOENT), Some(Missing::Server));
        let add = Operation::AddServer(web.key, server.clone());
        let no_server = [
            K::NotFound,
            K::AlreadyExists,
            K::Other,
            K::InvalidInput,
            K::Other,
        ];
        assert_eq!(kinds(&add), with(no_server));
        let start = Operation::StartDaemon(SyncDaemon::new(SyncRole::Master, "eth0"));
        let daemon = [
            K::Busy,
            K::AlreadyExists,
            K::Other,
            K::InvalidInput,
            K::NotFound,
        ];
        assert_eq!(kinds(&start), with(daemon));
        assert_eq!(missing(&start, Errno::ENODEV), Some(Missing::Interface));
        let stop = Operation::StopDaemon(SyncRole::Master);
        assert_eq!(missing(&stop, Errno::ESRCH), Some(Missing::Daemon));
        assert_eq!(of_operation(&stop, 5).kind, K::Other);
    }

    #[test]
    fn an_invalid_server_is_explained() {
        let key: ServiceKey = "-t 10.0.0.1:80".parse().unwrap();
        let words = |operation| {
            let meaning = of_operation(&operation, Errno::EINVAL as i32);
            meaning.words.unwrap().into_owned()
        };
        let add = |server| words(Operation::AddServer(key, server));
        let server = RealServer::new("10.1.0.1:80".parse().unwrap());
        assert!(add(server.clone()).contains("unicast"));
        let high = server.clone().upper_threshold(1 << 31);
        assert!(add(high.clone()).contains("upper threshold"));
        assert!(words(Operation::UpdateServer(key, high)).contains("upper threshold"));
        let highest = server.upper_threshold((1 << 31) - 1);
        assert!(add(highest).contains("unicast"));
        let other = RealServer::new("[fd00::1]:80".parse().unwrap());
        assert!(add(other).contains("another family"));
    }

    #[test]
    fn what_exists_or_is_invalid_is_named() {
        let key: ServiceKey = "-t 10.0.0.1:80".parse().unwrap();
        let words = |operation: &Operation, errno: Errno| {
            let meaning = of_operation(operation, errno as i32);
            meaning.words.unwrap().into_owned()
        };
        let start = Operation::StartDaemon(SyncDaemon::master("eth0"));
        assert!(words(&start, Errno::EEXIST).contains("daemon"));
        assert!(words(&start, Errno::EINVAL).contains("daemon"));
        let server = RealServer::new("10.1.0.1:80".parse().unwrap());
        let add = Operation::AddServer(key, server);
        assert!(words(&add, Errno::EEXIST).contains("has this server"));
        let add = Operation::AddService(VirtualService::tcp("10.0.0.1:80".parse().unwrap()));
        assert!(words(&add, Errno::EEXIST).contains("service exists"));
    }

    #[test]
    fn only_a_put_of_what_exists_is_sent_as_an_update() {
        let refused = |errno: Errno| {
            let (code, extended, echo) = (errno as i32, None, Vec::new());
            Failure::Rejected(Rejection {
                code,
                extended,
                echo,
            })
        };
        let web = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
        let put = Operation::PutService(web.clone());
        assert!(wants_update(&put, &refused(Errno::EEXIST)));
        assert!(!wants_update(&put, &refused(Errno::EPERM)));
        assert!(!wants_update(&put, &Failure::RepliesLost));
        let add = Operation::AddService(web);
        assert!(!wants_update(&add, &refused(Errno::EEXIST)));
    }

    #[test]
    fn queries_of_a_service_that_is_not_there_say_so() {
        let key: ServiceKey = "-f 7".parse().unwrap();
        let kind = |query: &Query, errno: Errno| of_query(query, errno as i32).kind;
        for query in [Query::Service(key), Query::Servers(key)] {
            assert_eq!(kind(&query, Errno::ESRCH), ErrorKind::NotFound);
        }
        assert_eq!(kind(&Query::Services, Errno::ESRCH), ErrorKind::Other);
        let denied = kind(&Query::Info, Errno::EPERM);
        assert_eq!(denied, ErrorKind::PermissionDenied);
    }
}
