//! What comes in and what goes out.

mod headers;
mod incoming;
mod json;
mod outgoing;
mod size;

pub use headers::{HeaderValue, Headers};
pub use incoming::{Incoming, Message};
pub use json::DecodeError;
pub use outgoing::{Outgoing, Results};

pub(crate) use headers::short;
pub(crate) use json::decode;
pub(crate) use outgoing::{Encoded, PERSISTENT};
pub(crate) use size::properties_size;
