//! Protobuf's wire format, as far as splicing needs it: walking a message's fields, and writing some.

use std::fmt;

/// One field's value as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Strings, bytes, messages, packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("bytes that are no Protobuf message")
    }
}

/// Walks the fields of a message in the order in which they were written.
///
/// ```
/// use aviary_native::wire::{Fields, Value, put_bytes, put_number};
/// let mut message = Vec::new();
/// put_number(&mut message, 1, 300);
/// put_bytes(&mut message, 4, b"hi");
/// let fields: Vec<_> = Fields::of(&message).map(Result::unwrap).collect();
/// assert_eq!(fields, [(1, Value::Varint(300)), (4, Value::Bytes(b"hi"))]);
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Begins at the first field.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let key = varint(&mut self.0)?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed),
        };
        if number == 0 { Err(Malformed) } else { Ok((number, value)) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Reads a varint from the front of `bytes`, which then begins behind it.
///
/// # Errors
/// [`Malformed`] when it does not end within ten bytes.
pub fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            *bytes = &bytes[place + 1..];
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends an integer or boolean field; zero, which is what a missing one means, is left out.
pub fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

/// Appends what stands in front of so many bytes of a field.
pub fn put_head(out: &mut Vec<u8>, number: u32, length: usize) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, length as u64);
}

/// Appends a field of bytes, a string or a message, also an empty one.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_head(out, number, value.len());
    out.extend_from_slice(value);
}

// The lengths that two bytes tell, as most messages' that are worth it have.
const IN_TWO: std::ops::Range<usize> = 1 << 7..1 << 14;

/// Appends a field that is a message, which `put` writes in its place.
///
/// A message of less than 128 bytes, or of 16 KiB and more, is moved once.
pub fn put_message(out: &mut Vec<u8>, number: u32, put: impl FnOnce(&mut Vec<u8>)) {
    put_varint(out, u64::from(number) << 3 | 2);
    let head = out.len();
    out.extend_from_slice(&[0x80, 0]);
    put(out);
    let length = out.len() - head - 2;
    if IN_TWO.contains(&length) {
        out[head] |= length.to_le_bytes()[0];
        out[head + 1] = (length >> 7).to_le_bytes()[0];
    } else {
        let mut told = Vec::new();
        put_varint(&mut told, length as u64);
        out.splice(head..head + 2, told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_written_in_place_is_the_bytes_of_one_that_was_ready() {
        for length in [0, 1, 127, 128, 129, 255, 256, 16_383, 16_384, 70_000] {
            let (message, mut ready, mut in_place) = (vec![7; length], vec![1], vec![1]);
            put_bytes(&mut ready, 300, &message);
            put_message(&mut in_place, 300, |out| out.extend_from_slice(&message));
            assert_eq!(in_place, ready, "{length}");
        }
    }
}
