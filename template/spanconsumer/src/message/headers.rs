//! A message's headers, typed.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, FieldTable, ShortString};

/// The header values that AMQP 0-9-1 can carry, with integers of all widths as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number of any width. Published as 64 bits.
    Int(i64),
    /// A floating-point number of any width. Published as 64 bits.
    Float(f64),
    /// A decimal number: `mantissa` / 10^`scale`. Comes in only.
    Decimal {
        /// Digits after the decimal point.
        scale: u8,
        /// The digits.
        mantissa: u32,
    },
    /// Text. Bytes that are not UTF-8 come in as [`HeaderValue::Bytes`].
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Seconds since 1970-01-01 UTC.
    Timestamp(u64),
    /// Several values in order.
    List(Vec<HeaderValue>),
    /// Values by name.
    Table(BTreeMap<String, HeaderValue>),
}

/// A message's headers by name.
///
/// ```
/// use spanconsumer::Headers;
///
/// let headers = Headers::from_iter([("tenant", "acme"), ("region", "eu")]);
/// assert_eq!(headers.text("tenant"), Some("acme"));
/// assert_eq!(headers.int("tenant"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(BTreeMap<String, HeaderValue>);

impl Headers {
    /// Returns the value of a header, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0.get(name)
    }

    /// Returns a header's text; `None` when it is missing or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            HeaderValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a header's whole number; `None` when it is missing or no whole number.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            HeaderValue::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// Sets a header; an older value of that name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<HeaderValue>) {
        self.0.insert(name.into(), value.into());
    }

    /// Goes through all headers, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Tells that there is no header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn from_table(table: &FieldTable) -> Self {
        Self(from_table(table))
    }

    /// Turns the headers into lapin's form; a name over 255 bytes is cut, as AMQP has no longer ones.
    pub(crate) fn to_table(&self) -> FieldTable {
        to_table(&self.0)
    }
}

impl<K: Into<String>, V: Into<HeaderValue>> FromIterator<(K, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }
}

fn from_table(table: &FieldTable) -> BTreeMap<String, HeaderValue> {
    table
        .inner()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), from_amqp(value)))
        .collect()
}

fn to_table(map: &BTreeMap<String, HeaderValue>) -> FieldTable {
    map.iter()
        .map(|(name, value)| (short(name), to_amqp(value)))
        .collect::<BTreeMap<_, _>>()
        .into()
}

/// Cuts text to the 255 bytes of an AMQP short string, on a character's border.
pub(crate) fn short(text: &str) -> ShortString {
    text[..text.floor_char_boundary(255)].into()
}

fn from_amqp(value: &AMQPValue) -> HeaderValue {
    match value {
        AMQPValue::Void => HeaderValue::Null,
        AMQPValue::Boolean(v) => HeaderValue::Bool(*v),
        AMQPValue::ShortShortInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortShortUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::ShortUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongUInt(v) => HeaderValue::Int((*v).into()),
        AMQPValue::LongLongInt(v) => HeaderValue::Int(*v),
        AMQPValue::Float(v) => HeaderValue::Float((*v).into()),
        AMQPValue::Double(v) => HeaderValue::Float(*v),
        AMQPValue::DecimalValue(v) => HeaderValue::Decimal {
            scale: v.scale,
            mantissa: v.value,
        },
        AMQPValue::ShortString(v) => HeaderValue::Text(v.as_str().to_owned()),
        AMQPValue::LongString(v) => match std::str::from_utf8(v.as_bytes()) {
            Ok(text) => HeaderValue::Text(text.to_owned()),
            Err(_not_text) => HeaderValue::Bytes(v.as_bytes().to_vec()),
        },
        AMQPValue::ByteArray(v) => HeaderValue::Bytes(v.as_slice().to_vec()),
        AMQPValue::Timestamp(v) => HeaderValue::Timestamp(*v),
        AMQPValue::FieldArray(v) => HeaderValue::List(v.as_slice().iter().map(from_amqp).collect()),
        AMQPValue::FieldTable(v) => HeaderValue::Table(from_table(v)),
    }
}

fn to_amqp(value: &HeaderValue) -> AMQPValue {
    match value {
        HeaderValue::Null => AMQPValue::Void,
        HeaderValue::Bool(v) => AMQPValue::Boolean(*v),
        HeaderValue::Int(v) => AMQPValue::LongLongInt(*v),
        HeaderValue::Float(v) => AMQPValue::Double(*v),
        HeaderValue::Decimal { scale, mantissa } => {
            AMQPValue::DecimalValue(lapin::types::DecimalValue {
                scale: *scale,
                value: *mantissa,
            })
        }
        HeaderValue::Text(v) => AMQPValue::LongString(v.as_str().into()),
        HeaderValue::Bytes(v) => AMQPValue::ByteArray(v.as_slice().into()),
        HeaderValue::Timestamp(v) => AMQPValue::Timestamp(*v),
        HeaderValue::List(v) => {
            AMQPValue::FieldArray(v.iter().map(to_amqp).collect::<Vec<_>>().into())
        }
        HeaderValue::Table(v) => AMQPValue::FieldTable(to_table(v)),
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for HeaderValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for HeaderValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for HeaderValue {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for HeaderValue {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for HeaderValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Vec<u8>> for HeaderValue {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_way_out_and_back() {
        let headers = Headers::from_iter([
            ("null", HeaderValue::Null),
            ("bool", true.into()),
            ("int", (-7_i64).into()),
            ("float", 0.5.into()),
            (
                "decimal",
                HeaderValue::Decimal {
                    scale: 2,
                    mantissa: 4_200,
                },
            ),
            ("text", "grüße".into()),
            ("bytes", vec![0xff, 0x00].into()),
            ("time", HeaderValue::Timestamp(1_700_000_000)),
            ("list", HeaderValue::List(vec![1_i64.into(), "two".into()])),
            (
                "table",
                HeaderValue::Table(BTreeMap::from([("a".to_owned(), HeaderValue::Null)])),
            ),
        ]);
        assert_eq!(Headers::from_table(&headers.to_table()), headers);
    }

    #[test]
    fn a_name_too_long_for_amqp_is_cut_on_a_characters_border() {
        let name = "é".repeat(200);
        assert_eq!(short(&name).as_str().len(), 254);
    }
}
