//! Decodes requests, such as those that a program sends over its own connection, or those in a
//! capture.

use super::decode::{self, nest};
use super::uapi::{command, service, top};
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::query::Query;
use crate::wire::{Attributes, Malformed};

/// A request that was decoded.
pub(super) enum Request {
    Operation(Operation),
    Query(Query),
}

/// Decodes a request. Returns `None` for a message that is or can be a reply of the kernel.
pub(super) fn read(number: u8, message: Attributes<'_>) -> Result<Option<Request>, Malformed> {
    let of_service = || nest(message, top::SERVICE, "the service");
    let of_server = || nest(message, top::SERVER, "the server");
    let key = || decode::key(of_service()?);
    let named = has(message, top::SERVICE)?;
    let operation = match number {
        command::NEW_SERVICE if has(of_service()?, service::STATISTICS)? => return Ok(None),
        command::NEW_SERVICE => Operation::AddService(decode::service_config(of_service()?)?),
        command::SET_SERVICE => Operation::UpdateService(decode::service_config(of_service()?)?),
        command::DEL_SERVICE => Operation::RemoveService(key()?),
        // The kernel's reports of servers do not contain the service.
        command::NEW_SERVER if !named => return Ok(None),
        command::NEW_SERVER => {
            let key = key()?;
            let server = decode::server_config(of_server()?, Some(key.family()))?;
            Operation::AddServer(key, server)
        }
        command::SET_SERVER => {
            let key = key()?;
            let server = decode::server_config(of_server()?, Some(key.family()))?;
            Operation::UpdateServer(key, server)
        }
        command::DEL_SERVER => {
            let key = key()?;
            let address = decode::server_address(of_server()?, Some(key.family()))?;
            Operation::RemoveServer(key, address)
        }
        command::DEL_DAEMON => {
            let daemon = nest(message, top::DAEMON, "the sync daemon")?;
            Operation::StopDaemon(decode::role(daemon)?)
        }
        command::ZERO if named => Operation::ZeroService(key()?),
        command::ZERO => Operation::Zero,
        command::FLUSH => Operation::Flush,
        command::GET_SERVICE if named => return query(Query::Service(key()?)),
        command::GET_SERVICE => return query(Query::Services),
        command::GET_SERVERS => return query(Query::Servers(key()?)),
        command::GET_CONFIG => return query(Query::Timeouts),
        command::GET_DAEMONS => return query(Query::Daemons),
        command::GET_INFO => return query(Query::Info),
        _ => return Ok(None),
    };
    Ok(Some(Request::Operation(operation)))
}

fn query(query: Query) -> Result<Option<Request>, Malformed> {
    Ok(Some(Request::Query(query)))
}

/// Returns true if there is an attribute with this number.
fn has(attributes: Attributes<'_>, kind: u16) -> Result<bool, Malformed> {
    for attribute in attributes {
        if attribute?.kind() == kind {
            return Ok(true);
        }
    }
    Ok(false)
}
