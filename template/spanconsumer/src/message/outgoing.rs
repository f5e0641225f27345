//! A message on its way out.

use lapin::BasicProperties;
use serde::Serialize;

use super::headers::short;
use super::{HeaderValue, Headers, json};

/// A result with its properties, on its way to the processor's output queue.
///
/// ```
/// use spanconsumer::Outgoing;
///
/// let receipt = Outgoing::new("thanks")
///     .correlation_id("order-7")
///     .header("tenant", "acme");
/// assert_eq!(receipt.body, "thanks");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing<T> {
    /// What is encoded as the message's body.
    pub body: T,
    headers: Headers,
    properties: BasicProperties,
}

impl<T> Outgoing<T> {
    /// Makes a result of a body alone: persistent JSON for the output queue.
    pub fn new(body: T) -> Self {
        Self {
            body,
            headers: Headers::default(),
            properties: BasicProperties::default(),
        }
    }

    /// Adds a header; an older value of that name is replaced.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the `correlation_id` property; over 255 bytes it is cut.
    #[must_use]
    pub fn correlation_id(mut self, id: impl AsRef<str>) -> Self {
        self.properties = self.properties.with_correlation_id(short(id.as_ref()));
        self
    }

    /// Sets the `message_id` property; over 255 bytes it is cut.
    #[must_use]
    pub fn message_id(mut self, id: impl AsRef<str>) -> Self {
        self.properties = self.properties.with_message_id(short(id.as_ref()));
        self
    }
}

/// A result, ready for the wire.
pub struct Encoded {
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BasicProperties,
}

impl<T: Serialize> Outgoing<T> {
    pub(crate) fn encode(self) -> Result<Encoded, serde_json::Error> {
        let mut properties = self
            .properties
            .with_delivery_mode(PERSISTENT)
            .with_content_type(json::CONTENT_TYPE.into());
        if !self.headers.is_empty() {
            properties = properties.with_headers(self.headers.to_table());
        }
        Ok(Encoded {
            body: serde_json::to_vec(&self.body)?,
            properties,
        })
    }
}

/// AMQP 0-9-1's delivery mode for messages that survive a restart of the broker.
pub(crate) const PERSISTENT: u8 = 2;

/// What a processor with an output queue may return: one result, perhaps one, or several.
pub trait Results: sealed::Results {}

impl<T: Serialize> Results for Outgoing<T> {}
impl<T: Serialize> Results for Option<Outgoing<T>> {}
impl<T: Serialize> Results for Vec<Outgoing<T>> {}

pub(crate) mod sealed {
    use serde::Serialize;

    use super::{Encoded, Outgoing};

    pub trait Results {
        fn encode(self) -> Result<Vec<Encoded>, serde_json::Error>;
    }

    impl<T: Serialize> Results for Outgoing<T> {
        fn encode(self) -> Result<Vec<Encoded>, serde_json::Error> {
            Ok(vec![Outgoing::encode(self)?])
        }
    }

    impl<T: Serialize> Results for Option<Outgoing<T>> {
        fn encode(self) -> Result<Vec<Encoded>, serde_json::Error> {
            self.into_iter().map(Outgoing::encode).collect()
        }
    }

    impl<T: Serialize> Results for Vec<Outgoing<T>> {
        fn encode(self) -> Result<Vec<Encoded>, serde_json::Error> {
            self.into_iter().map(Outgoing::encode).collect()
        }
    }
}
