//! The copy of a message for its dead-letter queue, with what went wrong in its headers.

use std::time::{SystemTime, UNIX_EPOCH};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::message::{Message, PERSISTENT, short};
use crate::processor::Fault;

/// Which step failed: `undecodable`, `failed`, `panicked`, `timed-out`, `unpublishable`.
pub(crate) const KIND: &str = "x-failure-kind";
/// The error.
const ERROR: &str = "x-failure-error";
/// The error's causes, outermost first.
const CAUSES: &str = "x-failure-causes";
/// The processor's function.
const PROCESSOR: &str = "x-failure-processor";
/// The service's name.
const SERVICE: &str = "x-failure-service";
/// When it failed.
const TIME: &str = "x-failure-time";
/// The queue, exchange and routing key it came with.
const QUEUE: &str = "x-failure-queue";
const EXCHANGE: &str = "x-failure-exchange";
const ROUTING_KEY: &str = "x-failure-routing-key";
/// Properties that the copy can't carry on: it must not expire, and a broker refuses messages that
/// name another user than the one who is logged in.
const EXPIRATION: &str = "x-failure-expiration";
const USER_ID: &str = "x-failure-user-id";

/// What is said of a failure stays below 25 KiB with these.
const LONGEST_TEXT: usize = 2 * 1024;
const MOST_CAUSES: usize = 8;

/// Makes the properties of the copy: the message's own, and headers that tell what went wrong.
pub(super) fn properties(
    message: &Message,
    fault: &Fault,
    processor: &str,
    service: &str,
) -> BasicProperties {
    let own = message.properties();
    let mut headers = own.headers().clone().unwrap_or_default();
    // With these, RabbitMQ would route the copy to where the original went as well.
    headers = without(&headers, &["CC", "BCC"]);
    let mut texts = fault.error.chain().map(ToString::to_string);
    text(&mut headers, KIND, &fault.kind.to_string());
    text(&mut headers, ERROR, &texts.next().unwrap_or_default());
    let causes = texts
        .take(MOST_CAUSES)
        .map(|cause| long_text(&cause))
        .collect::<Vec<_>>();
    headers.insert(short(CAUSES), AMQPValue::FieldArray(causes.into()));
    text(&mut headers, PROCESSOR, processor);
    text(&mut headers, SERVICE, service);
    text(&mut headers, QUEUE, message.queue());
    text(&mut headers, EXCHANGE, message.exchange());
    text(&mut headers, ROUTING_KEY, message.routing_key());
    headers.insert(short(TIME), AMQPValue::Timestamp(now()));
    if let Some(expiration) = own.expiration() {
        text(&mut headers, EXPIRATION, expiration.as_str());
    }
    if let Some(user_id) = own.user_id() {
        text(&mut headers, USER_ID, user_id.as_str());
    }
    copied(own)
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers)
}

/// Copies all properties but the headers, the expiration and the user.
fn copied(own: &BasicProperties) -> BasicProperties {
    let mut copy = BasicProperties::default();
    macro_rules! copy {
        ($($property:ident => $with:ident),* $(,)?) => {
            $(if let Some(value) = own.$property() {
                copy = copy.$with(value.clone());
            })*
        };
    }
    copy!(
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
    );
    copy
}

fn without(headers: &FieldTable, names: &[&str]) -> FieldTable {
    let mut kept = headers.inner().clone();
    kept.retain(|name, _| !names.contains(&name.as_str()));
    kept.into()
}

fn text(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(short(name), long_text(value));
}

fn long_text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value[..value.floor_char_boundary(LONGEST_TEXT)].into())
}

/// Seconds since 1970, AMQP's timestamp.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
