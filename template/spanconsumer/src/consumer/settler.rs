//! Telling the broker what became of its deliveries, on the channel that they came on.

use std::collections::HashMap;
use std::time::Duration;

use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions};

use super::acknowledger::{Acknowledger, Tag};
use super::work::Settlement;
use crate::observer::{Observer, Settled};
use crate::verdict::Verdict;

/// Why a step can't be done: the channel is gone.
pub(super) type Gone = String;

/// Settles the deliveries of one channel.
pub(super) struct Settler {
    channel: Channel,
    prefetch: u16,
    account: Acknowledger,
    /// Left to the broker to dead-letter, which has not been told yet.
    rejected: Vec<Tag>,
    /// Finished messages that make an acknowledgement worth sending while there is more to do.
    batch: usize,
    observer: Observer,
    /// The ids of what is not settled, while an observer listens.
    ids: HashMap<Tag, String>,
    /// What the observer hears once the broker has been told.
    unannounced: Vec<Settled>,
}

/// How long a quorum queue gets to apply the last acknowledgements: a few rounds of its log, each of
/// them a write to disk.
const APPLY_TIME: Duration = Duration::from_millis(250);

/// Acknowledgements are sent at the latest for this many messages.
const LARGEST_BATCH: usize = 64;

impl Settler {
    pub(super) fn new(channel: Channel, prefetch: u16, observer: Observer) -> Self {
        Self {
            channel,
            prefetch,
            account: Acknowledger::default(),
            rejected: Vec::new(),
            // A quarter of the window: acknowledged while the broker still has messages to send.
            batch: (usize::from(prefetch) / 4).clamp(1, LARGEST_BATCH),
            observer,
            ids: HashMap::new(),
            unannounced: Vec::new(),
        }
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Takes in a delivery that is to be settled.
    pub(super) fn delivered(&mut self, delivery: &Delivery) {
        self.account.delivered(delivery.delivery_tag);
        if self.observer.listens()
            && let Some(id) = delivery.properties.message_id()
        {
            self.ids
                .insert(delivery.delivery_tag, id.as_str().to_owned());
        }
    }

    /// Takes in what became of a delivery; the broker is told by [`Settler::acknowledge`].
    pub(super) fn settle(&mut self, tag: Tag, settlement: Settlement) {
        match settlement {
            Settlement::Acknowledge(verdict) => {
                self.account.finished(tag);
                self.note(tag, verdict);
            }
            Settlement::LeaveToBroker => {
                self.rejected.push(tag);
                self.note(tag, Verdict::DeadLettered);
            }
            Settlement::Lost => {}
        }
    }

    /// Counts the messages that are finished and not yet acknowledged.
    pub(super) fn pending(&self) -> usize {
        self.account.pending()
    }

    /// Tells whether there is enough for an acknowledgement while there is more to do.
    pub(super) fn batch_is_full(&self) -> bool {
        self.pending() >= self.batch
    }

    /// Acknowledges the finished prefix at once; one by one what finished behind a slower message,
    /// when there is nothing better to do or when it fills the prefetch window.
    pub(super) async fn acknowledge(&mut self, idle: bool) -> Result<(), Gone> {
        for tag in std::mem::take(&mut self.rejected) {
            // `reject` and not `nack`: this one failed, and the delivery count should tell.
            let options = BasicRejectOptions { requeue: false };
            self.channel
                .basic_reject(tag, options)
                .await
                .map_err(gone)?;
            self.account.settled(tag);
        }
        if let Some(tag) = self.account.take_prefix() {
            self.ack(tag, true).await?;
        }
        if idle || self.batch_is_full() {
            for tag in self.account.take_scattered() {
                self.ack(tag, false).await?;
            }
        }
        if self.pending() == 0 && !self.unannounced.is_empty() {
            self.announce().await?;
        }
        Ok(())
    }

    /// Tells the observer what the broker has been told.
    async fn announce(&mut self) -> Result<(), Gone> {
        // An acknowledgement has no answer; the answer to what follows it on the same channel says
        // that the broker has read it. This asks for what is set already.
        let options = BasicQosOptions::default();
        self.channel
            .basic_qos(self.prefetch, options)
            .await
            .map_err(gone)?;
        for settled in self.unannounced.drain(..) {
            self.observer.settled(settled);
        }
        Ok(())
    }

    /// Gives a message back untouched. `nack` and not `reject`: nothing failed, and RabbitMQ 4.3
    /// does not count it against the delivery limit.
    pub(super) async fn give_back(&mut self, tag: Tag) -> Result<(), Gone> {
        let options = BasicNackOptions {
            requeue: true,
            multiple: false,
        };
        self.channel.basic_nack(tag, options).await.map_err(gone)?;
        self.account.settled(tag);
        self.note(tag, Verdict::GivenBack);
        Ok(())
    }

    /// Gives back whatever is not settled, and closes the channel.
    pub(super) async fn close(mut self) -> Result<(), Gone> {
        for tag in self.account.in_work() {
            self.give_back(tag).await?;
        }
        self.acknowledge(true).await?;
        // Quorum queues take acknowledgements as commands of a log. RabbitMQ's channel has some 32 of
        // them under way (`quorum_commands_soft_limit`), keeps the others back until those are
        // applied, and drops what it keeps when it is closed; nothing tells a client when it is done.
        // What is dropped here would be processed again.
        tokio::time::sleep(APPLY_TIME).await;
        // The broker answers after it has read every acknowledgement before.
        self.channel
            .close(200, "drained".into())
            .await
            .map_err(gone)
    }

    async fn ack(&self, tag: Tag, multiple: bool) -> Result<(), Gone> {
        let options = BasicAckOptions { multiple };
        self.channel.basic_ack(tag, options).await.map_err(gone)
    }

    fn note(&mut self, tag: Tag, verdict: Verdict) {
        if let Some(message_id) = self.ids.remove(&tag) {
            self.unannounced.push(Settled {
                message_id,
                verdict,
            });
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
pub(super) fn gone(error: lapin::Error) -> Gone {
    error.to_string()
}
