//! Declaring a queue with its dead-letter queue.

use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Connection, ErrorKind};

use super::mismatch;
use super::options::{QueueKind, QueueOptions};
use crate::error::Error;
use crate::message::{HeaderValue, Headers};

/// A queue to declare, with the processor that asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) queue: String,
    pub(crate) options: QueueOptions,
    pub(crate) processor: &'static str,
}

/// Why a queue could not be declared.
#[derive(Debug)]
pub(crate) enum DeclareError {
    /// Trying again won't help.
    Refused(Error),
    /// The connection or the channel is gone, or the broker is not ready yet.
    Lost(lapin::Error),
}

/// Names the queue that takes what `queue` can't process.
pub(crate) fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// Without an own limit RabbitMQ 4 drops a message from a queue without a dead-letter queue after
/// 20 deliveries; a dead-letter queue must never drop any. (-1 means the same, but only since 4.0.)
const NO_DELIVERY_LIMIT: i64 = i32::MAX as i64;

impl Declaration {
    /// Declares the queue, its dead-letter queue first: a message must find it from the start.
    pub(crate) async fn declare(&self, connection: &Connection) -> Result<(), DeclareError> {
        let dead = dead_letter_queue(&self.queue);
        self.declare_one(connection, &dead, self.dead_letter_arguments())
            .await?;
        self.declare_one(connection, &self.queue, self.arguments(&dead))
            .await
    }

    async fn declare_one(
        &self,
        connection: &Connection,
        queue: &str,
        arguments: FieldTable,
    ) -> Result<(), DeclareError> {
        // A refusal closes the channel, so that each declaration has one of its own.
        let channel = connection
            .create_channel()
            .await
            .map_err(DeclareError::Lost)?;
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.into(), options, arguments)
            .await
            .map_err(|error| self.explain(queue, error))?;
        // An error here means that the connection is gone, which the next step meets as well.
        let _ = channel.close(200, "declared".into()).await;
        tracing::debug!(queue, processor = self.processor, "queue declared");
        Ok(())
    }

    fn arguments(&self, dead: &str) -> FieldTable {
        let mut arguments = Headers::from_iter([
            ("x-queue-type", HeaderValue::from(self.queue_type())),
            ("x-dead-letter-exchange", "".into()),
            ("x-dead-letter-routing-key", dead.into()),
        ]);
        if self.options.kind == QueueKind::Quorum {
            arguments.insert("x-delivery-limit", self.options.delivery_limit);
            // What the broker dead-letters by itself is confirmed by the target too; this strategy
            // needs reject-publish.
            arguments.insert("x-dead-letter-strategy", "at-least-once");
            arguments.insert("x-overflow", "reject-publish");
        }
        for (name, value) in &self.options.arguments {
            arguments.insert(name, value.clone());
        }
        arguments.to_table()
    }

    fn dead_letter_arguments(&self) -> FieldTable {
        let mut arguments = Headers::from_iter([("x-queue-type", self.queue_type())]);
        if self.options.kind == QueueKind::Quorum {
            arguments.insert("x-delivery-limit", NO_DELIVERY_LIMIT);
        }
        arguments.to_table()
    }

    fn queue_type(&self) -> &'static str {
        match self.options.kind {
            QueueKind::Quorum => "quorum",
            QueueKind::Classic => "classic",
        }
    }

    /// Tells a refusal, which no further try will change, from a loss.
    pub(crate) fn explain(&self, queue: &str, error: lapin::Error) -> DeclareError {
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return DeclareError::Lost(error);
        };
        let final_answer = matches!(
            refusal.kind(),
            AMQPErrorKind::Soft(
                AMQPSoftError::PRECONDITIONFAILED
                    | AMQPSoftError::ACCESSREFUSED
                    | AMQPSoftError::RESOURCELOCKED
            )
        );
        if !final_answer {
            return DeclareError::Lost(error);
        }
        let reason = refusal.get_message().as_str();
        DeclareError::Refused(match mismatch::parse(reason) {
            Some(mismatch) => Error::QueueMismatch {
                queue: queue.to_owned(),
                processor: self.processor,
                argument: mismatch.argument.to_owned(),
                existing: shown(mismatch.existing),
                asked: shown(mismatch.asked),
            },
            None => Error::QueueRefused {
                queue: queue.to_owned(),
                processor: self.processor,
                reason: reason.to_owned(),
            },
        })
    }
}

/// The default exchange, for one, has an empty name.
fn shown(value: &str) -> String {
    if value.is_empty() { "''" } else { value }.to_owned()
}
