//! Known reasons why a guest's kernel does not start.

/// A text of the kernel's log, and its meaning in one sentence.
const KNOWN: [(&str, &str); 5] = [
    (
        "ptrace set fp regs failed",
        "the processor keeps more state than this kernel was built for (AMX), and the library that mends it was not loaded, \
         because the kernel is statically linked or a script clears LD_PRELOAD",
    ),
    (
        "needs a PID namespace",
        "the machine allows no PID namespaces, which keep the guest's processes together",
    ),
    (
        "must be not mounted noexec",
        "the folder for its memory is mounted noexec; TMPDIR can name another one",
    ),
    (
        "likely just ran out of space",
        "the folder for its memory is full; TMPDIR can name another one",
    ),
    (
        "ptrace: Operation not permitted",
        "the machine refused a ptrace request that User Mode Linux needs, as a container's seccomp profile does",
    ),
];

/// Returns the known reason why a kernel with this log ended before its init ran.
pub(super) fn of(log: &str) -> &'static str {
    let known = KNOWN.iter().find(|(sign, _)| log.contains(sign));
    known.map_or(
        "the reason is not a known one (processors with AMX, no PID namespaces, no ptrace, a folder for its memory that is full or noexec)",
        |(_, meaning)| meaning,
    )
}
