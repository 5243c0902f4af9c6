//! Services and EndpointSlices, as `kubectl` prints them.

use std::io::{self, Write};

/// How many endpoints a Service has in each family.
const ENDPOINTS: u32 = 10;

/// Writes a list of Services with their slices.
pub fn list(count: u32, text: &mut impl Write) -> io::Result<()> {
    // Only a document begins at the beginning of a line.
    writeln!(
        text,
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
    )?;
    for number in 0..count {
        let (a, b) = (number >> 8, number & 255);
        writeln!(
            text,
            " {{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{{\"name\":\"s{number}\",\
             \"namespace\":\"default\",\"uid\":\"u{number}\"}},\"spec\":{{\"type\":\"ClusterIP\",\
             \"clusterIP\":\"10.96.{a}.{b}\",\"clusterIPs\":[\"10.96.{a}.{b}\",\"fd00:96::{number:x}\"],\
             \"ports\":[{{\"name\":\"p\",\"protocol\":\"TCP\",\"port\":80,\"targetPort\":8080}}]}},\
             \"status\":{{\"loadBalancer\":{{}}}}}},"
        )?;
        writeln!(text, " {},", slice(number, "IPv4", false))?;
        let end = if number + 1 == count { "" } else { "," };
        writeln!(text, " {}{end}", slice(number, "IPv6", false))?;
    }
    writeln!(text, "]}}")
}

/// Returns the event that the last IPv4 endpoint of a Service is gone, or is there again.
pub fn changed_slice(number: u32, is_changed: bool) -> String {
    let slice = slice(number, "IPv4", is_changed);
    format!("{{\"type\":\"MODIFIED\",\"object\":{slice}}}\n")
}

fn slice(number: u32, family: &str, is_changed: bool) -> String {
    let count = ENDPOINTS - u32::from(is_changed);
    let endpoints = (0..count).map(|it| {
        let pod = number * ENDPOINTS + it;
        let [_, a, b, c] = pod.to_be_bytes();
        let address = match family {
            "IPv4" => format!("10.{}.{b}.{c}", 128 + a),
            _ => format!("fd00:244::{a:x}:{:x}", pod & 0xffff),
        };
        // Every tenth pod is on this node.
        let node = if it == 0 { "here" } else { "elsewhere" };
        format!(
            "{{\"addresses\":[\"{address}\"],\"nodeName\":\"{node}\",\"conditions\":{{\"ready\":true}}}}"
        )
    });
    let endpoints: Vec<_> = endpoints.collect();
    format!(
        "{{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{{\"name\":\
         \"s{number}-{family}\",\"namespace\":\"default\",\"uid\":\"u{number}-{family}\",\"labels\":\
         {{\"kubernetes.io/service-name\":\"s{number}\"}}}},\"addressType\":\"{family}\",\
         \"ports\":[{{\"name\":\"p\",\"protocol\":\"TCP\",\"port\":8080}}],\"endpoints\":[{}]}}",
        endpoints.join(",")
    )
}
