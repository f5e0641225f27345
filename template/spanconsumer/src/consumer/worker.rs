//! One processor's consumer, for as long as the service runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::session::{Ended, Finished, Session};
use super::work::{Context, Work};
use crate::link::{Backoff, Link};
use crate::observer::Observer;
use crate::processor::Processor;
use crate::topology::{Declaration, DeclareError};

/// How a worker is told to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Take no more messages, finish what is in work.
    pub(crate) drain: CancellationToken,
    /// Don't wait for what is in work any longer, give it back.
    pub(crate) give_back: CancellationToken,
}

/// Consumes one processor's queue, over and over again until it is told to stop.
///
/// A session is one consumer on one channel. Whatever ends it (a lost connection, a closed channel,
/// a cancelled consumer, a deleted queue), the next begins with declaring the queue.
pub(crate) struct Worker<S> {
    pub(super) work: Arc<Work<S>>,
    pub(super) link: Arc<Link>,
    pub(super) prefetch: u16,
    /// One permit for each message in work, over all sessions: a lost connection must not double
    /// what is in work, nor overtake a message that is processed one at a time.
    pub(super) permits: Arc<Semaphore>,
    /// Messages in work, those of earlier sessions too.
    pub(super) tasks: JoinSet<Finished>,
    pub(super) stop: Stop,
    pub(super) observer: Observer,
    concurrency: usize,
}

/// A session that lasted this long was a success: the next pause is a short one again.
const STEADY: Duration = Duration::from_secs(10);

impl<S: Send + Sync + 'static> Worker<S> {
    pub(crate) fn new(
        context: Arc<Context<S>>,
        processor: Arc<Processor<S>>,
        (input, output): (Declaration, Option<Declaration>),
        prefetch: u16,
        link: Arc<Link>,
        stop: Stop,
        observer: Observer,
    ) -> Self {
        let most = usize::from(prefetch);
        let concurrency = processor.processing.concurrency.unwrap_or(most).min(most);
        Self {
            work: Arc::new(Work {
                context,
                processor,
                input,
                output,
                declaring: Mutex::default(),
            }),
            link,
            prefetch,
            permits: Arc::new(Semaphore::new(concurrency)),
            tasks: JoinSet::new(),
            stop,
            observer,
            concurrency,
        }
    }

    /// Consumes until it is told to stop and what was in work is finished or given back.
    ///
    /// `consuming` is sent the queue's name whenever a session begins.
    pub(crate) async fn run(mut self, consuming: mpsc::UnboundedSender<String>) {
        let mut backoff = Backoff::default();
        for number in 1.. {
            let drain = self.stop.drain.clone();
            let began = Instant::now();
            let opened = tokio::select! {
                biased;
                () = drain.cancelled() => break,
                opened = Session::open(&self, number) => opened,
            };
            let queue = self.work.input.queue.as_str();
            match opened {
                Ok(session) => {
                    // Nobody listens once the service runs.
                    let _ = consuming.send(queue.to_owned());
                    match session.run(&mut self).await {
                        Ended::Drained => break,
                        Ended::Lost(reason) => {
                            let queue = self.work.input.queue.as_str();
                            warn!(queue, reason, "consumer lost, consuming again");
                        }
                    }
                }
                Err(DeclareError::Refused(error)) => {
                    error!(queue, error = %error, "can't consume, trying again");
                }
                Err(DeclareError::Lost(error)) => {
                    warn!(queue, error = %error, "can't consume yet, trying again");
                }
            }
            if began.elapsed() > STEADY {
                backoff = Backoff::default();
            }
            tokio::select! {
                () = drain.cancelled() => break,
                () = backoff.wait() => {}
            }
        }
        self.finish_orphans().await;
    }

    /// Waits for messages whose channel is gone: their processors may be half way through.
    async fn finish_orphans(&mut self) {
        let all = u32::try_from(self.concurrency).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            () = self.stop.give_back.cancelled() => self.tasks.shutdown().await,
            _all_done = self.permits.acquire_many(all) => {}
        }
    }
}
