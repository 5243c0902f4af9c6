//! The parts of listings in XML.

use ipvset::ipset::AnyEntry;
use ipvset::ipset::text::OptionText;

use crate::complaint::said;

/// Appends a member, starting after its `<elem>`, so that sorting compares elements.
pub fn member(entry: &AnyEntry, out: &mut Vec<u8>) {
    out.extend(escaped(&entry.value_to_text()));
    out.extend(b"</elem>");
    for option in entry.option_texts() {
        match entry.options().comment_bytes() {
            // A comment need not be UTF-8.
            Some(comment) if option.name == "comment" => {
                let comment = escaped(&said(b"\"", comment, b"\""));
                out.extend(said(b"<comment>", &comment, b"</comment>"));
            }
            _ => out.extend(tags(&[option])),
        }
    }
    out.extend(b"</member>\n");
}

pub fn tags(options: &[OptionText]) -> Vec<u8> {
    let mut tags = Vec::new();
    for OptionText { name, value, .. } in options {
        match value {
            Some(value) => {
                tags.extend(format!("<{name}>").as_bytes());
                tags.extend(escaped(value.as_bytes()));
                tags.extend(format!("</{name}>").as_bytes());
            }
            None => tags.extend(format!("<{name}/>").as_bytes()),
        }
    }
    tags
}

pub fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'&' => escaped.extend(b"&amp;"),
            b'<' => escaped.extend(b"&lt;"),
            b'>' => escaped.extend(b"&gt;"),
            byte => escaped.push(*byte),
        }
    }
    escaped
}
