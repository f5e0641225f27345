//! Why a service could not start.

use std::error::Error as StdError;

/// What keeps a service from starting. Nothing has been consumed when one of these is returned.
///
/// A broker that can't be reached is not among them: connecting is tried for ever.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A service without a processor has nothing to do.
    #[error("the service has no processor: add one with SpanConsumer::processor")]
    NoProcessor,

    /// Settings without a node to connect to.
    #[error("the settings name no node of a broker: set Settings::nodes")]
    NoNode,

    /// Two processors for one queue would share its messages at random.
    #[error(
        "two processors for queue `{queue}`: `{first}` and `{second}`; give each a queue of its own"
    )]
    DuplicateProcessor {
        /// The queue both want.
        queue: String,
        /// The processor that was added first.
        first: &'static str,
        /// The processor that was added second.
        second: &'static str,
    },

    /// A queue is used in two roles that ask for different declarations.
    #[error(
        "queue `{queue}` is asked for with two different sets of options, last by processor \
         `{processor}`; give both the same QueueOptions"
    )]
    ConflictingOptions {
        /// The queue in question.
        queue: String,
        /// The processor whose options differ from earlier ones.
        processor: &'static str,
    },

    /// A queue's name that AMQP can't carry.
    #[error("processor `{processor}`: queue name `{queue}` {problem}")]
    InvalidQueueName {
        /// The name, prefix included.
        queue: String,
        /// The processor that uses it.
        processor: &'static str,
        /// What is wrong with the name.
        problem: &'static str,
    },

    /// An option that can't work.
    #[error("processor `{processor}` of queue `{queue}`: {problem}")]
    InvalidOption {
        /// The processor's queue.
        queue: String,
        /// The processor.
        processor: &'static str,
        /// Which option, and why.
        problem: &'static str,
    },

    /// The queue exists on the broker with other arguments than asked for.
    #[error(
        "queue `{queue}` of processor `{processor}` exists with other arguments: `{argument}` is \
         {existing} on the broker, but {asked} was asked for; change its QueueOptions, or delete \
         the queue if its messages can go"
    )]
    QueueMismatch {
        /// The queue in question.
        queue: String,
        /// The processor that asked for it.
        processor: &'static str,
        /// The first argument that differs, as the broker names it.
        argument: String,
        /// What the broker has.
        existing: String,
        /// What was asked for.
        asked: String,
    },

    /// The broker refuses to declare the queue.
    #[error("the broker refuses queue `{queue}` of processor `{processor}`: {reason}")]
    QueueRefused {
        /// The queue in question.
        queue: String,
        /// The processor that asked for it.
        processor: &'static str,
        /// The broker's own words.
        reason: String,
    },

    /// The shared state could not be opened, or a start-up task failed.
    #[error("{task} failed")]
    Startup {
        /// Which of the tasks it was.
        task: String,
        /// What the task returned.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
