//! The command `-S`: prints the table as commands that create it.

use std::io::Write;

use ipvset::ipvs::{Ipvs, ServiceKey};

use super::failure::Failure;
use super::list::{sort, table, unlisted};
use super::names::Names;

pub(crate) fn save(numeric: bool, out: &mut impl Write) -> Result<(), Failure> {
    let mut names = Names::new(numeric);
    let mut ipvs = Ipvs::connect()?;
    let mut table = table(&mut ipvs)?;
    if let Some(message) = unlisted(&ipvs, table.len()) {
        super::say(format_args!("{message}"));
    }
    sort(&mut table);
    for (service, servers) in table {
        let key = service.key();
        let named = name(&key, &mut names);
        writeln!(out, "-A {named}{}", behind(&service, &key.to_string()))?;
        for server in servers {
            let address = server.config.address;
            let rest = behind(&server, &format!("-r {address}"));
            let address = names.address(address, key.protocol());
            writeln!(out, "-a {named} -r {address}{rest}")?;
        }
    }
    Ok(())
}

/// Returns the crate's text after `start`, which a name may replace.
fn behind(what: &impl ToString, start: &str) -> String {
    let text = what.to_string();
    text.strip_prefix(start).unwrap_or(&text).to_owned()
}

fn name(key: &ServiceKey, names: &mut Names) -> String {
    match key.socket_address() {
        None => key.to_string(),
        Some(address) => {
            let text = key.to_string();
            let option = text.strip_suffix(&address.to_string()).unwrap_or(&text);
            format!("{option}{}", names.address(address, key.protocol()))
        }
    }
}
