//! Consumes RabbitMQ queues with plain async functions; no message is lost.
//!
//! A service is a list of queues, each with a *processor*: an async function that takes a message
//! and the state that all processors share. The framework does the rest: it connects and comes back
//! after every loss, declares the queues, decodes, processes messages side by side up to the
//! prefetch, publishes results, acknowledges after the broker has confirmed them, moves what fails
//! to a dead-letter queue with the reason, and finishes what is in work when it is told to stop.
//!
//! # The smallest service
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! use spanconsumer::{Incoming, Outgoing, Processor, Settings, SpanConsumer};
//!
//! async fn double(incoming: Incoming<i64>, _state: Arc<()>) -> anyhow::Result<Outgoing<i64>> {
//!     Ok(Outgoing::new(2 * incoming.body))
//! }
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     let settings = Settings::parse(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
//!     spanconsumer::log_to_stderr(&settings);
//!     SpanConsumer::new(env!("CARGO_PKG_NAME"), settings, async || Ok(()))
//!         .processor(Processor::transform("numbers", "doubles", double))
//!         .run()
//!         .await
//! }
//! ```
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | [`SpanConsumer`] | the service: shared state, start-up and shutdown tasks, error handlers, running |
//! | [`Processor`] | a queue and its function: [`consume`](Processor::consume) without results, [`transform`](Processor::transform) with |
//! | [`Incoming`], [`Message`], [`Headers`] | what a processor gets |
//! | [`Outgoing`] | what it returns: one, an `Option`, or a `Vec` of them |
//! | [`ProcessingOptions`] | prefetch, concurrency, order, timeout |
//! | [`QueueOptions`] | how a queue is declared |
//! | [`Failure`], [`Verdict`] | what went wrong with a message, and what became of it |
//! | [`Settings`] | environment variables, the command line, exit codes |
//! | [`Error`] | why a service could not start |
//! | `testing` | a client that runs a service on a real broker, and the broker; with the feature `testing` |
//!
//! # Cargo features
//!
//! - `tls`: connects with `amqps://` URLs.
//! - `testing`: the module `testing` and the program `with-broker`. For development only: it brings
//!   in a client for containers.

mod consumer;
mod error;
mod link;
mod logging;
mod message;
mod observer;
mod processor;
mod publisher;
mod service;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
mod topology;
mod verdict;

pub use error::Error;
pub use logging::log_to_stderr;
pub use message::{DecodeError, HeaderValue, Headers, Incoming, Message, Outgoing, Results};
pub use processor::{Failure, FailureKind, ProcessingOptions, Processor};
pub use service::{SpanConsumer, Stopped};
pub use settings::{LogFormat, Node, Settings, SettingsError};
pub use topology::QueueOptions;
pub use verdict::Verdict;
