//! How a queue is declared.

use std::collections::BTreeMap;

use crate::message::HeaderValue;

/// How a queue is declared: a durable quorum queue by default.
///
/// Every queue gets a dead-letter queue, `<queue>.dead`, so that nothing is dropped that a
/// consumer rejects or that goes over the delivery limit.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueOptions {
    pub(crate) kind: QueueKind,
    pub(crate) delivery_limit: u32,
    pub(crate) arguments: BTreeMap<String, HeaderValue>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum QueueKind {
    Quorum,
    Classic,
}

/// High enough that restarts and outages don't use it up for an innocent message, low enough that
/// a message that kills its process ends in the dead-letter queue. RabbitMQ's own limit is 20.
const DEFAULT_DELIVERY_LIMIT: u32 = 100;

impl QueueOptions {
    /// Declares a durable quorum queue: replicated over the nodes of a cluster.
    #[must_use]
    pub fn quorum() -> Self {
        Self {
            kind: QueueKind::Quorum,
            delivery_limit: DEFAULT_DELIVERY_LIMIT,
            arguments: BTreeMap::new(),
        }
    }

    /// Declares a durable classic queue: on one node, lost or away with it.
    #[must_use]
    pub fn classic() -> Self {
        Self {
            kind: QueueKind::Classic,
            ..Self::quorum()
        }
    }

    /// How often a quorum queue hands out a message whose consumer dies or rejects it, before it is
    /// dead-lettered. Defaults to 100. Classic queues have no such limit.
    #[must_use]
    pub fn delivery_limit(mut self, deliveries: u32) -> Self {
        self.delivery_limit = deliveries;
        self
    }

    /// Adds any other argument of `queue.declare`, such as `x-max-length`; it wins over what the
    /// options say.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<HeaderValue>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self::quorum()
    }
}
