//! What the tests of the framework need besides its own test client.

mod probe;
mod proxy;

use lapin::{Channel, Connection, ConnectionProperties};
use spanconsumer::testing::Broker;

pub use probe::Probe;
pub use proxy::{Mode, Proxy};

/// Returns the address of the broker that all tests share.
///
/// # Panics
///
/// When there is none.
pub async fn broker_url() -> &'static str {
    tokio::task::spawn_blocking(|| match Broker::shared() {
        Ok(broker) => broker.url(),
        Err(error) => panic!("{error}"),
    })
    .await
    .expect("finding a broker does not panic")
}

/// Opens a channel on a connection of its own, to do what the framework does not.
///
/// # Panics
///
/// When the broker does not let it.
pub async fn bare_channel() -> (Connection, Channel) {
    let url = broker_url().await;
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("the broker takes connections");
    let channel = connection
        .create_channel()
        .await
        .expect("the broker opens channels");
    (connection, channel)
}
