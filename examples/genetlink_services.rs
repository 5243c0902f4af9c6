//! Sends the crate's IPVS messages over a connection of the crate `genetlink`, on tokio: adds a
//! service and lists all services.

use std::error::Error;

use futures_util::{Stream, StreamExt};
use genetlink::{GenetlinkHandle, new_connection};
use ipvset::ipvs::messages::{IpvsMessage, Query, Report};
use ipvset::ipvs::{Operation, Scheduler, VirtualService};
use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_generic::GenlMessage;

type Answer = Result<NetlinkMessage<GenlMessage<IpvsMessage>>, DecodeError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (connection, mut genetlink, _) = new_connection()?;
    tokio::spawn(connection);

    let web = VirtualService::tcp("10.100.100.100:8080".parse()?).scheduler(Scheduler::RoundRobin);
    reports(request(&mut genetlink, Operation::AddService(web).into()).await?).await?;
    for report in reports(request(&mut genetlink, Query::Services.into()).await?).await? {
        if let Report::Service(service) = report {
            println!("{}", service.config);
        }
    }
    Ok(())
}

/// Sends a message with the flags that it needs. `genetlink` resolves the number of the family.
async fn request(
    genetlink: &mut GenetlinkHandle,
    message: IpvsMessage,
) -> Result<impl Stream<Item = Answer> + use<>, Box<dyn Error + Send + Sync>> {
    let flags = match message.is_dump() {
        true => NLM_F_DUMP,
        false => NLM_F_ACK,
    };
    let mut message = NetlinkMessage::from(GenlMessage::from_payload(message));
    message.header.flags = NLM_F_REQUEST | flags;
    Ok(genetlink.request(message).await?)
}

/// Collects the reports up to the end of the list or the acknowledgement.
async fn reports(
    answers: impl Stream<Item = Answer>,
) -> Result<Vec<Report>, Box<dyn Error + Send + Sync>> {
    let mut answers = Box::pin(answers);
    let mut reports = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer?.payload {
            NetlinkPayload::InnerMessage(message) => match message.payload {
                IpvsMessage::Report(report) => reports.push(report),
                other => return Err(format!("not an answer: {other:?}").into()),
            },
            NetlinkPayload::Error(error) if error.code.is_some() => {
                return Err(error.to_io().into());
            }
            _ => {}
        }
    }
    Ok(reports)
}
