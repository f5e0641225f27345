//! How a processor works through its queue.

use std::time::Duration;

/// How a processor works through its queue.
#[derive(Clone, Debug, Default)]
pub struct ProcessingOptions {
    pub(crate) prefetch: Option<u16>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) timeout: Option<Duration>,
}

/// RabbitMQ's documentation finds 100 to 300 right for most consumers.
const DEFAULT_PREFETCH: u16 = 100;

impl ProcessingOptions {
    /// Messages that the broker hands out before it wants acknowledgements.
    ///
    /// Defaults to 100; the setting `PREFETCH` wins over it. Quorum queues cap it at 2,000. More
    /// hides the way to the broker, less spreads a short queue over more replicas.
    #[must_use]
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.prefetch = Some(messages);
        self
    }

    /// Messages in work at once, at most the prefetch, which is the default.
    #[must_use]
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = Some(messages);
        self
    }

    /// Works strictly one message at a time, in the order of the queue.
    ///
    /// A message that is redelivered comes back in front of the queue, so its order survives a lost
    /// connection as well; a dead-lettered one is passed over. Only one replica keeps the order
    /// (or several with a single-active-consumer queue).
    #[must_use]
    pub fn one_at_a_time(self) -> Self {
        self.concurrency(1)
    }

    /// How long the function may take with one message; the message is dead-lettered after that and
    /// the function dropped at its next `await`.
    ///
    /// None by default. Keep it below the broker's consumer timeout, 30 minutes by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn effective_prefetch(&self, from_settings: Option<u16>) -> u16 {
        from_settings.or(self.prefetch).unwrap_or(DEFAULT_PREFETCH)
    }

    /// Names the option that makes no sense, if there is one.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Self {
                prefetch: Some(0), ..
            } => Some("a prefetch of 0 means no limit; set at least 1"),
            Self {
                concurrency: Some(0),
                ..
            } => Some("a concurrency of 0 processes nothing"),
            Self {
                timeout: Some(Duration::ZERO),
                ..
            } => Some("a timeout of 0 fails every message"),
            _ => None,
        }
    }
}
