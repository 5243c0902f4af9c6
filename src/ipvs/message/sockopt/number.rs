//! The numbers of the options: `IP_VS_SO_SET_*` and `IP_VS_SO_GET_*`.

use std::ffi::c_int;

pub(in crate::ipvs) const ADD_SERVICE: c_int = 1154;
pub(in crate::ipvs) const UPDATE_SERVICE: c_int = 1155;
pub(in crate::ipvs) const REMOVE_SERVICE: c_int = 1156;
pub(in crate::ipvs) const FLUSH: c_int = 1157;
pub(in crate::ipvs) const ADD_SERVER: c_int = 1159;
pub(in crate::ipvs) const REMOVE_SERVER: c_int = 1160;
pub(in crate::ipvs) const UPDATE_SERVER: c_int = 1161;
pub(in crate::ipvs) const SET_TIMEOUTS: c_int = 1162;
pub(in crate::ipvs) const START_DAEMON: c_int = 1163;
pub(in crate::ipvs) const STOP_DAEMON: c_int = 1164;
pub(in crate::ipvs) const ZERO: c_int = 1167;

/// An option that can only be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ipvs) enum Readable {
    Info = 1153,
    Services = 1154,
    Service = 1155,
    Servers = 1156,
    Timeouts = 1158,
    Daemons = 1159,
}
