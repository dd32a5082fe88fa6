//! YAML with places: the small types that the raw project is made of, and the translation of the parser's errors.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_saphyr::{Location as YamlLocation, Spanned};

use super::words::did_you_mean;
use crate::error::{Error, ErrorKind};

/// A text as it is written, before `${VAR}` is replaced, and its place.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Text(pub Spanned<String>);

impl Text {
    /// A text that stands in no file.
    pub fn placeless(text: impl Into<String>) -> Self {
        Self(Spanned::new(text.into(), YamlLocation::UNKNOWN, YamlLocation::UNKNOWN))
    }

    pub fn raw(&self) -> &str {
        &self.0.value
    }

    /// Where the text itself stands: of an alias, its anchor.
    pub fn place(&self) -> YamlLocation {
        self.0.defined
    }
}

/// A text that may look like a number: its digits are kept as written.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Quantity(pub Text);

/// `true` or `false`.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Flag(pub Spanned<bool>);

/// A key that may be left out, but not left empty: `key:` with nothing behind it is a mistake, not a default.
#[derive(Debug, Clone)]
pub(crate) struct Given<T>(pub Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Given(Some(value)))
    }
}

impl<T: Serialize> Serialize for Given<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A mapping in the order of the file, each key with its place.
#[derive(Debug, Clone)]
pub(crate) struct Entries<V>(pub Vec<(Text, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entry<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }

            /// `rules:` with all its entries commented out.
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }
        }

        deserializer.deserialize_any(Entry(PhantomData))
    }
}

impl<V: Serialize> Serialize for Entries<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(transparent, bound(deserialize = "T: DeserializeOwned"))]
pub(crate) struct OneOrMany<T>(pub Spanned<Listed<T>>);

#[derive(Debug, Clone, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Listed<T> {
    One(String),
    /// A number or a boolean: its digits are taken from the file, by its place.
    Literal,
    Many(Vec<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Listed<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Listed::One(text.to_string()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_i128<E>(self, _: i128) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Listed::Literal)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Listed::Many(items))
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// Options, or only a path for short.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent, bound(deserialize = "T: DeserializeOwned"))]
pub(crate) struct Short<T>(pub Spanned<PathOr<T>>);

#[derive(Debug, Clone)]
pub(crate) enum PathOr<T> {
    Path(String),
    Options(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PathOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = PathOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a path, or options with a path among them")
            }

            fn visit_str<E>(self, path: &str) -> Result<Self::Value, E> {
                Ok(PathOr::Path(path.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(NullIsAName(map))).map(PathOr::Options)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A mapping in which the key `null`, which YAML takes for nothing, is the option of that name.
struct NullIsAName<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for NullIsAName<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(NullIsAName(seed))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// The same for one key: inside the parser's call, so that an error about the key gets the key's place.
impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for NullIsAName<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        let key = Option::<String>::deserialize(deserializer)?;
        self.0.deserialize(key.unwrap_or_else(|| "null".to_string()).into_deserializer())
    }
}

/// Implements [`JsonSchema`] in place of a derive: the wrappers are transparent in the file.
macro_rules! inline_schema {
    ($type:ident $(<$param:ident>)?, $generator:ident => $schema:expr) => {
        impl $(<$param: JsonSchema>)? JsonSchema for $type $(<$param>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(Text, _generator => json_schema!({"type": "string"}));
inline_schema!(Quantity, _generator => json_schema!({"type": ["string", "number", "boolean"]}));
inline_schema!(Flag, _generator => json_schema!({"type": "boolean"}));
inline_schema!(Given<T>, generator => generator.subschema_for::<T>());
inline_schema!(Entries<V>, generator => {
    json_schema!({"type": ["object", "null"], "additionalProperties": generator.subschema_for::<V>()})
});
inline_schema!(OneOrMany<T>, generator => {
    let item = generator.subschema_for::<T>();
    json_schema!({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})
});
inline_schema!(Short<T>, generator => json_schema!({"anyOf": [{"type": "string"}, generator.subschema_for::<T>()]}));

/// Reads one YAML document. Duplicate keys are errors; `yes` and `on` are texts, not booleans.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, (Error, Option<(u64, u64)>)> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().filter(|place| place.line() > 0).map(|place| (place.line(), place.column()));
        (translate(error.without_snippet()), place)
    })
}

/// The parser's errors in our words; the place is told apart.
fn translate(error: &serde_saphyr::Error) -> Error {
    use serde_saphyr::Error as Yaml;
    let config = |message: String| Error::new(ErrorKind::Config, message);
    match error {
        Yaml::SerdeUnknownField { field, expected, .. } => {
            // What the loader knows only to refuse it is no suggestion.
            let known = expected.iter().copied();
            config(format!("unknown key `{field}`")).hint(did_you_mean(field, known, "the keys here"))
        }
        Yaml::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            config(format!("`{key}` stands here for the second time")).hint("rename or remove one of the two")
        }
        Yaml::NullIntoString { .. } => {
            config("a value is missing".into()).hint("write it after the colon, or remove the key")
        }
        Yaml::InvalidBooleanStrict { .. } => config("expected true or false".into()),
        Yaml::SerdeInvalidType { unexpected, expected, .. } => {
            let unexpected = if unexpected == "unit value" { "nothing" } else { unexpected };
            config(format!("expected {expected}, found {unexpected}"))
        }
        Yaml::Unexpected { expected, .. } => config(format!(
            "expected {}",
            match *expected {
                "string scalar" | "scalar" => "a text",
                "mapping start" | "mapping" => "keys and values",
                "sequence start" | "sequence" => "a list",
                other => other,
            }
        )),
        Yaml::MultipleDocuments { .. } => config("the file holds more than one YAML document".into())
            .hint("remove the line `---` and what follows it"),
        Yaml::Eof { .. } => config("the file ends too early".into()),
        other => config(format!("the file is not valid YAML: {}", without_place(&other.to_string())))
            .hint("mind the indentation, and put texts that hold one of { } [ ] , : # in quotes"),
    }
}

/// The place is printed in front; the parser's own way of telling it is cut off.
fn without_place(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let message = match message.strip_prefix("error: ").unwrap_or(message).split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest,
        _ => message,
    };
    message.lines().next().unwrap_or_default().trim().to_string()
}
