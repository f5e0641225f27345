//! One consumer on one channel, from `basic.consume` until the channel is gone or drained.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::task::JoinError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error};

use super::acknowledger::{Acknowledger, Tag};
use super::work::Settlement;
use super::worker::Worker;
use crate::message::Message;
use crate::observer::{Observer, Settled};
use crate::topology::DeclareError;
use crate::verdict::Verdict;

/// A message that went all its way but for the settlement.
pub(super) struct Finished {
    session: u64,
    tag: Tag,
    settlement: Settlement,
    /// Only while an observer listens.
    message_id: Option<String>,
}

/// How a session ended.
pub(super) enum Ended {
    /// It was told to stop, and everything is settled.
    Drained,
    /// The consumer or its channel is gone; the broker hands out again what was not settled.
    Lost(String),
}

pub(super) struct Session {
    number: u64,
    queue: Arc<str>,
    channel: Channel,
    consumer: Consumer,
    account: Acknowledger,
    /// Delivered, and waiting for a permit to be processed.
    waiting: VecDeque<Delivery>,
    /// Left to the broker to dead-letter, which has not been told yet.
    rejected: Vec<Tag>,
    observer: Observer,
    /// What the observer hears once the broker has been told.
    unannounced: Vec<Settled>,
    /// Finished messages that make an acknowledgement worth sending while there is more to do.
    batch: usize,
    lost: CancellationToken,
    /// Fires `lost` when the session ends in whatever way.
    _lost_on_drop: DropGuard,
}

/// Why a step can't be done: the channel is gone.
type Gone = String;

/// How often a channel that looks quiet is asked whether it is still there: lapin ends a stream
/// with every loss that we know of, and this catches the one that we don't.
const WATCH: Duration = Duration::from_secs(1);

/// Acknowledgements are sent at the latest for this many messages.
const LARGEST_BATCH: usize = 64;

impl Session {
    /// Declares the queues and starts the consumer.
    pub(super) async fn open<S>(worker: &Worker<S>, number: u64) -> Result<Self, DeclareError> {
        let connection = worker.link.connection().await;
        worker.work.input.declare(&connection).await?;
        if let Some(output) = &worker.work.output {
            output.declare(&connection).await?;
        }
        let queue: Arc<str> = worker.work.input.queue.as_str().into();
        let start = async {
            let channel = connection.create_channel().await?;
            channel
                .basic_qos(worker.prefetch, BasicQosOptions::default())
                .await?;
            let consumer = channel
                .basic_consume(
                    worker.work.input.queue.as_str().into(),
                    crate::message::short(&worker.work.context.service),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok((channel, consumer))
        };
        let (channel, consumer) = start.await.map_err(DeclareError::Lost)?;
        let lost = CancellationToken::new();
        Ok(Self {
            number,
            queue,
            channel,
            consumer,
            account: Acknowledger::default(),
            waiting: VecDeque::new(),
            rejected: Vec::new(),
            observer: worker.observer.clone(),
            unannounced: Vec::new(),
            batch: (usize::from(worker.prefetch) / 4).clamp(1, LARGEST_BATCH),
            _lost_on_drop: lost.clone().drop_guard(),
            lost,
        })
    }

    /// Processes deliveries until the session is lost, or told to drain and drained.
    pub(super) async fn run<S: Send + Sync + 'static>(mut self, worker: &mut Worker<S>) -> Ended {
        if let Err(gone) = self.consume(worker).await {
            return Ended::Lost(gone);
        }
        // A channel that is lost while draining leaves its messages with the broker, too; what is
        // in work is waited for by the worker.
        if let Err(gone) = self.drain(worker).await {
            debug!(
                queue = &*self.queue,
                reason = gone,
                "channel lost while draining"
            );
        }
        Ended::Drained
    }

    async fn consume<S: Send + Sync + 'static>(
        &mut self,
        worker: &mut Worker<S>,
    ) -> Result<(), Gone> {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.take_what_is_ready(worker)?;
            let idle = self.gather(worker).await?;
            self.acknowledge(idle).await?;
            tokio::select! {
                biased;
                () = worker.stop.drain.cancelled() => return Ok(()),
                Some(joined) = worker.tasks.join_next() => self.finish(joined),
                delivery = self.consumer.next() => self.deliver(delivery)?,
                Ok(permit) = Arc::clone(&worker.permits).acquire_owned(), if !self.waiting.is_empty() => {
                    self.begin(worker, permit);
                }
                _ = watch.tick() => {
                    if !self.channel.status().connected() {
                        return Err("the channel is closed".to_owned());
                    }
                }
            }
        }
    }

    /// Gathers finished messages for one acknowledgement while more of them keep finishing.
    ///
    /// One turn of the scheduler lets those finish that are a moment from it. Where none did, the
    /// consumer is idle (`true`), and whatever is finished is acknowledged without waiting.
    async fn gather<S: Send + Sync + 'static>(
        &mut self,
        worker: &mut Worker<S>,
    ) -> Result<bool, Gone> {
        loop {
            let before = self.account.pending();
            if before >= self.batch {
                return Ok(false);
            }
            if before == 0 {
                return Ok(true);
            }
            tokio::task::yield_now().await;
            self.take_what_is_ready(worker)?;
            if self.account.pending() == before {
                return Ok(true);
            }
        }
    }

    /// Acknowledges the finished prefix at once; one by one what finished behind a slower message,
    /// when there is nothing better to do or when it fills the prefetch window.
    async fn acknowledge(&mut self, idle: bool) -> Result<(), Gone> {
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
        if idle || self.account.pending() >= self.batch {
            for tag in self.account.take_scattered() {
                self.ack(tag, false).await?;
            }
        }
        if self.account.pending() == 0 {
            for settled in self.unannounced.drain(..) {
                self.observer.settled(settled);
            }
        }
        Ok(())
    }

    async fn ack(&self, tag: Tag, multiple: bool) -> Result<(), Gone> {
        self.channel
            .basic_ack(tag, BasicAckOptions { multiple })
            .await
            .map_err(gone)
    }

    /// Gives a message back untouched. `nack` and not `reject`: nothing failed, and RabbitMQ 4.3
    /// does not count it against the delivery limit.
    async fn give_back(&mut self, tag: Tag) -> Result<(), Gone> {
        let options = BasicNackOptions {
            requeue: true,
            multiple: false,
        };
        self.channel.basic_nack(tag, options).await.map_err(gone)?;
        self.account.settled(tag);
        Ok(())
    }

    /// Stops the consumer, gives back what was not begun, and finishes what is in work; what is not
    /// finished when the worker is told to give back is given back as well.
    async fn drain<S: Send + Sync + 'static>(
        &mut self,
        worker: &mut Worker<S>,
    ) -> Result<(), Gone> {
        let give_back = worker.stop.give_back.clone();
        let cancel = self
            .channel
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        cancel.await.map_err(gone)?;
        // What was on its way when the broker learnt of it; then the stream ends.
        while let Some(Ok(delivery)) = self.consumer.next().await {
            self.account.delivered(delivery.delivery_tag);
            self.waiting.push_back(delivery);
        }
        while let Some(delivery) = self.waiting.pop_front() {
            self.give_back(delivery.delivery_tag).await?;
            let id = delivery.properties.message_id().as_ref();
            self.note(id.map(|id| id.as_str().to_owned()), Verdict::GivenBack);
        }
        self.acknowledge(true).await?;
        loop {
            tokio::select! {
                biased;
                () = give_back.cancelled() => break,
                joined = worker.tasks.join_next() => match joined {
                    Some(joined) => self.finish(joined),
                    None => break,
                }
            }
            self.acknowledge(true).await?;
        }
        worker.tasks.abort_all();
        while let Some(joined) = worker.tasks.join_next().await {
            self.finish(joined);
        }
        self.acknowledge(true).await?;
        for tag in self.account.in_work() {
            self.give_back(tag).await?;
        }
        // The broker answers after it has taken in every acknowledgement before.
        self.channel
            .close(200, "drained".into())
            .await
            .map_err(gone)
    }

    /// Takes in all deliveries and results that are there, without waiting for any.
    fn take_what_is_ready<S: Send + Sync + 'static>(
        &mut self,
        worker: &mut Worker<S>,
    ) -> Result<(), Gone> {
        while let Some(joined) = worker.tasks.try_join_next() {
            self.finish(joined);
        }
        while let Some(delivery) = self.consumer.next().now_or_never() {
            self.deliver(delivery)?;
        }
        while !self.waiting.is_empty()
            && let Ok(permit) = Arc::clone(&worker.permits).try_acquire_owned()
        {
            self.begin(worker, permit);
        }
        Ok(())
    }

    fn deliver(&mut self, delivery: Option<lapin::Result<Delivery>>) -> Result<(), Gone> {
        match delivery {
            Some(Ok(delivery)) => {
                self.account.delivered(delivery.delivery_tag);
                self.waiting.push_back(delivery);
                Ok(())
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the broker cancelled the consumer".to_owned()),
        }
    }

    fn begin<S: Send + Sync + 'static>(
        &mut self,
        worker: &mut Worker<S>,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) {
        let Some(delivery) = self.waiting.pop_front() else {
            return;
        };
        let (session, tag) = (self.number, delivery.delivery_tag);
        let message = Arc::new(Message::new(Arc::clone(&self.queue), delivery));
        let (work, lost) = (Arc::clone(&worker.work), self.lost.clone());
        let observed = worker.observer.listens();
        worker.tasks.spawn(async move {
            let settlement = work.process(Arc::clone(&message), &lost).await;
            drop(permit);
            Finished {
                session,
                tag,
                settlement,
                message_id: message.message_id().filter(|_| observed).map(str::to_owned),
            }
        });
    }

    fn finish(&mut self, joined: Result<Finished, JoinError>) {
        let finished = match joined {
            Ok(finished) if finished.session == self.number => finished,
            // Its channel is gone, the broker hands it out again.
            Ok(_of_an_earlier_session) => return,
            Err(error) if error.is_cancelled() => return,
            Err(error) => {
                // Everything that may panic in a task is caught inside.
                error!(queue = &*self.queue, %error, "a message's task ended early");
                return;
            }
        };
        match finished.settlement {
            Settlement::Acknowledge(verdict) => {
                self.account.finished(finished.tag);
                self.note(finished.message_id, verdict);
            }
            Settlement::LeaveToBroker => {
                self.rejected.push(finished.tag);
                self.note(finished.message_id, Verdict::DeadLettered);
            }
            Settlement::Lost => {}
        }
    }

    fn note(&mut self, message_id: Option<String>, verdict: Verdict) {
        if let Some(message_id) = message_id
            && self.observer.listens()
        {
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
fn gone(error: lapin::Error) -> Gone {
    error.to_string()
}
