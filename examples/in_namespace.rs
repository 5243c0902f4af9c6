//! Lists the services and sets of another network namespace: `ip netns add pod`, then this example
//! with the argument `pod`.

use ipvset::Namespace;
use ipvset::ipset::IpSets;
use ipvset::ipvs::Ipvs;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).ok_or("name a network namespace")?;
    let namespace = Namespace::named(&name)?;
    // The handles stay in the namespace. The rest of the program is not in it.
    let mut ipvs = Ipvs::connect_in(&namespace)?;
    let mut sets = IpSets::connect_in(&namespace)?;
    for service in ipvs.services()? {
        println!("{}", service.config);
    }
    for set in sets.names()? {
        println!("{set}");
    }
    Ok(())
}
