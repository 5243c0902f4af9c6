//! The command `-L -c`: prints the table of connections.

use std::io::Write;

use ipvset::Protocol;
use ipvset::ipvs::proc::{Connection, Proc};

use super::failure::Failure;
use super::list::Wish;
use super::names::{Names, protocol_name};

pub(crate) fn list(wish: &Wish, out: &mut impl Write) -> Result<(), Failure> {
    let mut names = Names::new(wish.numeric);
    write!(out, "IPVS connection entries\npro expire state       ")?;
    write!(out, "{:<18} {:<18} destination", "source", "virtual")?;
    match wish.persistent {
        true => writeln!(out, "        pe name          pe_data")?,
        false => writeln!(out)?,
    }
    for connection in Proc::new().connections()? {
        line(&connection?, wish.persistent, &mut names, out)?;
    }
    Ok(())
}

fn line(
    connection: &Connection,
    engine: bool,
    names: &mut Names,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let protocol = protocol_name(connection.protocol);
    let seconds = connection.expires_in.as_secs();
    let expires = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    let state = connection.state;
    let of: Option<Protocol> = Some(connection.protocol);
    let client = names.address(connection.client, of);
    let service = names.address(connection.virtual_address, of);
    let server = names.address(connection.destination, of);
    write!(
        out,
        "{protocol:<3} {expires:<6} {state:<11} {client:<18} {service:<18} "
    )?;
    match &connection.engine_data {
        Some(data) if engine => {
            write!(out, "{server:<16} {:<18} ", data.engine)?;
            out.write_all(&data.data)?;
            writeln!(out)?;
        }
        _ => writeln!(out, "{server}")?,
    }
    Ok(())
}
