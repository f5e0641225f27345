//! Publishing with confirms, on a connection of its own.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::AMQPErrorKind;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};
use tokio::sync::Mutex;

use crate::link::Link;

/// Publishes to queues, each message mandatory and confirmed.
///
/// It has a connection of its own: while a broker in trouble blocks publishers, it reads nothing
/// from their connections, acknowledgements included.
pub(crate) struct Publisher {
    link: Link,
    channel: Mutex<Option<Channel>>,
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
    /// The broker closed the channel for a message that it refuses: this one, or another that was
    /// on its way at the same time.
    #[error("the broker closed the channel: {0}")]
    ChannelClosed(String),
    /// The broker never takes a message of this size.
    #[error("{0}")]
    TooLarge(String),
}

impl Publisher {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            channel: Mutex::new(None),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Publishes a message to a queue and waits until the broker has it.
    ///
    /// While the broker can't be reached, or blocks publishers, this waits.
    pub(crate) async fn publish(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        let channel = self.channel().await.map_err(PublishError::Lost)?;
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirm = channel
            .basic_publish("".into(), queue.into(), options, body, properties)
            .await
            .map_err(|error| PublishError::from_lapin(error, body.len()))?;
        let confirmation = confirm
            .await
            .map_err(|error| PublishError::from_lapin(error, body.len()))?;
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

    async fn channel(&self) -> Result<Channel, lapin::Error> {
        let mut current = self.channel.lock().await;
        if let Some(channel) = &*current
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let channel = self.link.connection().await.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(current.insert(channel).clone())
    }
}

impl PublishError {
    fn from_lapin(error: lapin::Error, body_size: usize) -> Self {
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return Self::Lost(error);
        };
        if !matches!(refusal.kind(), AMQPErrorKind::Soft(_)) {
            return Self::Lost(error);
        }
        let reply = refusal.get_message().as_str().to_owned();
        // The size tells whose fault it was: all messages on the channel get the same error.
        if reply.contains(&format!("message size {body_size} is larger")) {
            Self::TooLarge(reply)
        } else {
            Self::ChannelClosed(reply)
        }
    }
}
