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

/// Everything in which this is not as the tool.
const DIFFERENCES: &str = "\
Where this differs from the tool, because the tool loses or garbles something:
  save and list show forceadd.
  save puts names with blanks in quotes, as restore reads them. It names a set or
    an entry that a line cannot carry, saves everything else, and has status 1.
  save and list have status 1 if their output cannot be written. A file that
    -file names is replaced whole or not at all.
  XML has <, > and & escaped.
  -sorted takes a fraction of a second for 65,536 entries, and shortens none.
  restore applies what stands before a wrong line, takes a test that fails for an
    error, and reads lines of more than 1,024 bytes.
  -exist and -quiet in a line of restore or - hold for this line alone. A wrong
    line of - is not carried out, and leaves nothing behind.
  test says of a member before another that it is before it, and shows networks
    and interfaces as the kernel has them.
  add starts an entry with counters of zero, not with those of a removed one.

Where it is stricter:
  What it refuses before it asks the kernel has its own words, and status 1
    whatever else is wrong: zero addresses, networks of prefix length 0, ranges
    that keep kernels busy or are stored one by one, ICMP of the other family, the
    protocol 0, ranges that do not suit a netmask, names that are empty, interfaces
    with a blank or a comma in their names, a range where one address has to be.
  A quote stands around a whole word, and nothing stands in brackets but names.
  Numbers have no sign. A family is inet, inet6, ipv4 or ipv6. A bitmask has no
    prefix. skbmark and skbprio are right up to their last letter.
  An option that the kernel is too old for is refused after all else.

And:
  A service is found however the name of its protocol is written.
  Ranges go to the kernel with their first address or port first, and a range of
    one address as that address.
  -resolve is accepted, but addresses are printed.
  -output json prints a set as version 7.20 of the tool does. How that prints
    members, names alone and sets without members is not known for certain: here
    members are objects with elem and the options, as in XML.
";

pub fn help(type_name: Option<&Word>) -> Result<(), Complaint> {
    let mut text = format!("ipset v{VERSION}\n\n{USAGE}\n");
    let result = match type_name {
        None => {
            text += "Types of sets:\n";
            text.extend(AnyType::all().map(|kind| format!("  {kind}\n")));
            text += "\n";
            text += DIFFERENCES;
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
