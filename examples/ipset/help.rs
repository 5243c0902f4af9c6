//! The output of `help`.

use std::str;

use ipvset::ipset::text::OptionName;
use ipvset::ipset::types::AnyType;

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
  -           read commands from standard input until quit

Options:
  -o, -output plain|save|xml|json
                               the output format of list and save
  -s, -sorted                  sort the elements
  -n, -name                    list only names
  -t, -terse                   list only names and headers
  -!, -exist                   ignore what exists already or is already missing
  -q, -quiet                   print no messages
  -f, -file FILE               read from a file (restore) or write to it (list, save)
  -r, -resolve                 accepted, but addresses are printed
";

/// Every difference between this program and the tool.
const DIFFERENCES: &str = "\
Differences from the tool, where the tool loses or garbles something:
  save and list show forceadd.
  save puts quotes around names with blanks, and restore reads them. save reports
    a set or an entry that a line cannot hold, saves everything else, and exits
    with status 1.
  save and list exit with status 1 if their output cannot be written. A file that
    -file names is replaced completely or left as it was.
  XML escapes <, > and &.
  -sorted takes a fraction of a second for 65,536 entries and never cuts one off.
  restore applies the lines before a wrong line, treats a test that fails as an
    error, and reads lines of more than 1,024 bytes.
  -exist and -quiet in a line of restore or - apply to that line only. A wrong
    line of - is not carried out and does not affect later lines.
  test reports that a member is before another if it is, and shows networks and
    interfaces as the kernel stores them.
  add sets the counters of a new entry to zero. With the tool, an entry can start
    with the counters of a removed one.

Differences where this program is stricter:
  It checks some input before it asks the kernel, with its own message and always
    with status 1: zero addresses, networks of prefix length 0, ranges that keep
    kernels busy or are stored one by one, ICMP of the other family, protocol 0,
    ranges that do not fit a netmask, empty names, interface names that contain a
    blank or a comma, and a range where a single address is required.
  Quotes enclose whole words. Brackets enclose only names.
  Numbers have no sign. A family is inet, inet6, ipv4 or ipv6, not unspec or any.
    A bitmask has no prefix length. skbmark and skbprio may not be followed by
    other characters.
  Options that the kernel is too old for are refused after all other checks.

Other differences:
  -exist destroy succeeds for a missing set on older kernels too, where the tool
    fails.
  A service is found however the name of its protocol is spelled.
  The prefix length 128 after a single IPv6 address may be written in hexadecimal
    or octal.
  The value of from or to is checked only if it becomes part of the range.
  Ranges are sent to the kernel with the lower address or port first, and a range
    of one address as that address.
  -resolve is accepted, but addresses are printed.
  -output json prints sets as newer versions of the tool do. How those print
    members, names alone and sets without members is not known for certain. Here
    a member is an object with elem and the options, as in XML.
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
