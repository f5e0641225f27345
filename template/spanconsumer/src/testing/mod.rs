//! What tests need: a broker, and a client that drives a service on it.

mod broker;
mod client;
mod host;
mod queue;
mod settled;

pub use broker::{Broker, BrokerError, BrokerOrigin};
pub use client::TestClient;
