//! Tests what the lab offers on a kernel: namespaces, devices, servers and clients, rules, settings,
//! tools.

use std::time::Duration;

use lab::http::{self, Unanswered};
use lab::{Error, Iptables, Namespace, Needs, address, link, module, net, route, sysctl, tool};

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// How long to wait for an answer that must come, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for an answer that must not come. It is less than the 3 s after which the kernel gives up on
/// an address.
const IMPATIENCE: Duration = Duration::from_secs(1);

lab::tests![
    Needs::ipvs().and_sets(&["hash:ip,port,ip"]).and_devices(&["bridge", "veth", "dummy"]);
    a_test_has_a_namespace_of_its_own,
    a_thread_that_entered_a_namespace_does_not_leak_it,
    a_panic_in_a_namespace_reaches_the_caller,
    a_named_namespace_serves_ip_netns_exec,
    commands_run_in_their_namespace,
    two_namespaces_talk_over_a_bridge,
    ipv6_is_usable_at_once,
    connection_failures_are_distinguished,
    settings_belong_to_the_callers_namespace,
    errors_name_the_operation_and_its_object,
    a_masquerade_hides_the_client,
    promiscuous_mode_is_reported,
    a_tunnel_real_server_decapsulates,
    tools_take_standard_input,
    named_namespaces_leave_no_name,
];

/// Two namespaces on a bridge in the calling thread's namespace, as in step 0 of the walkthrough.
struct Pods {
    home: Namespace,
    dustin: Namespace,
    leah: Namespace,
}

impl Pods {
    fn new() -> Result<Pods> {
        let pods = Pods {
            home: Namespace::current()?,
            dustin: Namespace::new()?,
            leah: Namespace::new()?,
        };
        sysctl::write("net.ipv4.ip_forward", "1")?;
        link::bridge("bridge_home")?;
        address::add("10.0.0.1/24", "bridge_home")?;
        link::up("bridge_home")?;
        for (namespace, outer, inner, own) in [
            (
                &pods.dustin,
                "veth_dustin",
                "veth_ns_dustin",
                "10.0.0.11/24",
            ),
            (&pods.leah, "veth_leah", "veth_ns_leah", "10.0.0.21/24"),
        ] {
            link::veth_into(outer, inner, namespace)?;
            link::master(outer, "bridge_home")?;
            link::up(outer)?;
            namespace.run(|| -> Result {
                link::up(inner)?;
                address::add(own, inner)?;
                route::via("default", "10.0.0.1")
            })?;
        }
        Ok(pods)
    }
}

/// The calling thread's namespace, as a number.
fn here() -> String {
    std::fs::read_link("/proc/thread-self/ns/net")
        .unwrap()
        .display()
        .to_string()
}

fn a_test_has_a_namespace_of_its_own() -> Result {
    let main = std::fs::read_link(format!("/proc/{}/ns/net", std::process::id())).unwrap();
    assert_ne!(here(), main.display().to_string());
    let devices = tool("ip", ["-brief", "link", "show", "up"])?;
    assert!(devices.starts_with("lo "), "{devices}");
    assert_eq!(devices.lines().count(), 1, "{devices}");
    Ok(())
}

fn a_thread_that_entered_a_namespace_does_not_leak_it() -> Result {
    let before = here();
    let namespace = Namespace::new()?;
    let inside = namespace.run(here);
    assert_ne!(inside, before);
    assert_eq!(inside, namespace.run(here));
    assert_eq!(here(), before);
    assert_eq!(
        namespace.run(|| std::thread::spawn(here).join().unwrap()),
        inside
    );
    let current = Namespace::current()?;
    assert_eq!(current.run(here), before);
    Ok(())
}

fn a_panic_in_a_namespace_reaches_the_caller() -> Result {
    let namespace = Namespace::new()?;
    // Not panic!, whose message would look like a failure in the output.
    let panic = || namespace.run(|| std::panic::resume_unwind(Box::new("on purpose")));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panic));
    let panic: Box<dyn std::any::Any + Send> = caught.map(|(): ()| ()).unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "on purpose");
    Ok(())
}

fn a_named_namespace_serves_ip_netns_exec() -> Result {
    let namespace = Namespace::named("netns_dustin")?;
    namespace.run(|| link::dummy("inside"))?;
    let seen = tool(
        "ip",
        ["netns", "exec", "netns_dustin", "ip", "-brief", "link"],
    )?;
    assert!(seen.contains("inside"), "{seen}");
    let again = Namespace::named("netns_dustin").unwrap_err().to_string();
    assert!(again.contains("netns_dustin"), "{again}");
    assert!(Namespace::named("../x").is_err());
    Ok(())
}

fn named_namespaces_leave_no_name() -> Result {
    let path = std::path::Path::new("/run/netns/netns_leah");
    let namespace = Namespace::named("netns_leah")?;
    assert!(path.exists());
    drop(namespace);
    assert!(!path.exists());
    Ok(())
}

fn commands_run_in_their_namespace() -> Result {
    let namespace = Namespace::new()?;
    namespace.run(|| link::dummy("inside"))?;
    assert!(namespace.tool("ip", ["-brief", "link"])?.contains("inside"));
    assert!(!tool("ip", ["-brief", "link"])?.contains("inside"));
    let mut command = namespace.command("ip")?;
    let output = command.args(["-brief", "link"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("inside"));
    Ok(())
}

fn two_namespaces_talk_over_a_bridge() -> Result {
    let pods = Pods::new()?;
    let dustin = http::serve(&pods.dustin, "10.0.0.11:8080", "dustin")?;
    let leah = http::serve(&pods.leah, "0.0.0.0:8080", "leah")?;
    for (client, own, server, name) in [
        (&pods.home, "10.0.0.1", "10.0.0.11:8080", "dustin"),
        (&pods.home, "10.0.0.1", "10.0.0.21:8080", "leah"),
        (&pods.dustin, "10.0.0.11", "10.0.0.21:8080", "leah"),
        (&pods.leah, "10.0.0.21", "10.0.0.11:8080", "dustin"),
    ] {
        let answer = http::get(client, server, PATIENCE).unwrap();
        assert_eq!(answer.server, name);
        assert_eq!(answer.client.ip().to_string(), own);
    }
    assert_eq!((dustin.requests(), leah.requests()), (2, 2));
    drop(dustin);
    assert_eq!(
        http::get(&pods.home, "10.0.0.11:8080", PATIENCE),
        Err(Unanswered::Refused)
    );

    let _tcp = net::serve_tcp(&pods.leah, "0.0.0.0:7", "leah's TCP")?;
    let _udp = net::serve_udp(&pods.leah, "0.0.0.0:7", "leah's UDP")?;
    assert_eq!(
        net::ask_tcp(&pods.dustin, "10.0.0.21:7", PATIENCE)
            .unwrap()
            .server,
        "leah's TCP"
    );
    assert_eq!(
        net::ask_udp(&pods.dustin, "10.0.0.21:7", PATIENCE)
            .unwrap()
            .server,
        "leah's UDP"
    );
    let mut connection = net::connect(&pods.home, "10.0.0.21:7", PATIENCE).unwrap();
    let own = connection.local_address().unwrap();
    assert_eq!(connection.ask().unwrap().client, own);
    assert_eq!(connection.ask().unwrap().client, own);
    Ok(())
}

fn ipv6_is_usable_at_once() -> Result {
    let (home, other) = (Namespace::current()?, Namespace::new()?);
    link::veth("near", "far")?;
    link::move_into("far", &other)?;
    link::up("near")?;
    address::add("fd00::1/64", "near")?;
    other.run(|| -> Result {
        link::up("far")?;
        address::add("fd00::2/64", "far")?;
        route::via("default", "fd00::1")
    })?;
    link::dummy("vip")?;
    address::add("fd01::1", "vip")?;
    let _http = http::serve(&other, "[fd00::2]:80", "far")?;
    let _tcp = net::serve_tcp(&home, "[::]:7", "near")?;
    let _udp = net::serve_udp(&home, "[fd01::1]:7", "vip")?;
    assert_eq!(
        http::get(&home, "[fd00::2]:80", PATIENCE).unwrap().server,
        "far"
    );
    assert_eq!(
        net::ask_tcp(&other, "[fd00::1]:7", PATIENCE)
            .unwrap()
            .server,
        "near"
    );
    assert_eq!(
        net::ask_udp(&other, "[fd01::1]:7", PATIENCE)
            .unwrap()
            .server,
        "vip"
    );
    Ok(())
}

fn connection_failures_are_distinguished() -> Result {
    let pods = Pods::new()?;
    assert_eq!(
        http::get(&pods.home, "192.0.2.1:80", PATIENCE),
        Err(Unanswered::NoRoute)
    );
    assert_eq!(
        http::get(&pods.home, "10.0.0.11:80", PATIENCE),
        Err(Unanswered::Refused)
    );
    assert_eq!(
        net::ask_udp(&pods.home, "10.0.0.11:80", PATIENCE),
        Err(Unanswered::Refused)
    );
    // No host has the address. The kernel reports this after 3 s.
    assert_eq!(
        http::get(&pods.home, "10.0.0.99:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    assert_eq!(
        net::ask_tcp(&pods.home, "10.0.0.98:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    assert_eq!(
        net::ask_udp(&pods.home, "10.0.0.97:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    assert!(matches!(
        http::get(&pods.home, "nonsense", PATIENCE),
        Err(Unanswered::Other(_))
    ));
    Ok(())
}

fn settings_belong_to_the_callers_namespace() -> Result {
    let other = Namespace::new()?;
    let key = "net.ipv4.ip_forward";
    let before = sysctl::read(key)?;
    let changed = if before == "1" { "0" } else { "1" };
    other.run(|| sysctl::write(key, changed))?;
    assert_eq!(other.run(|| sysctl::read(key))?, changed);
    assert_eq!(sysctl::read(key)?, before);
    sysctl::write("net.ipv4.vs.conntrack", "1")?;
    assert_eq!(sysctl::read("net.ipv4.vs.conntrack")?, "1");
    assert_eq!(other.run(|| sysctl::read("net.ipv4.vs.conntrack"))?, "0");
    link::dummy("eth0.1")?;
    sysctl::write("net/ipv4/conf/eth0.1/arp_ignore", "1")?;
    module::load("br_netfilter")?;
    sysctl::write("net.bridge.bridge-nf-call-iptables", "1")
}

fn errors_name_the_operation_and_its_object() -> Result {
    let text = |error: Error| error.to_string();
    let error = link::up("nothing").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(19));
    assert_eq!(
        text(error),
        "set up the device nothing: No such device (os error 19)"
    );
    link::dummy("here")?;
    assert_eq!(
        text(link::dummy("here").unwrap_err()),
        "create the dummy device here: File exists (os error 17)"
    );
    address::add("10.1.0.1/24", "here")?;
    assert_eq!(
        text(address::add("10.1.0.1/24", "here").unwrap_err()),
        "add to here the address 10.1.0.1/24: File exists (os error 17)"
    );
    address::delete("10.1.0.1/24", "here")?;
    assert!(
        text(address::delete("10.1.0.1/24", "here").unwrap_err())
            .starts_with("delete from here the address 10.1.0.1/24: ")
    );
    assert!(
        text(route::via("10.2.0.0/16", "10.1.0.2").unwrap_err())
            .starts_with("add via 10.1.0.2 the route 10.2.0.0/16: Network is unreachable")
    );
    assert!(text(link::master("here", "no_bridge").unwrap_err()).contains("no_bridge"));
    assert!(
        text(sysctl::write("net.ipv4.nonsense", "1").unwrap_err()).contains("net.ipv4.nonsense=1")
    );
    assert_eq!(
        text(tool("no-such-tool", [""; 0]).unwrap_err()),
        "no-such-tool is not installed; install it with: apt-get install no-such-tool"
    );
    let error = text(tool("ipset", ["list", "nothing"]).unwrap_err());
    assert!(
        error.contains("ipset list nothing") && error.contains("does not exist"),
        "{error}"
    );
    assert!(text(module::load("no_such_module").unwrap_err()).contains("no_such_module"));
    link::delete("here")?;
    assert!(!link::exists("here")?);
    assert!(link::exists("lo")? && link::index("lo")? == 1);
    Ok(())
}

fn a_masquerade_hides_the_client() -> Result {
    let pods = Pods::new()?;
    let outside = Namespace::new()?;
    link::veth_into("uplink", "outer", &outside)?;
    link::up("uplink")?;
    address::add("192.0.2.1/24", "uplink")?;
    outside.run(|| -> Result {
        link::up("outer")?;
        address::add("192.0.2.2/24", "outer")
    })?;
    let _server = http::serve(&outside, "192.0.2.2:80", "outside")?;
    // It has no route back to the pods.
    assert_eq!(
        http::get(&pods.dustin, "192.0.2.2:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    let iptables = lab::test::need("firewall rules", Iptables::new());
    iptables.append("filter", "FORWARD", "--in-interface bridge_home -j ACCEPT")?;
    iptables.append("nat", "POSTROUTING", "--source 10.0.0.0/24 -j MASQUERADE")?;
    let answer = http::get(&pods.dustin, "192.0.2.2:80", PATIENCE).unwrap();
    assert_eq!(answer.client.ip().to_string(), "192.0.2.1");
    iptables.delete("nat", "POSTROUTING", "--source 10.0.0.0/24 -j MASQUERADE")?;
    assert!(
        iptables
            .delete("nat", "POSTROUTING", "--source 10.0.0.0/24 -j MASQUERADE")
            .is_err()
    );
    assert_eq!(
        http::get(&pods.dustin, "192.0.2.2:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    // The rule that step 5 of the walkthrough needs.
    tool("ipset", ["create", "PAIRS", "hash:ip,port,ip"])?;
    iptables.append(
        "nat",
        "POSTROUTING",
        "-m set --match-set PAIRS dst,dst,src -j MASQUERADE",
    )?;
    tool("ipset", ["add", "PAIRS", "192.0.2.2,tcp:80,10.0.0.11"])?;
    assert_eq!(
        http::get(&pods.dustin, "192.0.2.2:80", PATIENCE)
            .unwrap()
            .server,
        "outside"
    );
    assert_eq!(
        http::get(&pods.leah, "192.0.2.2:80", IMPATIENCE),
        Err(Unanswered::TimedOut)
    );
    Ok(())
}

fn promiscuous_mode_is_reported() -> Result {
    link::bridge("bridge_home")?;
    link::promiscuous("bridge_home", true)?;
    assert!(tool("ip", ["link", "show", "bridge_home"])?.contains("PROMISC"));
    link::promiscuous("bridge_home", false)?;
    assert!(!tool("ip", ["link", "show", "bridge_home"])?.contains("PROMISC"));
    Ok(())
}

fn a_tunnel_real_server_decapsulates() -> Result {
    let pods = Pods::new()?;
    module::load("ipip")?;
    pods.dustin.run(|| -> Result {
        link::up("tunl0")?;
        address::add("10.100.100.100/32", "tunl0")?;
        // The answers leave by a different device than the requests arrive at.
        for device in ["all", "tunl0"] {
            sysctl::write(&format!("net.ipv4.conf.{device}.rp_filter"), "0")?;
        }
        Ok(())
    })?;
    address::add("10.100.100.100/32", "lo")?;
    let service = "10.100.100.100:8080";
    tool("ipvsadm", ["-A", "-t", service, "-s", "rr"])?;
    tool(
        "ipvsadm",
        ["-a", "-t", service, "-r", "10.0.0.11:8080", "--ipip"],
    )?;
    let _server = http::serve(&pods.dustin, "10.100.100.100:8080", "dustin")?;
    assert_eq!(
        http::get(&pods.leah, service, PATIENCE).unwrap().server,
        "dustin"
    );
    module::load("ip6_tunnel")?;
    pods.dustin.run(|| link::up("ip6tnl0"))?;
    link::tunnel(
        "six",
        "ip6tnl",
        "fd00::1".parse().unwrap(),
        "fd00::2".parse().unwrap(),
    )?;
    link::tunnel(
        "four",
        "ipip",
        "10.0.0.1".parse().unwrap(),
        "10.0.0.21".parse().unwrap(),
    )
}

fn tools_take_standard_input() -> Result {
    lab::tool_with_input("ipset", ["restore"], "create a hash:ip\nadd a 10.0.0.1\n")?;
    assert!(tool("ipset", ["save", "a"])?.contains("add a 10.0.0.1"));
    let large = "x".repeat(300_000);
    assert_eq!(lab::tool_with_input("cat", [""; 0], &large)?, large);
    Ok(())
}
