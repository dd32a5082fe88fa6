//! The type of a JSON column, learnt from every value of every record: a key that shows up late is never lost, and a
//! number that a float cannot hold stays text.

use std::collections::HashMap;
use std::fmt;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Integers up to here are exact as f64.
const EXACT: u64 = 1 << 53;

/// What values at one place looked like so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    boolean: bool,
    string: bool,
    integer: Option<Range>,
    float: bool,
    /// A number that neither i64, u64 nor (exactly) f64 holds.
    large: bool,
    list: Option<Box<Shape>>,
    object: Option<Object>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    negative: bool,
    /// The largest absolute value.
    most: u64,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Object {
    fields: Vec<(String, Shape)>,
    index: HashMap<String, usize>,
    /// Which object had the key last: tells a key that stands twice.
    seen: Vec<u64>,
    count: u64,
}

impl Object {
    /// Learns one record. The error says what is wrong with it.
    pub(super) fn learn(&mut self, record: &[u8]) -> Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(record);
        deserializer.deserialize_map(LearnObject(self))?;
        deserializer.end()
    }

    pub(super) fn merge(&mut self, other: Object) -> Result<(), String> {
        for (name, shape) in other.fields {
            let at = self.at(&name);
            self.fields[at].1.merge(shape).map_err(|why| format!("{name:?} {why}"))?;
        }
        Ok(())
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&String, &Shape)> {
        self.fields.iter().map(|(name, shape)| (name, shape))
    }

    fn at(&mut self, name: &str) -> usize {
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        self.index.insert(name.to_string(), self.fields.len());
        self.fields.push((name.to_string(), Shape::default()));
        self.seen.push(0);
        self.fields.len() - 1
    }
}

impl Shape {
    fn is_scalar(&self) -> bool {
        self.boolean || self.string || self.integer.is_some() || self.float || self.large
    }

    fn scalar(&self) -> Result<(), String> {
        match (&self.list, &self.object) {
            (None, None) => Ok(()),
            (Some(_), _) => Err("is a list in other records".to_string()),
            _ => Err("is an object in other records".to_string()),
        }
    }

    fn list(&mut self) -> Result<&mut Shape, String> {
        if self.is_scalar() || self.object.is_some() {
            return Err("is a list here, but not in other records".to_string());
        }
        Ok(self.list.get_or_insert_default())
    }

    fn object(&mut self) -> Result<&mut Object, String> {
        if self.is_scalar() || self.list.is_some() {
            return Err("is an object here, but not in other records".to_string());
        }
        Ok(self.object.get_or_insert_default())
    }

    fn integer(&mut self, negative: bool, most: u64) {
        let before = self.integer.unwrap_or(Range { negative, most });
        self.integer = Some(Range { negative: negative || before.negative, most: most.max(before.most) });
    }

    fn merge(&mut self, other: Shape) -> Result<(), String> {
        if other.is_scalar() {
            self.scalar()?;
        }
        self.boolean |= other.boolean;
        self.string |= other.string;
        self.float |= other.float;
        self.large |= other.large;
        if let Some(Range { negative, most }) = other.integer {
            self.integer(negative, most);
        }
        if let Some(list) = other.list {
            self.list()?.merge(*list)?;
        }
        match other.object {
            Some(object) => self.object()?.merge(object),
            None => Ok(()),
        }
    }

    /// Whether its cells are read as text.
    pub(super) fn is_text(&self) -> bool {
        self.data_type() == DataType::Utf8
    }

    pub(super) fn is_nested(&self) -> bool {
        self.list.is_some() || self.object.is_some()
    }

    /// Scalars of several kinds, and numbers that would lose digits, are text as written.
    pub(super) fn data_type(&self) -> DataType {
        if let Some(list) = &self.list {
            return DataType::new_list(list.data_type(), true);
        }
        if let Some(object) = &self.object {
            let field = |(name, shape): (&String, &Shape)| Field::new(name, shape.data_type(), true);
            return DataType::Struct(object.fields().map(field).collect::<Fields>());
        }
        let number = self.integer.is_some() || self.float;
        match (self.boolean, self.string || self.large, number) {
            (false, false, false) => DataType::Null,
            (true, false, false) => DataType::Boolean,
            (false, false, true) => self.number(),
            _ => DataType::Utf8,
        }
    }

    fn number(&self) -> DataType {
        match self.integer {
            Some(Range { most, .. }) if self.float && most > EXACT => DataType::Utf8,
            _ if self.float => DataType::Float64,
            // The least i64 is one further from zero than the greatest.
            Some(Range { most, .. }) if most <= i64::MAX as u64 => DataType::Int64,
            Some(Range { negative: false, .. }) => DataType::UInt64,
            _ => DataType::Utf8,
        }
    }
}

/// One value at a place.
struct Learn<'a>(&'a mut Shape);

impl<'de> DeserializeSeed<'de> for Learn<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Learn<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.0.boolean = true;
        self.0.scalar().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.0.integer(value < 0, value.unsigned_abs());
        self.0.scalar().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.0.integer(false, value);
        self.0.scalar().map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        // A whole number of that size may have been written with more digits than a float has.
        let large = value.abs() >= EXACT as f64;
        self.0.large |= large;
        self.0.float |= !large;
        self.0.scalar().map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.0.string = true;
        self.0.scalar().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let item = self.0.list().map_err(A::Error::custom)?;
        while seq.next_element_seed(Learn(&mut *item))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        LearnObject(self.0.object().map_err(A::Error::custom)?).visit_map(map)
    }
}

struct LearnObject<'a>(&'a mut Object);

impl<'de> Visitor<'de> for LearnObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let object = self.0;
        object.count += 1;
        let mark = object.count;
        while let Some(at) = map.next_key_seed(Key(&mut *object))? {
            if std::mem::replace(&mut object.seen[at], mark) == mark {
                return Err(A::Error::custom(format!("the key {:?} stands twice in one object", object.fields[at].0)));
            }
            let before = object.fields[at].1.is_nested();
            let result = map.next_value_seed(Learn(&mut object.fields[at].1));
            // The parser's own errors name no column; a change of shape is one of ours and needs it.
            if let Err(error) = result {
                let changed = before || error.to_string().contains("in other records");
                let name = &object.fields[at].0;
                return Err(if changed { A::Error::custom(format!("{name:?} {error}")) } else { error });
            }
        }
        Ok(())
    }
}

/// A key, as its place in the object.
struct Key<'a>(&'a mut Object);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<usize, E> {
        Ok(self.0.at(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    fn types(records: &[&str]) -> Vec<(String, DataType)> {
        let mut object = Object::default();
        for record in records {
            object.learn(record.as_bytes()).unwrap();
        }
        object.fields().map(|(name, shape)| (name.clone(), shape.data_type())).collect()
    }

    fn type_of(values: &[&str]) -> DataType {
        let records: Vec<String> = values.iter().map(|value| format!("{{\"x\":{value}}}")).collect();
        types(&records.iter().map(String::as_str).collect::<Vec<_>>()).remove(0).1
    }

    #[test]
    fn scalars() {
        assert_eq!(type_of(&["null"]), Null);
        assert_eq!(type_of(&["1", "null", "-2"]), Int64);
        assert_eq!(type_of(&["1", "2.5"]), Float64);
        assert_eq!(type_of(&["true", "false"]), Boolean);
        assert_eq!(type_of(&["\"a\"", "1"]), Utf8);
        assert_eq!(type_of(&["true", "1"]), Utf8);
    }

    #[test]
    fn numbers_that_would_lose_digits_are_text() {
        assert_eq!(type_of(&["9223372036854775807"]), Int64);
        assert_eq!(type_of(&["9223372036854775808"]), UInt64);
        assert_eq!(type_of(&["9223372036854775808", "-1"]), Utf8);
        assert_eq!(type_of(&["123456789012345678901234567890"]), Utf8);
        assert_eq!(type_of(&["9007199254740993", "0.5"]), Utf8);
    }

    #[test]
    fn late_keys_and_nested_values() {
        let found = types(&[r#"{"a":1}"#, r#"{"b":[{"c":1}]}"#, r#"{"b":[{"d":"x"}]}"#]);
        let item = Struct(vec![Field::new("c", Int64, true), Field::new("d", Utf8, true)].into());
        assert_eq!(found, [("a".to_string(), Int64), ("b".to_string(), DataType::new_list(item, true))]);
    }

    #[test]
    fn what_cannot_be_one_column_is_refused() {
        let mut object = Object::default();
        object.learn(br#"{"a":{"b":1}}"#).unwrap();
        let error = object.learn(br#"{"a":1}"#).unwrap_err().to_string();
        assert!(error.starts_with("\"a\" is an object in other records"), "{error}");
        assert!(object.learn(br#"{"b":1,"b":2}"#).unwrap_err().to_string().contains("stands twice"));
        assert!(object.learn(b"[1]").is_err());
        assert!(object.learn(b"{} {}").is_err());
    }
}
