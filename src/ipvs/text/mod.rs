//! The text in which `ipvsadm -S -n` saves a table and `ipvsadm -R` reads it: one operation a
//! line, written as the tool's arguments.

mod parse;
mod print;
