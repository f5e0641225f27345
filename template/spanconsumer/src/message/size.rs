//! How many bytes a message's properties take on the wire.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// Returns the size of a content header's properties: AMQP 0-9-1, sections 2.3.5.2 and 4.2.5, with
/// every scalar taken for the largest, so that it is never too small.
pub(crate) fn properties_size(properties: &BasicProperties) -> usize {
    let texts = [
        properties.content_type(),
        properties.content_encoding(),
        properties.correlation_id(),
        properties.reply_to(),
        properties.expiration(),
        properties.message_id(),
        properties.kind(),
        properties.user_id(),
        properties.app_id(),
        properties.cluster_id(),
    ];
    let texts = texts.into_iter().flatten().map(short_size).sum::<usize>();
    let headers = properties.headers().as_ref().map_or(0, table_size);
    // The flags, the delivery mode, the priority and the timestamp.
    2 + 1 + 1 + 8 + texts + headers
}

fn short_size(text: &ShortString) -> usize {
    1 + text.as_str().len()
}

fn table_size(table: &FieldTable) -> usize {
    let fields = table.inner().iter();
    4 + fields
        .map(|(name, value)| short_size(name) + value_size(value))
        .sum::<usize>()
}

fn value_size(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::ShortString(text) => short_size(text),
        AMQPValue::LongString(text) => 4 + text.len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(list) => 4 + list.as_slice().iter().map(value_size).sum::<usize>(),
        AMQPValue::FieldTable(table) => table_size(table),
        _ => 8,
    }
}
