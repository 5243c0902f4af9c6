//! Listings in JSON, as newer versions of the tool print them. Text is quoted and escaped, so that
//! the result is always valid.

use std::fmt::Write;

use ipvset::ipset::text::OptionText;
use ipvset::ipset::{AnyEntry, SetInfo};

/// Returns the JSON of a set up to its members.
pub fn header(info: &SetInfo, options: &[OptionText]) -> String {
    let mut fields: Vec<String> = options.iter().map(option).collect();
    fields.push(format!("\"memsize\" : {}", info.memory));
    fields.push(format!("\"references\" : {}", info.references));
    fields.extend(info.entries.map(|it| format!("\"numentries\" : {it}")));
    format!(
        "  {{\n    \"name\" : {},\n    \"type\" : {},\n    \"revision\" : {},\n    \"header\" : {{\n      {}\n    }}",
        string(info.name.as_bytes()),
        string(info.type_name.as_bytes()),
        info.revision,
        fields.join(",\n      ")
    )
}

/// Returns the JSON of a member, starting after the opening quote of its element.
pub fn member(entry: &AnyEntry) -> String {
    let mut member = string(&entry.value_to_text());
    member.remove(0);
    for text in entry.option_texts() {
        let field = match entry.options().comment_bytes() {
            Some(comment) if text.name == "comment" => {
                format!("\"comment\" : {}", string(comment))
            }
            _ => option(&text),
        };
        let _ = write!(member, ",\n        {field}");
    }
    member + "\n      }"
}

/// Returns the JSON of an option. Its value is a number, a string, or `true` if the option has none.
fn option(OptionText { name, value, .. }: &OptionText) -> String {
    let value = match value.as_deref() {
        None => "true".to_owned(),
        Some(value) if value.bytes().all(|byte| byte.is_ascii_digit()) => value.to_owned(),
        Some(value) => string(value.as_bytes()),
    };
    format!("\"{name}\" : {value}")
}

/// Returns a JSON string. Bytes that are not UTF-8 become U+FFFD, because JSON cannot contain them.
pub fn string(text: &[u8]) -> String {
    let mut string = String::from("\"");
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            '\n' => string += "\\n",
            '\t' => string += "\\t",
            c if u32::from(c) < 0x20 => {
                let _ = write!(string, "\\u{:04x}", u32::from(c));
            }
            c => string.push(c),
        }
    }
    string + "\""
}
