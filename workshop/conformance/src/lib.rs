//! What the tests of the framework need besides its own test client.

mod probe;
mod proxy;

use std::time::Duration;

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

/// What a test waits for comes long before that; a hang should fail, not last.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long a broker is left alone between two questions.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until something that can only be asked for is so: brokers tell nobody of a queue's depth.
///
/// # Panics
///
/// When it is not so in time.
pub async fn eventually(what: &str, so: impl AsyncFn() -> bool) {
    let asking = async {
        while !so().await {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let asked = tokio::time::timeout(DEADLINE, asking).await;
    assert!(asked.is_ok(), "not within {DEADLINE:?}: {what}");
}
