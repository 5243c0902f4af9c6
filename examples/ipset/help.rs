//! What the tool says about itself.

use std::str;

use ipvset::ipset::AnyType;
use ipvset::ipset::text::OptionName;

use crate::arguments::Word;
use crate::complaint::{Complaint, VERSION, said};
use crate::print;

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
  -o, -output plain|save|xml|json
                               how list and save print
  -s, -sorted                  sort the elements
  -n, -name                    list only names
  -t, -terse                   list only names and headers
  -!, -exist                   what exists already, or is missing already, is fine
  -q, -quiet                   no messages
  -f, -file FILE               read (restore) or write (list, save) a file
  -r, -resolve                 accepted; addresses are printed all the same
";

pub fn help(type_name: Option<&Word>) -> Result<(), Complaint> {
    let mut text = format!("ipset v{VERSION}\n\n{USAGE}\n");
    let result = match type_name {
        None => {
            text += "Types of sets:\n";
            text.extend(AnyType::all().map(|kind| format!("  {kind}\n")));
            Ok(())
        }
        Some(name) => match str::from_utf8(name).ok().and_then(|it| it.parse().ok()) {
            Some(kind) => {
                of_type(kind, &mut text);
                Ok(())
            }
            None => Err(Complaint::usage(said(b"Unknown settype: `", name, b"'"))),
        },
    };
    print(&text);
    result
}

fn of_type(kind: AnyType, text: &mut String) {
    let listed = |options: &mut dyn Iterator<Item = OptionName>| {
        let line = |option: OptionName| {
            let value = if option.has_value { " VALUE" } else { "" };
            format!("      [{}{value}]\n", option.name)
        };
        options.map(line).collect::<String>()
    };
    *text += &format!("  create SETNAME {kind}\n");
    *text += &listed(&mut kind.create_options());
    *text += "  add SETNAME ENTRY\n";
    *text += &listed(&mut kind.entry_options());
}
