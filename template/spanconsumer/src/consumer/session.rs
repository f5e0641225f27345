//! One consumer on one channel, from `basic.consume` until the channel is gone or drained.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error};

use super::acknowledger::Tag;
use super::settler::{Gone, Settler, gone};
use super::work::Settlement;
use super::worker::Worker;
use crate::message::{Message, short};
use crate::topology::DeclareError;

/// A message that went all its way but for the settlement.
pub(super) struct Finished {
    session: u64,
    tag: Tag,
    settlement: Settlement,
}

/// How a session ended.
pub(super) enum Ended {
    /// It was told to stop, and everything is settled.
    Drained,
    /// The consumer or its channel is gone; the broker hands out again what was not settled.
    Lost(Gone),
}

pub(super) struct Session {
    number: u64,
    queue: Arc<str>,
    consumer: Consumer,
    settler: Settler,
    /// Delivered, and waiting for a permit to be processed.
    waiting: VecDeque<Delivery>,
    lost: CancellationToken,
    /// Fires `lost` when the session ends in whatever way.
    _lost_on_drop: DropGuard,
}

/// How often a channel that looks quiet is asked whether it is still there: lapin ends a stream
/// with every loss that we know of, and this catches the one that we don't.
const WATCH: Duration = Duration::from_secs(1);

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
                    short(&queue),
                    short(&worker.work.context.service),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok((channel, consumer))
        };
        let started = start.await;
        let (channel, consumer) =
            started.map_err(|error| worker.work.input.explain(&queue, error))?;
        let lost = CancellationToken::new();
        Ok(Self {
            number,
            queue,
            consumer,
            settler: Settler::new(channel, worker.prefetch, worker.observer.clone()),
            waiting: VecDeque::new(),
            _lost_on_drop: lost.clone().drop_guard(),
            lost,
        })
    }

    /// Processes deliveries until the session is lost, or told to drain and drained.
    pub(super) async fn run<S>(mut self, worker: &mut Worker<S>) -> Ended
    where
        S: Send + Sync + 'static,
    {
        if let Err(gone) = self.consume(worker).await {
            return Ended::Lost(gone);
        }
        // A channel that is lost while draining leaves its messages with the broker, too; what is
        // in work is waited for by the worker.
        let queue = Arc::clone(&self.queue);
        if let Err(gone) = self.drain(worker).await {
            debug!(
                queue = &*queue,
                reason = gone,
                "channel lost while draining"
            );
        }
        Ended::Drained
    }

    async fn consume<S>(&mut self, worker: &mut Worker<S>) -> Result<(), Gone>
    where
        S: Send + Sync + 'static,
    {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.take_what_is_ready(worker)?;
            let idle = self.gather(worker).await?;
            self.settler.acknowledge(idle).await?;
            if !idle && self.settler.pending() > 0 {
                // A rest below the batch: the next turn finds out whether there is more to come.
                continue;
            }
            let permits = Arc::clone(&worker.permits);
            tokio::select! {
                biased;
                () = worker.stop.drain.cancelled() => return Ok(()),
                Some(joined) = worker.tasks.join_next() => self.finish(joined),
                delivery = self.consumer.next() => self.deliver(delivery)?,
                Ok(permit) = permits.acquire_owned(), if !self.waiting.is_empty() => {
                    self.begin(worker, permit);
                }
                _ = watch.tick() => {
                    if !self.settler.channel().status().connected() {
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
    async fn gather<S>(&mut self, worker: &mut Worker<S>) -> Result<bool, Gone>
    where
        S: Send + Sync + 'static,
    {
        loop {
            let before = self.settler.pending();
            if self.settler.batch_is_full() {
                return Ok(false);
            }
            if before == 0 {
                return Ok(true);
            }
            tokio::task::yield_now().await;
            self.take_what_is_ready(worker)?;
            if self.settler.pending() == before {
                return Ok(true);
            }
        }
    }

    /// Takes in all deliveries and results that are there, without waiting for any.
    fn take_what_is_ready<S>(&mut self, worker: &mut Worker<S>) -> Result<(), Gone>
    where
        S: Send + Sync + 'static,
    {
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
                self.settler.delivered(&delivery);
                self.waiting.push_back(delivery);
                Ok(())
            }
            Some(Err(error)) => Err(gone(error)),
            None => Err("the broker cancelled the consumer".to_owned()),
        }
    }

    fn begin<S>(&mut self, worker: &mut Worker<S>, permit: OwnedSemaphorePermit)
    where
        S: Send + Sync + 'static,
    {
        let Some(delivery) = self.waiting.pop_front() else {
            return;
        };
        let (session, tag) = (self.number, delivery.delivery_tag);
        let message = Arc::new(Message::new(Arc::clone(&self.queue), delivery));
        let (work, lost) = (Arc::clone(&worker.work), self.lost.clone());
        worker.tasks.spawn(async move {
            let settlement = work.process(message, &lost).await;
            drop(permit);
            Finished {
                session,
                tag,
                settlement,
            }
        });
    }

    fn finish(&mut self, joined: Result<Finished, JoinError>) {
        match joined {
            Ok(finished) if finished.session == self.number => {
                self.settler.settle(finished.tag, finished.settlement);
            }
            // Its channel is gone, the broker hands it out again.
            Ok(_of_an_earlier_session) => {}
            // It is given back.
            Err(error) if error.is_cancelled() => {}
            // Panics are caught inside.
            Err(error) => error!(queue = &*self.queue, %error, "a message's task ended early"),
        }
    }

    /// Stops the consumer, gives back what was not begun, and finishes what is in work; what is not
    /// finished when the worker is told to give back is given back as well.
    async fn drain<S>(mut self, worker: &mut Worker<S>) -> Result<(), Gone> {
        let tag = self.consumer.tag();
        let cancel = self
            .settler
            .channel()
            .basic_cancel(tag, BasicCancelOptions::default());
        cancel.await.map_err(gone)?;
        // What was on its way when the broker learnt of it; then the stream ends.
        while let Some(Ok(delivery)) = self.consumer.next().await {
            self.settler.delivered(&delivery);
            self.waiting.push_back(delivery);
        }
        for delivery in std::mem::take(&mut self.waiting) {
            self.settler.give_back(delivery.delivery_tag).await?;
        }
        loop {
            while let Some(joined) = worker.tasks.try_join_next() {
                self.finish(joined);
            }
            // Only what one acknowledgement covers: the window need not move any more, and the
            // broker has the fewer to apply before the channel closes.
            self.settler.acknowledge(false).await?;
            tokio::select! {
                biased;
                () = worker.stop.give_back.cancelled() => break,
                joined = worker.tasks.join_next() => match joined {
                    Some(joined) => self.finish(joined),
                    None => break,
                }
            }
        }
        worker.tasks.abort_all();
        while let Some(joined) = worker.tasks.join_next().await {
            self.finish(joined);
        }
        self.settler.acknowledge(true).await?;
        self.settler.close().await
    }
}
