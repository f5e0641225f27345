//! A queue, the function that processes its messages, and how.

mod failure;
mod options;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use failure::{Failure, FailureKind};
pub use options::ProcessingOptions;

pub(crate) use failure::{Fault, panic_message};

use crate::message::{Encoded, Incoming, Message, Results, decode};
use crate::topology::QueueOptions;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Decodes a message, runs the user's function on it and encodes the results.
pub(crate) type Handler<S> =
    Box<dyn Fn(Arc<Message>, Arc<S>) -> BoxFuture<Result<Vec<Encoded>, Fault>> + Send + Sync>;

/// A queue and the function that processes its messages; `S` is the service's shared state.
pub struct Processor<S> {
    pub(crate) name: &'static str,
    pub(crate) queue: String,
    pub(crate) queue_options: QueueOptions,
    pub(crate) output: Option<Output>,
    pub(crate) processing: ProcessingOptions,
    pub(crate) handler: Handler<S>,
}

/// Where results go.
pub(crate) struct Output {
    pub(crate) queue: String,
    pub(crate) options: QueueOptions,
}

impl<S: Send + Sync + 'static> Processor<S> {
    /// Consumes `queue` with a function that returns nothing.
    ///
    /// The message is acknowledged when the function returns `Ok`; an error or a panic
    /// dead-letters it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use spanconsumer::{Incoming, Processor};
    ///
    /// async fn audit(incoming: Incoming<String>, _state: Arc<()>) -> anyhow::Result<()> {
    ///     println!("{}", incoming.body);
    ///     Ok(())
    /// }
    ///
    /// let processor = Processor::consume("audit", audit);
    /// ```
    pub fn consume<T, F, Fut>(queue: impl Into<String>, function: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        F: Fn(Incoming<T>, Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = std::any::type_name::<F>();
        Self::new(name, queue.into(), None, move |message, state| {
            let called = incoming(message).map(|incoming| function(incoming, state));
            Box::pin(async move {
                called?.await.map_err(Fault::failed)?;
                Ok(Vec::new())
            })
        })
    }

    /// Consumes `queue` with a function whose results go to `output`.
    ///
    /// The function returns an [`Outgoing`](crate::Outgoing), an `Option` of one, or a `Vec` of
    /// them. The message is acknowledged after the broker confirmed every result; an error or a
    /// panic dead-letters it and publishes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use spanconsumer::{Incoming, Outgoing, Processor};
    ///
    /// async fn double(incoming: Incoming<i64>, _state: Arc<()>) -> anyhow::Result<Outgoing<i64>> {
    ///     Ok(Outgoing::new(2 * incoming.body))
    /// }
    ///
    /// let processor = Processor::transform("numbers", "doubles", double);
    /// ```
    pub fn transform<T, R, F, Fut>(
        queue: impl Into<String>,
        output: impl Into<String>,
        function: F,
    ) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        R: Results + Send + 'static,
        F: Fn(Incoming<T>, Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<R>> + Send + 'static,
    {
        let output = Output {
            queue: output.into(),
            options: QueueOptions::default(),
        };
        let name = std::any::type_name::<F>();
        Self::new(name, queue.into(), Some(output), move |message, state| {
            let called = incoming(message).map(|incoming| function(incoming, state));
            Box::pin(async move {
                let results = called?.await.map_err(Fault::failed)?;
                results.encode().map_err(Fault::unencodable)
            })
        })
    }

    /// Sets how the input queue is declared. A durable quorum queue by default.
    #[must_use]
    pub fn queue(mut self, options: QueueOptions) -> Self {
        self.queue_options = options;
        self
    }

    /// Sets how the output queue is declared, for a processor that has one. A durable quorum queue
    /// by default; it has to agree with what the queue's consumer declares.
    #[must_use]
    pub fn output_queue(mut self, options: QueueOptions) -> Self {
        if let Some(output) = &mut self.output {
            output.options = options;
        }
        self
    }

    /// Sets how messages are processed.
    #[must_use]
    pub fn processing(mut self, options: ProcessingOptions) -> Self {
        self.processing = options;
        self
    }

    fn new(
        name: &'static str,
        queue: String,
        output: Option<Output>,
        handler: impl Fn(Arc<Message>, Arc<S>) -> BoxFuture<Result<Vec<Encoded>, Fault>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            name,
            queue,
            queue_options: QueueOptions::default(),
            output,
            processing: ProcessingOptions::default(),
            handler: Box::new(handler),
        }
    }
}

fn incoming<T: DeserializeOwned>(message: Arc<Message>) -> Result<Incoming<T>, Fault> {
    let body = decode(&message).map_err(Fault::undecodable)?;
    Ok(Incoming::new(body, message))
}

impl<S> fmt::Debug for Processor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor")
            .field("name", &self.name)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
