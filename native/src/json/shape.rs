//! What a message type looks like to the printer, read from a descriptor set.

use std::collections::HashMap;
use std::fmt;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

const TIMESTAMP: &str = ".google.protobuf.Timestamp";

/// Why a type can't be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// The bytes are no descriptor set.
    Set,
    /// The set has no message of this name.
    Missing(String),
    /// A field of this name has a type that nothing of ours has.
    Unsupported(String),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => out.write_str("the bytes are no descriptor set"),
            Self::Missing(name) => write!(out, "the descriptor set has no message {name}"),
            Self::Unsupported(name) => write!(out, "the field {name} has a type that is not printed"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    // 32 bits and less: a number.
    Short,
    // 64 bits: a number in quotes, for JavaScript's have only 53.
    Long,
    Bool,
    Double,
    Timestamp,
    /// By its place among the shapes.
    Message(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Printed with its default when it is not set.
    Always,
    /// Printed when it is set.
    Explicit,
    Repeated,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// As it is printed: `"name":`.
    pub(super) label: Box<[u8]>,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
}

/// A message's fields in the order of their declaration.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) fields: Vec<Field>,
}

impl Shape {
    pub(super) fn place_of(&self, number: u32) -> Option<usize> {
        // Numbers rise with the places in nearly every message of ours, and most are dense.
        let guess = usize::try_from(number).ok()?.wrapping_sub(1);
        match self.fields.get(guess) {
            Some(field) if field.number == number => Some(guess),
            _ => self.fields.iter().position(|field| field.number == number),
        }
    }
}

/// The shapes of a message and of all that it may hold; the message itself is the first.
pub(super) fn shapes(set: &[u8], root: &str) -> Result<Vec<Shape>, ShapeError> {
    let set = FileDescriptorSet::decode(set).map_err(|_| ShapeError::Set)?;
    let mut described = HashMap::new();
    for file in &set.file {
        collect(&format!(".{}", file.package()), &file.message_type, &mut described);
    }
    let mut reader = Reader { described, places: HashMap::new(), shapes: Vec::new() };
    reader.place(&format!(".{root}"))?;
    Ok(reader.shapes)
}

fn collect<'a>(scope: &str, messages: &'a [DescriptorProto], into: &mut HashMap<String, &'a DescriptorProto>) {
    for message in messages {
        let name = format!("{scope}.{}", message.name());
        collect(&name, &message.nested_type, into);
        into.insert(name, message);
    }
}

struct Reader<'a> {
    described: HashMap<String, &'a DescriptorProto>,
    places: HashMap<String, usize>,
    shapes: Vec<Shape>,
}

impl Reader<'_> {
    fn place(&mut self, name: &str) -> Result<usize, ShapeError> {
        if let Some(&place) = self.places.get(name) {
            return Ok(place);
        }
        let message = *self.described.get(name).ok_or_else(|| ShapeError::Missing(name[1..].to_owned()))?;
        // Before its fields, for a tweet holds tweets.
        let place = self.shapes.len();
        self.places.insert(name.to_owned(), place);
        self.shapes.push(Shape::default());
        let fields: Result<Vec<Field>, ShapeError> = message.field.iter().map(|field| self.field(field)).collect();
        self.shapes[place].fields = fields?;
        Ok(place)
    }

    fn field(&mut self, field: &FieldDescriptorProto) -> Result<Field, ShapeError> {
        let unsupported = || ShapeError::Unsupported(field.name().to_owned());
        let kind = match field.r#type() {
            Type::String => Kind::String,
            Type::Int32 | Type::Uint32 => Kind::Short,
            Type::Int64 => Kind::Long,
            Type::Bool => Kind::Bool,
            Type::Double => Kind::Double,
            Type::Message if field.type_name() == TIMESTAMP => Kind::Timestamp,
            Type::Message => Kind::Message(self.place(field.type_name())?),
            _ => return Err(unsupported()),
        };
        let is_message = matches!(kind, Kind::Message(_) | Kind::Timestamp);
        let presence = match field.label() {
            // Packed numbers would need a reader of their own.
            Label::Repeated if !is_message && kind != Kind::String => return Err(unsupported()),
            Label::Repeated => Presence::Repeated,
            _ if is_message || field.oneof_index.is_some() => Presence::Explicit,
            _ => Presence::Always,
        };
        let number = u32::try_from(field.number()).map_err(|_| unsupported())?;
        let label = format!("\"{}\":", field.name()).into_bytes().into();
        Ok(Field { number, label, kind, presence })
    }
}
