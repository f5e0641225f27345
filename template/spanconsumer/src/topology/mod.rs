//! The queues that a service declares.

mod declaration;
mod mismatch;
mod options;

pub use options::QueueOptions;

pub(crate) use declaration::{Declaration, DeclareError, dead_letter_queue};
