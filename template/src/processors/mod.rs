//! One file per processor.

mod process_message;

pub use process_message::{Item, Order, Receipt, process_message};
