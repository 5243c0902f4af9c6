//! Every create option for every type and family: those that the type accepts, with valid and
//! invalid values, and those that it does not.

use std::net::IpAddr;
use std::time::Duration;

use ipvset::ErrorKind;
use ipvset::Family;
use ipvset::ipset::elements::{Ipv4Range, PortRange};
use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnySet, CreateOptions, IpSets, MAX_TIMEOUT, Revision, SetRange};

use super::common::{
    Line, Outcome, create_line, create_text, kernel_is_at_least, restore, saved_all,
};
use super::{Test, needs, of_every_type};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = of_every_type("options", every_option);
    tests.push(needs(
        &["hash:ip", "hash:net"],
        "options::sets_that_are_the_same_and_sets_that_are_not",
        create_if_absent_compares_options,
    ));
    tests
}

/// An option with a value: its name, its text in the tool's syntax, and a function that sets it.
struct Choice {
    name: &'static str,
    text: String,
    set: Box<dyn Fn(&mut CreateOptions)>,
}

/// Valid and invalid values of all options.
#[derive(Default)]
struct Choices {
    good: Vec<Choice>,
    bad: Vec<Choice>,
}

impl Choices {
    fn number<V>(
        &mut self,
        name: &'static str,
        good: &[V],
        bad: &[V],
        set: fn(&mut CreateOptions, V),
    ) where
        V: Copy + ToString + 'static,
    {
        let choice = |value: &V| {
            let value = *value;
            Choice {
                name,
                text: format!("{name} {}", value.to_string()),
                set: Box::new(move |options| set(options, value)),
            }
        };
        self.good.extend(good.iter().map(choice));
        self.bad.extend(bad.iter().map(choice));
    }

    fn flag(&mut self, name: &'static str, set: fn(&mut CreateOptions)) {
        self.good.push(Choice {
            name,
            text: name.to_owned(),
            set: Box::new(set),
        });
    }
}

fn choices(name: &str, family: Family) -> Choices {
    let mut all = Choices::default();
    let longest = MAX_TIMEOUT.as_secs() as u32;
    all.number(
        "timeout",
        &[0, 1, 3600, longest],
        &[longest + 1, u32::MAX],
        |it, value| {
            it.timeout = Some(Duration::from_secs(value.into()));
        },
    );
    all.number(
        "hashsize",
        &[1, 64, 100, 2048],
        &[0, 0x8000_0001],
        |it, value| {
            it.hashsize = Some(value);
        },
    );
    all.number("maxelem", &[0, 1, 1_000_000, u32::MAX], &[], |it, value| {
        it.maxelem = Some(value);
    });
    all.number(
        "bucketsize",
        &[2, 4, 12],
        &[0, 1, 3, 13, 14, 255],
        |it, value| {
            it.bucketsize = Some(value);
        },
    );
    all.number(
        "initval",
        &[0, 1, 0xdead_beef, u32::MAX],
        &[],
        |it, value| {
            it.initval = Some(value);
        },
    );
    all.number(
        "markmask",
        &[1, 0xffff_0000, u32::MAX],
        &[0],
        |it, value| {
            it.markmask = Some(value);
        },
    );
    all.number("size", &[4, 8, 1000], &[0, 3], |it, value| {
        it.size = Some(value)
    });
    let (good, bad): (&[u8], &[u8]) = match family {
        // The range has 256 addresses.
        _ if name == "bitmap:ip" => (&[25, 28, 32], &[0, 33, 24, 8]),
        Family::Ipv4 => (&[1, 24, 32], &[0, 33, 128]),
        Family::Ipv6 => (&[1, 33, 64, 128], &[0, 129]),
    };
    all.number("netmask", good, bad, |it, value| it.netmask = Some(value));
    let mask = |text: &str| text.parse::<IpAddr>().unwrap();
    let (good, bad) = match family {
        Family::Ipv4 => (["255.0.255.0", "0.0.0.1"], ["0.0.0.0", "ffff::"]),
        Family::Ipv6 => (["ffff::ffff", "::1"], ["::", "255.0.255.0"]),
    };
    all.number("bitmask", &good.map(mask), &bad.map(mask), |it, value| {
        it.bitmask = Some(value);
    });
    all.flag("counters", |it| it.counters = true);
    all.flag("comment", |it| it.comment = true);
    all.flag("skbinfo", |it| it.skbinfo = true);
    all.flag("forceadd", |it| it.forceadd = true);
    all.ranges(name);
    all
}

impl Choices {
    fn ranges(&mut self, name: &str) {
        let addresses = |first: &str, last: &str| {
            let range = Ipv4Range::new(first.parse().unwrap(), last.parse().unwrap());
            SetRange::from(range)
        };
        let ports = |first, last| SetRange::from(PortRange::new(first, last));
        let of_addresses = [
            addresses("0.0.0.0", "0.0.255.255"),
            addresses("10.0.0.7", "10.0.0.7"),
            addresses("255.255.0.0", "255.255.255.255"),
        ];
        let too_large = addresses("10.0.0.0", "10.1.0.0");
        let of_ports = [ports(0, 65535), ports(80, 80), ports(1024, 2000)];
        let (good, bad) = match name {
            "bitmap:port" => (of_ports, [of_addresses[0], too_large]),
            _ => (of_addresses, [of_ports[0], too_large]),
        };
        self.number("range", &good, &bad, |it, value| it.range = Some(value));
    }
}

/// Returns the first Linux version in which a type accepts an option.
fn takes(name: &str, option: &str) -> Option<(u32, u32)> {
    const ALWAYS: Option<(u32, u32)> = Some((2, 6));
    const WITH_BITMASK: Option<(u32, u32)> = Some((6, 2));
    match (option, name) {
        ("timeout" | "counters" | "comment" | "skbinfo", _) => ALWAYS,
        ("hashsize" | "maxelem" | "forceadd", _) if name.starts_with("hash:") => ALWAYS,
        ("bucketsize" | "initval", _) if name.starts_with("hash:") => Some((5, 11)),
        ("netmask", "bitmap:ip" | "hash:ip") => ALWAYS,
        ("netmask", "hash:ip,port" | "hash:net,net") => WITH_BITMASK,
        ("bitmask", "hash:ip" | "hash:ip,port" | "hash:net,net") => WITH_BITMASK,
        ("markmask", "hash:ip,mark") => ALWAYS,
        ("size", "list:set") => ALWAYS,
        ("range", _) if name.starts_with("bitmap:") => ALWAYS,
        _ => None,
    }
}

/// Returns a set with the required options of the type.
fn base(name: &str, family: Family) -> Outcome<AnySet> {
    let set = AnySet::untyped("base", name.parse::<AnyType>()?)?.with_family(family);
    Ok(match name {
        "bitmap:ip" | "bitmap:ip,mac" => {
            let range = Ipv4Range::from("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?);
            set.range(SetRange::from(range))
        }
        "bitmap:port" => set.range(SetRange::from(PortRange::new(0, 1023))),
        _ => set,
    })
}

fn every_option(name: &'static str, family: Family) -> Outcome {
    let base = base(name, family)?;
    let Choices { good, bad } = choices(name, family);
    let mut sets = IpSets::connect()?;
    let mut made = Vec::new();
    for (number, choice) in good.iter().enumerate() {
        let mut set = base.with_name(format!("crate-{number}"))?;
        (choice.set)(set.options_mut());
        match takes(name, choice.name) {
            None => {
                let error = refused(&mut sets, &set, choice);
                let shown = if choice.name == "range" {
                    "range"
                } else {
                    choice.name
                };
                assert!(error.contains(name) && error.contains(shown), "{error}");
            }
            Some((major, minor)) if !kernel_is_at_least(major, minor) => {
                let error = sets.create(&set).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                let (text, since) = (error.to_string(), format!("Linux {major}.{minor}"));
                assert!(
                    text.contains(choice.name) && text.contains(&since),
                    "{text}"
                );
            }
            // Uses the highest revision like the tool, because the sets of both are compared.
            Some(_) => {
                sets.create_with(&set, Revision::Highest)
                    .map_err(|error| format!("{}: {error}", choice.text))?;
                made.push((number, set, choice));
            }
        }
    }
    for choice in &bad {
        let mut set = base.with_name("bad")?;
        (choice.set)(set.options_mut());
        refused(&mut sets, &set, choice);
    }
    assert_eq!(sets.names()?.len(), made.len());
    read_back(&mut sets, &base, &made)
}

fn refused(sets: &mut IpSets, set: &AnySet, choice: &Choice) -> String {
    let text = &choice.text;
    let mut last = String::new();
    for error in [
        set.validate().err(),
        sets.create(set).err(),
        sets.create_if_absent(set).err(),
    ] {
        let Some(error) = error else {
            panic!("{text} was not refused for {set:?}");
        };
        assert!(error.is_invalid_input(), "{error}");
        assert_eq!((error.errno(), error.ipset_code()), (None, None), "{error}");
        assert_eq!(error.operation(), "create set");
        assert_eq!(error.object_name(), Some(&*set.name().as_str()));
        last = error.to_string();
    }
    last
}

/// Creates the same sets with the tool, and compares the listings of both.
fn read_back(sets: &mut IpSets, base: &AnySet, made: &[(usize, AnySet, &Choice)]) -> Outcome {
    let mut text = String::new();
    for (number, _, choice) in made {
        let mut create = format!("create tool-{number} {}", create_text(base));
        if choice.name == "range" {
            create = format!("create tool-{number} {}", base.type_name());
        }
        text += &format!("{create} {}\n", choice.text);
    }
    restore(&text).map_err(|error| format!("{error} in\n{text}"))?;
    let saved = saved_all()?;
    for (number, set, choice) in made {
        let ours = sets.info(set)?;
        let theirs = sets.info(format!("tool-{number}"))?;
        let line = |info: &ipvset::ipset::SetInfo| -> Outcome<Line> {
            let known = info.set.as_ref().ok_or("the type is not known")?;
            let mut line = create_line(&create_text(known));
            assert_eq!(known.options().forceadd, choice.name == "forceadd");
            // `ipset save` (7.17) omits it.
            line.1.remove("forceadd");
            assert_eq!(line, saved[&*info.name.as_str()].0, "{}", choice.text);
            // The kernel chooses a random value for each set.
            if choice.name != "initval" {
                line.1.remove("initval");
            }
            Ok(line)
        };
        assert_eq!(line(&ours)?, line(&theirs)?, "{}", choice.text);
        assert_eq!(ours.revision, theirs.revision, "{}", choice.text);
        assert_eq!(ours.memory, theirs.memory, "{}", choice.text);
        assert_eq!(sets.header(set)?.revision, ours.revision);
        // The crate recognizes the set as the wanted one.
        assert!(!sets.create_if_absent(set)?, "{}", choice.text);
        let there = sets.info(set)?.set.ok_or("the type is not known")?;
        assert!(!sets.create_if_absent(&there)?, "{}", choice.text);
    }
    sets.destroy_all()?;
    assert_eq!(sets.names()?.len(), 0);
    Ok(())
}

/// `create_if_absent` accepts an existing set with the same options, like the tool with `-exist`.
fn create_if_absent_compares_options() -> Outcome {
    let mut sets = IpSets::connect()?;
    let base = base("hash:ip", Family::Ipv4)?;
    assert!(sets.create_if_absent(&base)?);
    for choice in choices("hash:ip", Family::Ipv4).good {
        if takes("hash:ip", choice.name)
            .is_none_or(|(major, minor)| !kernel_is_at_least(major, minor))
        {
            continue;
        }
        let mut other = base.clone();
        (choice.set)(other.options_mut());
        let said = sets.create_if_absent(&other);
        // The distribution of entries over buckets is ignored, and so are defaults.
        if ["hashsize", "bucketsize", "initval"].contains(&choice.name)
            || choice.text == "netmask 32"
        {
            assert!(!said?, "{}", choice.text);
            continue;
        }
        let error = said.unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        let word = if choice.name == "comment" {
            "comments"
        } else {
            choice.name
        };
        assert!(error.to_string().contains(word), "{error}");
    }
    Ok(())
}
