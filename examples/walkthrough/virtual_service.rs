//! Step 2: the Service, with its first server.

use ipvset::ipvs::{ControlInterface, Ipvs, RealServer, Scheduler, VirtualService};

use super::report::Expect::AnsweredBy;
use super::world::{Neighbor, World};
use super::{Fallible, Report, VIP};

/// The Service of the walkthrough, which also identifies it when steps add servers.
pub fn service() -> Fallible<VirtualService> {
    Ok(VirtualService::tcp(VIP.parse()?).scheduler(Scheduler::RoundRobin))
}

/// Returns the name of the request that `ipvs` sends: of its command over netlink, or of its socket option.
pub fn request(ipvs: &Ipvs, command: &'static str, option: &'static str) -> &'static str {
    match ipvs.control_interface() {
        ControlInterface::SocketOptions => option,
        _ => command,
    }
}

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        2,
        "Virtual service, first server",
        "The Service is an IPVS virtual service at its cluster IP. dustin is its real server.
         IPVS also schedules at the LOCAL_OUT hook, so the host itself can reach the Service now.",
    );
    let mut ipvs = Ipvs::connect()?;
    let web = service()?;
    let dustin = RealServer::new("10.0.0.11:8080".parse()?).masquerade();
    report.command(
        "ipvsadm --add-service --tcp-service 10.100.100.100:8080 --scheduler rr",
        format!(
            "{} {web}",
            request(&ipvs, "IPVS_CMD_NEW_SERVICE", "IP_VS_SO_SET_ADD")
        ),
        || Ok(ipvs.add_service(&web)?),
    )?;
    report.command(
        "ipvsadm --add-server --tcp-service 10.100.100.100:8080 --real-server 10.0.0.11:8080 --masquerading",
        format!(
            "{} {dustin}",
            request(&ipvs, "IPVS_CMD_NEW_DEST", "IP_VS_SO_SET_ADDDEST")
        ),
        || Ok(ipvs.add_server(&web, &dustin)?),
    )?;
    report.command(
        "ipvsadm --list --numeric",
        request(
            &ipvs,
            "IPVS_CMD_GET_SERVICE and IPVS_CMD_GET_DEST, dumps",
            "IP_VS_SO_GET_SERVICES and IP_VS_SO_GET_DESTS",
        ),
        || {
            for service in ipvs.services()? {
                println!("                {}", service.config);
                for server in ipvs.servers(&service.config)? {
                    println!("                -> {}", server.config);
                }
            }
            Ok(())
        },
    )?;
    report.check(world, Neighbor::Host, VIP, AnsweredBy("dustin"));
    Ok(())
}
