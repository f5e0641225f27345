//! Publishing with confirms, on a connection of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::AMQPErrorKind;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};
use tokio::sync::Semaphore;

use crate::link::Link;
use crate::message::properties_size;

/// Publishes to queues, each message mandatory and confirmed.
///
/// It has a connection of its own: while a broker in trouble blocks publishers, it reads nothing
/// from their connections, acknowledgements included.
///
/// Each message that is on its way has a channel to itself. On a shared one lapin 4.12 can mix up
/// confirms: it numbers a message and queues its frames under two locks, so that two tasks may
/// number in one order and send in the other, and it hands a returned message to whichever confirm
/// comes next. A result that was never stored would count as confirmed.
pub(crate) struct Publisher {
    link: Link,
    idle: Mutex<Vec<ConfirmChannel>>,
    permits: Semaphore,
}

/// A channel in confirm mode on which nothing is on its way.
struct ConfirmChannel {
    channel: Channel,
    /// The largest frame that the broker takes, in bytes.
    frame_max: usize,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The channel was lost before the confirm: the message may be there or not.
    #[error("the channel was lost before the confirm: {0}")]
    Lost(lapin::Error),
    /// The broker has no queue for it.
    #[error("no queue takes it: {0}")]
    Unroutable(String),
    /// The queue does not take it now: it is full, or too few of its nodes are up.
    #[error("the queue does not take it")]
    Refused,
    /// The broker closed the channel because of it.
    #[error("the broker closed the channel: {0}")]
    ChannelClosed(String),
    /// The broker never takes a message of this size.
    #[error("{0}")]
    TooLarge(String),
}

/// Messages on their way at once, all others wait: well below the 2,047 channels that RabbitMQ
/// allows on a connection by default.
const MOST_ON_THEIR_WAY: usize = 256;

/// What a frame holds besides the properties: AMQP 0-9-1, sections 2.3.5 and 2.3.5.2.
const FRAME_OVERHEAD: usize = 32;

impl Publisher {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            idle: Mutex::default(),
            permits: Semaphore::new(MOST_ON_THEIR_WAY),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Publishes a message to a queue and waits until the broker has it.
    ///
    /// While the broker can't be reached, or blocks publishers, this waits.
    ///
    /// # Cancel safety
    ///
    /// The message may be published or not; its channel is closed.
    pub(crate) async fn publish(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        // The semaphore is never closed, and without a permit there would only be more channels.
        let _permit = self.permits.acquire().await;
        let confirming = self.channel().await.map_err(PublishError::Lost)?;
        let size = properties_size(&properties) + FRAME_OVERHEAD;
        if size > confirming.frame_max {
            // Headers can't be split over frames, and one too large closes the whole connection.
            let most = confirming.frame_max;
            lock(&self.idle).push(confirming);
            return Err(PublishError::TooLarge(format!(
                "headers and properties of {size} bytes are larger than a frame of {most}"
            )));
        }
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirm = confirming
            .channel
            .basic_publish("".into(), queue.into(), options, body, properties)
            .await
            .map_err(PublishError::from_lapin)?;
        let confirmation = confirm.await.map_err(PublishError::from_lapin)?;
        lock(&self.idle).push(confirming);
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => Err(
                PublishError::Unroutable(returned.reply_text.as_str().to_owned()),
            ),
            Confirmation::Nack(None) => Err(PublishError::Refused),
            Confirmation::NotRequested => Err(PublishError::Lost(
                ErrorKind::InvalidChannelState(lapin::ChannelState::Closed, "no confirms").into(),
            )),
        }
    }

    async fn channel(&self) -> Result<ConfirmChannel, lapin::Error> {
        loop {
            let Some(idle) = lock(&self.idle).pop() else {
                break;
            };
            if idle.channel.status().connected() {
                return Ok(idle);
            }
        }
        let connection = self.link.connection().await;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        // No limit is what 0 means.
        let frame_max = match connection.configuration().frame_max() {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        Ok(ConfirmChannel { channel, frame_max })
    }
}

/// Nothing panics while it holds the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PublishError {
    fn from_lapin(error: lapin::Error) -> Self {
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return Self::Lost(error);
        };
        if !matches!(refusal.kind(), AMQPErrorKind::Soft(_)) {
            return Self::Lost(error);
        }
        let reply = refusal.get_message().as_str().to_owned();
        if reply.contains("is larger than configured max size") {
            Self::TooLarge(reply)
        } else {
            Self::ChannelClosed(reply)
        }
    }
}
