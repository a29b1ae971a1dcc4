//! Strings in quotes, escaped as Protobuf's C++ printer does: JSON's own, HTML's angle brackets, and what is invisible.

/// Appends a string with its quotes. `O(n)`; what needs no escape is copied in runs.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        // Nearly all text is plain ASCII.
        if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '<' | '>') || !is_escaped(c) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[copied..at]);
        put_escape(out, c);
        copied = at + c.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
    out.push(b'"');
}

fn is_escaped(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '"' | '\\' | '<' | '>' | '\x7f'..='\u{9f}' | '\u{ad}')
        || matches!(c, '\u{600}'..='\u{603}' | '\u{6dd}' | '\u{70f}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

fn put_escape(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '\x08' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\x0c' => b'f',
        '\r' => b'r',
        '"' => b'"',
        '\\' => b'\\',
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
