//! What the tool says about itself.

use ipvset::ipset::AnyType;
use ipvset::ipset::text::OptionName;

use crate::complaint::{Complaint, VERSION};

const USAGE: &str = "\
Usage: ipset [options] COMMAND

Commands:
  create SETNAME TYPENAME [create options]
  add SETNAME ENTRY [entry options]
  del SETNAME ENTRY
  test SETNAME ENTRY
  destroy [SETNAME]
  list [SETNAME]
  save [SETNAME]
  restore
  flush [SETNAME]
  rename FROM-SETNAME TO-SETNAME
  swap FROM-SETNAME TO-SETNAME
  help [TYPENAME]
  version
  -           read commands from standard input, up to quit

Options:
  -o, -output plain|save|xml   how list and save print
  -s, -sorted                  sort the elements
  -n, -name                    list only names
  -t, -terse                   list only names and headers
  -!, -exist                   what exists already, or is missing already, is fine
  -q, -quiet                   no messages
  -f, -file FILE               read (restore) or write (list, save) a file
  -r, -resolve                 accepted; addresses are printed all the same
";

pub fn help(type_name: Option<&str>) -> Result<(), Complaint> {
    println!("ipset v{VERSION}\n\n{USAGE}");
    match type_name {
        None => {
            println!("Types of sets:");
            for kind in AnyType::all() {
                println!("  {kind}");
            }
            Ok(())
        }
        Some(name) => match name.parse() {
            Ok(kind) => {
                of_type(kind);
                Ok(())
            }
            Err(_) => Err(Complaint::usage(format!("Unknown settype: `{name}'"))),
        },
    }
}

fn of_type(kind: AnyType) {
    let options = |options: &mut dyn Iterator<Item = OptionName>| {
        for option in options {
            let value = if option.has_value { " VALUE" } else { "" };
            println!("      [{}{value}]", option.name);
        }
    };
    println!("  create SETNAME {kind}");
    options(&mut kind.create_options());
    println!("  add SETNAME ENTRY");
    options(&mut kind.entry_options());
}
