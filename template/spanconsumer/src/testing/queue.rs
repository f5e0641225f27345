//! Looking into a queue.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::Connection;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;

use crate::message::{Message, short};

/// Takes the next message out of a queue, as soon as there is one.
pub(super) async fn take(connection: &Connection, name: &str) -> lapin::Result<Arc<Message>> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut consumer = channel
        .basic_consume(
            short(name),
            "test client".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let Some(delivery) = consumer.next().await else {
        return Err(lapin::ErrorKind::FutureCompleted.into());
    };
    let delivery = delivery?;
    // Cancelled first: an acknowledgement makes room for the next message, which nobody wants.
    channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await?;
    delivery.acker.ack(BasicAckOptions::default()).await?;
    channel.close(200, "pulled".into()).await?;
    Ok(Arc::new(Message::new(name.into(), delivery)))
}

/// Counts the messages in a queue that wait for a consumer.
pub(super) async fn count(connection: &Connection, name: &str) -> lapin::Result<u32> {
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare(short(name), passive, FieldTable::default())
        .await?;
    Ok(declared.message_count())
}
