//! One message's way through its processor.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use super::dead_letter;
use crate::link::Backoff;
use crate::message::{Encoded, Message};
use crate::processor::{BoxFuture, Failure, Fault, Processor, panic_message};
use crate::publisher::{PublishError, Publisher};
use crate::topology::{Declaration, DeclareError, dead_letter_queue};
use crate::verdict::Verdict;

/// Looks at a failure; errors are logged.
pub(crate) type ErrorHandler<S> =
    Arc<dyn Fn(Arc<Failure>, Arc<S>) -> BoxFuture<anyhow::Result<()>> + Send + Sync>;

/// What all messages of a running service share.
pub(crate) struct Context<S> {
    pub(crate) service: String,
    pub(crate) state: Arc<S>,
    pub(crate) publisher: Publisher,
    pub(crate) error_handlers: Vec<ErrorHandler<S>>,
}

/// What a processor's messages share besides.
pub(super) struct Work<S> {
    pub(super) context: Arc<Context<S>>,
    pub(super) processor: Arc<Processor<S>>,
    /// The input queue's declaration, and the output queue's where there is one.
    pub(super) input: Declaration,
    pub(super) output: Option<Declaration>,
    /// Held by the one message that declares a missing queue for all.
    pub(super) declaring: Mutex<()>,
}

/// How a delivery is settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Settlement {
    /// `basic.ack`: its results, or its copy in the dead-letter queue, are confirmed.
    Acknowledge(Verdict),
    /// `basic.reject` without requeue: the broker itself moves it to the dead-letter queue.
    LeaveToBroker,
    /// Not at all: its channel is gone, the broker hands it out again.
    Lost,
}

/// A broker that closes the channel this often for one message won't take it.
const MOST_CHANNEL_CLOSURES: u32 = 5;

impl<S: Send + Sync + 'static> Work<S> {
    /// Processes a message up to the point where only the settlement is left to do.
    ///
    /// `lost` fires when the delivery's channel is gone: nothing is published any more then, as the
    /// message is going to be processed again.
    pub(super) async fn process(
        &self,
        message: Arc<Message>,
        lost: &CancellationToken,
    ) -> Settlement {
        let span = info_span!(
            "message",
            queue = message.queue(),
            id = message.message_id()
        );
        let work = async {
            match self.call(&message).await {
                Ok(results) => self.publish(results, &message, lost).await,
                Err(fault) => self.fail(fault, &message, lost).await,
            }
        };
        // The function itself is guarded further inside, but its code also runs where an error is
        // printed or something of its own is dropped.
        let settled = AssertUnwindSafe(work).catch_unwind();
        async {
            let settlement = settled.await.unwrap_or_else(|panic| {
                error!(
                    error = panic_message(&*panic),
                    "panic outside of the processor"
                );
                Settlement::LeaveToBroker
            });
            if lost.is_cancelled() {
                warn!("done, but its channel was lost meanwhile: the broker hands it out again");
            } else {
                debug!(?settlement, "message done");
            }
            settlement
        }
        .instrument(span)
        .await
    }

    /// Runs the function; a panic, a timeout and an error all become a fault.
    async fn call(&self, message: &Arc<Message>) -> Result<Vec<Encoded>, Fault> {
        let (message, state) = (Arc::clone(message), Arc::clone(&self.context.state));
        // The handler itself is called inside, too: decoding may panic as well.
        let called = AssertUnwindSafe(async { (self.processor.handler)(message, state).await })
            .catch_unwind();
        let caught = match self.processor.processing.timeout {
            None => called.await,
            Some(timeout) => tokio::time::timeout(timeout, called)
                .await
                .map_err(|_elapsed| Fault::timed_out(timeout))?,
        };
        caught.unwrap_or_else(|payload| Err(Fault::panicked(&*payload)))
    }

    async fn publish(
        &self,
        results: Vec<Encoded>,
        message: &Arc<Message>,
        lost: &CancellationToken,
    ) -> Settlement {
        if let Some(output) = &self.output {
            for result in results {
                let Encoded { body, properties } = result;
                let published =
                    self.until_confirmed(&output.queue, &body, properties, lost, output);
                match published.await {
                    Ok(()) => {}
                    Err(None) => return Settlement::Lost,
                    Err(Some(fault)) => return self.fail(fault, message, lost).await,
                }
            }
        }
        Settlement::Acknowledge(Verdict::Processed)
    }

    /// Reports a failure and copies the message to the dead-letter queue.
    async fn fail(
        &self,
        fault: Fault,
        message: &Arc<Message>,
        lost: &CancellationToken,
    ) -> Settlement {
        let processor = self.processor.name;
        error!(
            processor,
            kind = %fault.kind,
            error = fault.for_log(),
            verdict = %Verdict::DeadLettered,
            "message failed"
        );
        let service = &self.context.service;
        let properties = dead_letter::properties(message, &fault, processor, service);
        let failure = Arc::new(Failure {
            kind: fault.kind,
            error: fault.error,
            message: Arc::clone(message),
            processor,
            verdict: Verdict::DeadLettered,
        });
        for handler in &self.context.error_handlers {
            self.tell(handler, &failure).await;
        }
        let queue = dead_letter_queue(&self.input.queue);
        let copied = self.until_confirmed(&queue, message.raw(), properties, lost, &self.input);
        match copied.await {
            Ok(()) => Settlement::Acknowledge(Verdict::DeadLettered),
            Err(None) => Settlement::Lost,
            Err(Some(fault)) => {
                let error = format!("{:#}", fault.error);
                warn!(
                    processor,
                    error, "can't copy the message, leaving it to the broker"
                );
                Settlement::LeaveToBroker
            }
        }
    }

    async fn tell(&self, handler: &ErrorHandler<S>, failure: &Arc<Failure>) {
        let (failure, state) = (Arc::clone(failure), Arc::clone(&self.context.state));
        let told = AssertUnwindSafe(async { handler(failure, state).await }).catch_unwind();
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!(error = format!("{error:#}"), "error handler failed"),
            Err(payload) => error!(error = panic_message(&*payload), "error handler panicked"),
        }
    }

    /// Publishes until the broker confirms.
    ///
    /// # Errors
    ///
    /// `None` when the delivery's channel is gone, a fault when the broker refuses for good.
    async fn until_confirmed(
        &self,
        queue: &str,
        body: &[u8],
        properties: lapin::BasicProperties,
        lost: &CancellationToken,
        declaration: &Declaration,
    ) -> Result<(), Option<Fault>> {
        let mut backoff = Backoff::default();
        let mut closures = 0;
        loop {
            let published = self
                .context
                .publisher
                .publish(queue, body, properties.clone());
            let published = tokio::select! {
                biased;
                () = lost.cancelled() => return Err(None),
                published = published => published,
            };
            let error = match published {
                Ok(()) => return Ok(()),
                Err(PublishError::TooLarge(reason)) => {
                    return Err(Some(Fault::unpublishable(reason)));
                }
                Err(error) => error,
            };
            if let PublishError::ChannelClosed(reason) = &error {
                closures += 1;
                if closures >= MOST_CHANNEL_CLOSURES {
                    return Err(Some(Fault::unpublishable(reason.clone())));
                }
            }
            warn!(to = queue, %error, "not published, trying again");
            let again = async {
                if let PublishError::Unroutable(_) = error {
                    self.declare_again(declaration).await;
                }
                backoff.wait().await;
            };
            tokio::select! {
                () = lost.cancelled() => return Err(None),
                () = again => {}
            }
        }
    }

    /// Brings back a queue that somebody deleted, unless another message is at it.
    async fn declare_again(&self, declaration: &Declaration) {
        let Ok(_declaring) = self.declaring.try_lock() else {
            return;
        };
        let connection = self.context.publisher.link().connection().await;
        match declaration.declare(&connection).await {
            Ok(()) => {}
            Err(DeclareError::Refused(error)) => {
                error!(queue = declaration.queue, error = %error, "can't declare the queue again");
            }
            Err(DeclareError::Lost(error)) => {
                warn!(queue = declaration.queue, error = %error, "can't declare the queue yet");
            }
        }
    }
}
