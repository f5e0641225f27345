//! What all processors share, and what is done at the start, at the end, and on errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spanconsumer::Failure;
use tracing::info;

/// The shared state: database pools, clients of other services, caches.
#[derive(Debug)]
pub struct App {
    /// Numbers receipts; something that lasts, such as a database, would go here.
    receipts: AtomicU64,
}

impl App {
    /// Opens the shared state, after the connection is there and before the first message; an error
    /// aborts the start.
    pub async fn open() -> anyhow::Result<App> {
        Ok(App {
            receipts: AtomicU64::new(0),
        })
    }

    /// Returns the number of the next receipt.
    pub fn next_receipt(&self) -> u64 {
        self.receipts.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Runs before the first message; an error aborts the start.
pub async fn announce(_app: Arc<App>) -> anyhow::Result<()> {
    info!("ready for orders");
    Ok(())
}

/// Runs after the last message is settled.
pub async fn close(app: Arc<App>) -> anyhow::Result<()> {
    info!(receipts = app.receipts.load(Ordering::Relaxed), "closing");
    Ok(())
}

/// Sees every message that could not be processed, which is logged already; alert somebody here.
pub async fn report(failure: Arc<Failure>, _app: Arc<App>) -> anyhow::Result<()> {
    info!(kind = %failure.kind, queue = failure.message.queue(), "somebody should have a look");
    Ok(())
}
