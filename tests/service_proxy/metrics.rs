//! What the proxy exports to Prometheus.

use serde_json::json;

use crate::Result;
use crate::cluster::{service, slice};
use crate::proxy::Proxy;
use crate::world::{From, World, get};

crate::tests![metrics_are_served];

pub const ADDRESS: &str = "127.0.0.1:9714";

fn metrics_are_served() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&["--metrics", ADDRESS])?;
    proxy.say(
        "ADDED",
        &service("web", "TCP", 80, &["10.96.0.10"], json!({})),
    )?;
    proxy.say("ADDED", &slice("web", "TCP", 1..=2))?;
    proxy.wait_until_applied();
    let text = get(world.namespace(From::Node), ADDRESS)?;
    for line in [
        "service_proxy_services 1",
        "service_proxy_failures_total 0",
        "service_proxy_draining_servers 0",
        "service_proxy_last_application_failures 0",
        "ipvset_part_available{part=\"sets\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let servers = text.lines().filter(|line| {
        line.starts_with("node_ipvs_backend_weight{") && line.contains("\"10.96.0.10\"")
    });
    assert_eq!(servers.count(), 2, "{text}");
    assert!(
        text.contains("ipvset_set_entries{set=\"SVCPROXY-"),
        "{text}"
    );
    Ok(())
}
