//! A connection that comes back by itself.

mod backoff;
mod probe;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tracing::{info, warn};

pub(crate) use backoff::Backoff;

use crate::settings::{Node, Settings};

/// How long the broker may take to answer that a connection is closed.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// A supervised connection to one of the broker's nodes.
///
/// lapin's own recovery stays off: it gives up after a while and leaves consumers that look alive.
/// Whoever notices a loss asks for the connection again, and the first who asks connects for all.
pub(crate) struct Link {
    settings: Settings,
    /// What the broker's overview shows, as in `orders consuming`.
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// The node to try next, modulo the number of nodes.
    next_node: usize,
    /// Nodes that said nothing at the last attempt, by their place in the settings.
    silent: HashSet<usize>,
}

impl Link {
    pub(crate) fn new(settings: Settings, name: String) -> Self {
        Self {
            settings,
            name,
            state: Mutex::new(State::default()),
        }
    }

    /// Returns the live connection, connecting first where there is none, for as long as it takes.
    ///
    /// # Cancel safety
    ///
    /// An attempt that is dropped leaves the link without a connection, and the next call begins
    /// another.
    pub(crate) async fn connection(&self) -> Arc<Connection> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && connection.status().connected()
        {
            return Arc::clone(connection);
        }
        state.connection = None;
        let mut backoff = Backoff::default();
        loop {
            let place = state.next_node % self.settings.nodes.len();
            let node = &self.settings.nodes[place];
            let attempt = self.attempt(node, state.silent.contains(&place));
            // lapin has no deadline of its own for the handshake: a peer that accepts and then says
            // nothing would hold the service for ever.
            match tokio::time::timeout(self.settings.connect_timeout, attempt).await {
                Ok(Ok(connection)) => {
                    info!(%node, connection = self.name, "connected");
                    state.silent.remove(&place);
                    let connection = Arc::new(connection);
                    state.connection = Some(Arc::clone(&connection));
                    return connection;
                }
                Ok(Err(error)) => {
                    state.silent.remove(&place);
                    warn!(%node, connection = self.name, %error, "can't connect, trying again");
                }
                Err(_elapsed) => {
                    state.silent.insert(place);
                    let timeout = humantime::format_duration(self.settings.connect_timeout);
                    warn!(%node, connection = self.name, %timeout, "no answer, trying again");
                }
            }
            state.next_node = state.next_node.wrapping_add(1);
            backoff.wait().await;
        }
    }

    async fn attempt(&self, node: &Node, ask_first: bool) -> lapin::Result<Connection> {
        if ask_first {
            probe::answers(node.uri()).await?;
        }
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        Connection::connect_uri(node.uri().clone(), properties).await
    }

    /// Closes the connection, if there is one; a peer that does not answer does not hold up the end.
    pub(crate) async fn close(&self) {
        let close = async {
            if let Some(connection) = self.state.lock().await.connection.take() {
                // A connection that is lost already needs no closing.
                let _ = connection.close(200, "stopped".into()).await;
            }
        };
        if tokio::time::timeout(CLOSE_TIME, close).await.is_err() {
            warn!(
                connection = self.name,
                "the broker does not answer to closing"
            );
        }
    }
}
