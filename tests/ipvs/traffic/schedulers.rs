use crate::support::tests;
tests![nothing];
fn nothing() {}
