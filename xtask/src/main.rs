//! The commands of the ipvset project: `cargo xtask help`.
fn main() {}
