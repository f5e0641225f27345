//! Consuming a queue: from the delivery to the acknowledgement.

mod acknowledger;
mod dead_letter;
mod session;
mod settler;
mod work;
mod worker;

pub(crate) use work::{Context, ErrorHandler};
pub(crate) use worker::{Stop, Worker};
