mod cases;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod few;
pub(crate) mod fuzzing;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod marks;
pub(in crate::ipvs) mod model;
mod program;
mod properties;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod rules;
#[cfg(all(test, feature = "serde"))]
mod serde;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod unfinished;
#[cfg(test)]
mod weights;
