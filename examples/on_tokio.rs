//! Adds a service and a set on tokio, at the same time.

use ipvset::ipset::IpSet;
use ipvset::ipset::types::HashIp;
use ipvset::ipvs::{RealServer, VirtualService};
use ipvset::tokio::{IpSets, Ipvs};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::try_join!(service(), set())?;
    Ok(())
}

async fn service() -> Result<(), Box<dyn std::error::Error>> {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
    ipvs.put_service(&web).await?;
    let server = RealServer::new("10.0.0.11:8080".parse()?);
    ipvs.put_server(&web, &server).await?;
    println!("{web}");
    Ok(())
}

async fn set() -> Result<(), Box<dyn std::error::Error>> {
    let mut sets = IpSets::connect().await?;
    let blocked = IpSet::<HashIp>::new("blocked")?;
    sets.create_if_absent(&blocked).await?;
    let address: std::net::Ipv4Addr = "192.0.2.1".parse()?;
    sets.put(&blocked, address).await?;
    println!("{blocked}");
    Ok(())
}
