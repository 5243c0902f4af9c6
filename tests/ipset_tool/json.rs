//! Tests `-output json`. The tool on the machine may be too old for it, so the expected output is
//! written here: how newer versions print a set without members.

use lab::test::Test;
use serde_json::{Value, json};

use crate::common::{Result, same};
use crate::initval::Initval;
use crate::tool::{example, reset, run, words};

pub(crate) fn tests() -> Vec<Test> {
    macro_rules! tests {
        ($($test:ident),* $(,)?) => {vec![$(Test::new(stringify!($test), $test)),*]};
    }
    tests![json_has_the_layout_of_the_tool, json_contains_every_option]
}

fn listed(arguments: &str) -> Result<String> {
    let ended = run(&example(), &words(arguments), "")?;
    assert_eq!((ended.status, ended.err.as_str()), (Some(0), ""));
    Ok(ended.out)
}

fn json_has_the_layout_of_the_tool() -> Result {
    reset()?;
    same("no sets", listed("list -o json")?, "[\n]\n".into());
    lab::tool(
        "ipset",
        ["create", "foo", "bitmap:ip", "range", "192.168.0.0/16"],
    )?;
    let plain = listed("list foo")?;
    let memory = plain
        .lines()
        .find_map(|line| line.strip_prefix("Size in memory: "));
    let memory = memory.ok_or("no size in memory")?;
    let meant = format!(
        r#"[
  {{
    "name" : "foo",
    "type" : "bitmap:ip",
    "revision" : 3,
    "header" : {{
      "range" : "192.168.0.0-192.168.255.255",
      "memsize" : {memory},
      "references" : 0,
      "numentries" : 0
    }},
    "members" : [
    ]
  }}
]
"#
    );
    same("a set", listed("list -o json foo")?, meant.clone());
    same("all sets", listed("list -output json")?, meant);
    Ok(())
}

fn json_contains_every_option() -> Result {
    let initval = Initval::probe();
    reset()?;
    for line in [
        "create s hash:ip timeout 0 counters comment skbinfo initval 1",
        "add s 1.1.1.1 packets 3 bytes 18446744073709551614 comment 'a\\b' skbmark 0x2/0xff skbprio 1:a0 skbqueue 4",
        "add s 1.1.1.2",
        "create t hash:net,iface family inet6 forceadd initval 1",
        "add t 2001:db8::/32,physdev:eth0 nomatch",
        "create l list:set",
        "add l s",
    ] {
        let ended = run(&example(), &words(&initval.text(line)), "")?;
        assert_eq!(ended.status, Some(0), "{line}: {ended:?}");
    }
    let read =
        |arguments: &str| -> Result<Value> { Ok(serde_json::from_str(&listed(arguments)?)?) };
    let sets = read("list -output json -sorted")?;
    let header = &sets[0]["header"];
    let (hash, maximum) = (&header["hashsize"], &header["maxelem"]);
    same("numbers", (hash, maximum), (&json!(1024), &json!(65536)));
    same(
        "flags",
        (&header["counters"], &header["forceadd"]),
        (&json!(true), &Value::Null),
    );
    same(
        "text",
        (&header["family"], &header["initval"]),
        (
            &json!("inet"),
            &initval.known.then_some("0x00000001").into(),
        ),
    );
    let members = json!([
        {
            "elem": "1.1.1.1", "timeout": 0, "packets": 3, "bytes": 18_446_744_073_709_551_614_u64,
            "comment": "a\\b", "skbmark": "0x2/0xff", "skbprio": "1:a0", "skbqueue": 4
        },
        { "elem": "1.1.1.2", "timeout": 0, "packets": 0, "bytes": 0 }
    ]);
    same("members", &sets[0]["members"], &members);
    let members = json!([{ "elem": "2001:db8::/32,physdev:eth0", "nomatch": true }]);
    same(
        "a network",
        (&sets[1]["members"], &sets[1]["header"]["forceadd"]),
        (&members, &json!(true)),
    );
    same("a list", &sets[2]["members"], &json!([{ "elem": "s" }]));
    same(
        "two sets with members, parted",
        sets.as_array().map(Vec::len),
        Some(3),
    );
    let terse = read("list -terse -output json")?;
    same(
        "terse",
        (&terse[0]["name"], &terse[0]["members"]),
        (&json!("s"), &Value::Null),
    );
    let names = json!([{ "name": "s" }, { "name": "t" }, { "name": "l" }]);
    same("names", read("list -name -output json")?, names);
    Ok(())
}
