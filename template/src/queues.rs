//! The queues of the service; their names stand here and nowhere else.

/// Where `process_message` takes its messages from.
pub const IN_QUEUE: &str = "in_queue";

/// Where the results of `process_message` go.
pub const OUT_QUEUE: &str = "out_queue";
