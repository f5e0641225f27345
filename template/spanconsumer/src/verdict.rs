//! How a message's life ended.

use std::fmt;

/// What became of a message. Every message ends in exactly one verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The processor succeeded, its results were confirmed, the message was acknowledged.
    Processed,
    /// A copy was confirmed in the dead-letter queue, then the message was acknowledged.
    DeadLettered,
    /// The message went back to its queue untouched: the service stopped before it was finished.
    GivenBack,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processed => "processed",
            Self::DeadLettered => "dead-lettered",
            Self::GivenBack => "given back",
        })
    }
}
