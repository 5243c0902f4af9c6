//! Reads files of messages between a tool and the kernel. For each run of the tool, a file
//! contains the tool's arguments, followed by lines with what the tool sent (`> `) and what the
//! kernel answered (`< `), both in hexadecimal, and what the tool printed (`= `).

/// One run of a tool.
pub(crate) struct Run {
    pub(crate) arguments: &'static str,
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) printed: Vec<&'static str>,
}

/// Returns the runs of `tool` in a file.
pub(crate) fn runs(tool: &str, captured: &'static str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in captured.lines() {
        let Some((word, rest)) = line.split_once(' ') else {
            continue;
        };
        match word {
            ">" => runs.last_mut().unwrap().sent.push(bytes(rest)),
            "<" => runs.last_mut().unwrap().received.push(bytes(rest)),
            "=" => runs.last_mut().unwrap().printed.push(rest),
            _ if word == tool => runs.push(Run {
                arguments: rest,
                sent: Vec::new(),
                received: Vec::new(),
                printed: Vec::new(),
            }),
            _ => {}
        }
    }
    runs
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
