//! A message on its way in.

use std::fmt;
use std::sync::{Arc, OnceLock};

use lapin::BasicProperties;
use lapin::types::ShortString;

use super::Headers;

/// A message with its decoded body.
///
/// Everything but the body is reached through [`Message`], to which this dereferences:
/// `incoming.routing_key()`, `incoming.headers()`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Incoming<T> {
    /// The decoded body.
    pub body: T,
    message: Arc<Message>,
}

impl<T> Incoming<T> {
    pub(crate) fn new(body: T, message: Arc<Message>) -> Self {
        Self { body, message }
    }

    /// Makes a message of a body alone, to call a processor from a unit test.
    ///
    /// It has no properties, no raw bytes, and comes from a queue named `test`.
    pub fn for_test(body: T) -> Self {
        Self::new(
            body,
            Arc::new(Message::new(
                "test".into(),
                lapin::message::Delivery::mock(1, "".into(), "test".into(), false, Vec::new()),
            )),
        )
    }
}

impl<T> std::ops::Deref for Incoming<T> {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl<T: fmt::Debug> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("body", &self.body)
            .field("message", &self.message)
            .finish()
    }
}

/// A message as the broker delivered it.
pub struct Message {
    queue: Arc<str>,
    exchange: ShortString,
    routing_key: ShortString,
    redelivered: bool,
    properties: BasicProperties,
    headers: OnceLock<Headers>,
    raw: Vec<u8>,
}

impl Message {
    pub(crate) fn new(queue: Arc<str>, delivery: lapin::message::Delivery) -> Self {
        Self {
            queue,
            exchange: delivery.exchange,
            routing_key: delivery.routing_key,
            redelivered: delivery.redelivered,
            properties: delivery.properties,
            headers: OnceLock::new(),
            raw: delivery.data,
        }
    }

    /// Returns the queue it came from, as it is named on the broker.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Returns the exchange it was published to; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.exchange.as_str()
    }

    /// Returns the routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.routing_key.as_str()
    }

    /// Tells whether somebody may have seen the message before; `false` guarantees that nobody has.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// Returns the body as it came.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns the headers; they are read from the wire's form at the first call.
    pub fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| {
            self.properties
                .headers()
                .as_ref()
                .map(Headers::from_table)
                .unwrap_or_default()
        })
    }

    /// Returns the `content_type` property.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        text(self.properties.content_type())
    }

    /// Returns the `correlation_id` property.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        text(self.properties.correlation_id())
    }

    /// Returns the `message_id` property.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        text(self.properties.message_id())
    }

    /// Returns the `reply_to` property.
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        text(self.properties.reply_to())
    }

    /// Returns the `timestamp` property, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        *self.properties.timestamp()
    }

    pub(crate) fn properties(&self) -> &BasicProperties {
        &self.properties
    }
}

#[expect(
    clippy::ref_option,
    reason = "the shape in which lapin hands out properties"
)]
fn text(property: &Option<ShortString>) -> Option<&str> {
    property.as_ref().map(ShortString::as_str)
}

/// Shows where the message came from and its size, never its body or headers: both may be secret.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("queue", &self.queue)
            .field("exchange", &self.exchange())
            .field("routing_key", &self.routing_key())
            .field("redelivered", &self.redelivered)
            .field("bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}
