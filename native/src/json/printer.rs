//! From the wire to JSON, led by the shapes.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::json::escape::put_string;
use crate::json::number::{put_double, put_integer};
use crate::json::shape::{Field, Kind, Presence, Shape, ShapeError, shapes};
use crate::wire::{Fields, Malformed, Value};

/// Prints one type of message. Made once, for reading the descriptors takes milliseconds.
#[derive(Debug)]
pub struct Printer(Vec<Shape>);

/// A field's values on the wire: the last one counts, and messages merge.
#[derive(Clone, Debug, Default)]
enum Found<'a> {
    #[default]
    Nothing,
    One(Value<'a>),
    Merged(Vec<u8>),
}

impl Printer {
    /// Reads the shape of the message `root`, such as `aviary.api.tweets.v1.TweetList`, from a `FileDescriptorSet`.
    ///
    /// # Errors
    /// [`ShapeError`] when the set is none, lacks a type, or a field is of a type that is not printed.
    pub fn new(descriptors: &[u8], root: &str) -> Result<Self, ShapeError> {
        shapes(descriptors, root).map(Self)
    }

    /// Appends `message` as JSON. `O(n)` in its bytes, but for fields that are repeated, each of which is a walk more.
    ///
    /// # Errors
    /// [`Malformed`] when it is no message of this type; `out` then holds a part.
    pub fn print(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.message(0, message, out)
    }

    /// Appends those fields of `message` whose numbers are in the range, without braces, separated by commas.
    ///
    /// # Errors
    /// As [`Printer::print`].
    pub fn print_fields(
        &self,
        message: &[u8],
        numbers: RangeInclusive<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        self.fields(0, message, &numbers, out)
    }

    fn message(&self, shape: usize, message: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        out.push(b'{');
        self.fields(shape, message, &(1..=u32::MAX), out)?;
        out.push(b'}');
        Ok(())
    }

    fn fields(
        &self,
        shape: usize,
        message: &[u8],
        numbers: &RangeInclusive<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let shape = &self.0[shape];
        let found = gather(shape, message)?;
        let mut separator: &[u8] = b"";
        for (field, found) in shape.fields.iter().zip(found) {
            let is_set = !matches!(found, Found::Nothing);
            if !numbers.contains(&field.number) || field.presence == Presence::Explicit && !is_set {
                continue;
            }
            out.extend_from_slice(separator);
            separator = b",";
            out.extend_from_slice(&field.label);
            match found {
                _ if field.presence == Presence::Repeated => self.repeated(field, message, out)?,
                Found::Nothing => put_default(field.kind, out),
                Found::One(value) => self.value(field.kind, value, out)?,
                Found::Merged(bytes) => self.value(field.kind, Value::Bytes(&bytes), out)?,
            }
        }
        Ok(())
    }

    fn repeated(&self, field: &Field, message: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        out.push(b'[');
        let mut is_first = true;
        for each in Fields::of(message) {
            let (number, value) = each?;
            if number == field.number {
                if !is_first {
                    out.push(b',');
                }
                is_first = false;
                self.value(field.kind, value, out)?;
            }
        }
        out.push(b']');
        Ok(())
    }

    fn value(&self, kind: Kind, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match (kind, value) {
            (Kind::String, Value::Bytes(text)) => {
                put_string(out, std::str::from_utf8(text).map_err(|_| Malformed)?);
            }
            // 32-bit numbers are sign-extended on the wire.
            (Kind::Short, Value::Varint(number)) => put_integer(out, number.cast_signed()),
            (Kind::Long, Value::Varint(number)) => {
                out.push(b'"');
                put_integer(out, number.cast_signed());
                out.push(b'"');
            }
            (Kind::Bool, Value::Varint(number)) => put_bool(out, number != 0),
            (Kind::Double, Value::Fixed64(bits)) => put_double(out, f64::from_bits(bits)),
            (Kind::Timestamp, Value::Bytes(message)) => put_timestamp(out, message)?,
            (Kind::Message(shape), Value::Bytes(message)) => self.message(shape, message, out)?,
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

fn gather<'a>(shape: &Shape, message: &'a [u8]) -> Result<Vec<Found<'a>>, Malformed> {
    let mut found = vec![Found::Nothing; shape.fields.len()];
    for field in Fields::of(message) {
        let (number, value) = field?;
        // What the shape does not know, a later version wrote.
        let Some(place) = shape.place_of(number) else { continue };
        let merges = matches!(shape.fields[place].kind, Kind::Message(_) | Kind::Timestamp)
            && shape.fields[place].presence != Presence::Repeated;
        found[place] = match (std::mem::take(&mut found[place]), value) {
            (Found::One(Value::Bytes(before)), Value::Bytes(more)) if merges => Found::Merged([before, more].concat()),
            (Found::Merged(before), Value::Bytes(more)) => Found::Merged([&before, more].concat()),
            (_, value) => Found::One(value),
        };
    }
    Ok(found)
}

fn put_default(kind: Kind, out: &mut Vec<u8>) {
    let text: &[u8] = match kind {
        Kind::String => b"\"\"",
        Kind::Long => b"\"0\"",
        Kind::Bool => b"false",
        Kind::Short | Kind::Double => b"0",
        Kind::Timestamp | Kind::Message(_) => b"null",
    };
    out.extend_from_slice(text);
}

fn put_bool(out: &mut Vec<u8>, value: bool) {
    let text: &[u8] = if value { b"true" } else { b"false" };
    out.extend_from_slice(text);
}

/// Appends an RFC 3339 time with as many digits of a second as it has: none, three, six or nine.
fn put_timestamp(out: &mut Vec<u8>, message: &[u8]) -> Result<(), Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (1, Value::Varint(value)) => seconds = value.cast_signed(),
            (2, Value::Varint(value)) => nanos = value,
            _ => {}
        }
    }
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction: Cow<'_, str> = match nanos {
        0 => Cow::Borrowed(""),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000).into(),
        _ if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000).into(),
        _ => format!(".{nanos:09}").into(),
    };
    let text = format!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z\"");
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

// Howard Hinnant, "chrono-compatible low-level date algorithms": civil_from_days.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
