//! The kernel, namespaces and devices that the examples, tests and benchmarks of ipvset stand on.
