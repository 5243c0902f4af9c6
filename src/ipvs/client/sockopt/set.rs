//! The socket options that change something.

use std::os::fd::OwnedFd;

use nix::libc::{self, IPPROTO_IP};
use nix::sys::socket::setsockopt;
use nix::{setsockopt_impl, sockopt_impl};

use crate::ipvs::message::sockopt::encode::{Change, DAEMON, SERVER, SERVICE, TIMEOUTS};
use crate::ipvs::message::sockopt::number;

sockopt_impl!(
    AddService,
    SetOnly,
    IPPROTO_IP,
    number::ADD_SERVICE,
    [u8; SERVICE]
);
sockopt_impl!(
    UpdateService,
    SetOnly,
    IPPROTO_IP,
    number::UPDATE_SERVICE,
    [u8; SERVICE]
);
sockopt_impl!(
    RemoveService,
    SetOnly,
    IPPROTO_IP,
    number::REMOVE_SERVICE,
    [u8; SERVICE]
);
sockopt_impl!(Zero, SetOnly, IPPROTO_IP, number::ZERO, [u8; SERVICE]);
sockopt_impl!(Flush, SetOnly, IPPROTO_IP, number::FLUSH, [u8; 0]);
sockopt_impl!(
    AddServer,
    SetOnly,
    IPPROTO_IP,
    number::ADD_SERVER,
    [u8; SERVER]
);
sockopt_impl!(
    UpdateServer,
    SetOnly,
    IPPROTO_IP,
    number::UPDATE_SERVER,
    [u8; SERVER]
);
sockopt_impl!(
    RemoveServer,
    SetOnly,
    IPPROTO_IP,
    number::REMOVE_SERVER,
    [u8; SERVER]
);
sockopt_impl!(
    SetTimeouts,
    SetOnly,
    IPPROTO_IP,
    number::SET_TIMEOUTS,
    [u8; TIMEOUTS]
);
sockopt_impl!(
    StartDaemon,
    SetOnly,
    IPPROTO_IP,
    number::START_DAEMON,
    [u8; DAEMON]
);
sockopt_impl!(
    StopDaemon,
    SetOnly,
    IPPROTO_IP,
    number::STOP_DAEMON,
    [u8; DAEMON]
);

/// Carries out a change.
pub(super) fn set(socket: &OwnedFd, change: &Change) -> nix::Result<()> {
    match change {
        Change::AddService(it) => setsockopt(socket, AddService, it),
        Change::UpdateService(it) => setsockopt(socket, UpdateService, it),
        Change::RemoveService(it) => setsockopt(socket, RemoveService, it),
        Change::Zero(it) => setsockopt(socket, Zero, it),
        Change::Flush => setsockopt(socket, Flush, &[]),
        Change::AddServer(it) => setsockopt(socket, AddServer, it),
        Change::UpdateServer(it) => setsockopt(socket, UpdateServer, it),
        Change::RemoveServer(it) => setsockopt(socket, RemoveServer, it),
        Change::SetTimeouts(it) => setsockopt(socket, SetTimeouts, it),
        Change::StartDaemon(it) => setsockopt(socket, StartDaemon, it),
        Change::StopDaemon(it) => setsockopt(socket, StopDaemon, it),
    }
}
