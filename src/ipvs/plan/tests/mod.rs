mod cases;
mod model;
mod program;
mod properties;
mod rules;
#[cfg(feature = "serde")]
mod serde;
mod texts;
