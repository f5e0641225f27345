//! Consumes RabbitMQ queues with plain async functions; no message is lost.

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
