//! The demonstration's own way to the broker: it puts messages in and takes them out.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// A service that works has answered long before that.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// AMQP 0-9-1's delivery mode for messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

pub(crate) struct Exchange {
    channel: Channel,
    _connection: Connection,
    prefix: String,
}

impl Exchange {
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .context("connect to the broker")?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            channel,
            _connection: connection,
            prefix: format!("demo-{}.", std::process::id()),
        })
    }

    /// Returns what stands in front of the queues' names: the broker may have queues of others.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) async fn publish(&self, body: &str) -> anyhow::Result<()> {
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirmed = self
            .channel
            .basic_publish(
                "".into(),
                self.queue("in_queue").into(),
                options,
                body.as_bytes(),
                properties,
            )
            .await?
            .await?;
        ensure!(confirmed.is_ack(), "the broker did not take the message");
        ensure!(confirmed.take_message().is_none(), "there is no such queue");
        Ok(())
    }

    /// Takes the next message from a queue, as soon as there is one.
    pub(crate) async fn take(&self, queue: &str) -> anyhow::Result<Delivery> {
        tokio::time::timeout(ANSWER_TIME, self.next(queue))
            .await
            .with_context(|| format!("nothing came to `{queue}`"))?
            .with_context(|| format!("take a message from `{queue}`"))
    }

    async fn next(&self, queue: &str) -> anyhow::Result<Delivery> {
        self.channel
            .basic_qos(1, BasicQosOptions::default())
            .await?;
        let mut consumer = self
            .channel
            .basic_consume(
                self.queue(queue).into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let delivery = consumer
            .next()
            .await
            .context("the broker cancelled the consumer")??;
        // Cancelled first: an acknowledgement makes room for the next message.
        self.channel
            .basic_cancel(consumer.tag(), BasicCancelOptions::default())
            .await?;
        delivery.acker.ack(BasicAckOptions::default()).await?;
        Ok(delivery)
    }

    pub(crate) async fn delete_queues(&self) -> anyhow::Result<()> {
        for queue in ["in_queue", "out_queue"] {
            for name in [queue.to_owned(), format!("{queue}.dead")] {
                let name = self.queue(&name).into();
                self.channel
                    .queue_delete(name, QueueDeleteOptions::default())
                    .await?;
            }
        }
        Ok(())
    }

    fn queue(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Returns a header's text; empty when there is none.
pub(crate) fn header(message: &Delivery, name: &str) -> String {
    headers(message)
        .and_then(|headers| text(headers.inner().get(name)?))
        .unwrap_or_default()
}

/// Returns why the message failed, outermost cause first.
pub(crate) fn causes(message: &Delivery) -> Vec<String> {
    let list = headers(message).and_then(|headers| headers.inner().get("x-failure-causes"));
    match list {
        Some(AMQPValue::FieldArray(list)) => list.as_slice().iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

fn headers(message: &Delivery) -> Option<&FieldTable> {
    message.properties.headers().as_ref()
}

fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}
