//! What became of the messages that a test put.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::verdict::Verdict;

/// The verdicts of messages by their ids, as they become known.
#[derive(Default)]
pub(super) struct SettledMessages {
    verdicts: Mutex<HashMap<String, Verdict>>,
    changed: Notify,
}

impl SettledMessages {
    pub(super) fn settle(&self, message_id: String, verdict: Verdict) {
        lock(&self.verdicts).insert(message_id, verdict);
        self.changed.notify_waiters();
    }

    /// Waits for a message's verdict.
    pub(super) async fn verdict(&self, message_id: &str) -> Verdict {
        loop {
            let changed = self.changed.notified();
            if let Some(verdict) = lock(&self.verdicts).remove(message_id) {
                return verdict;
            }
            changed.await;
        }
    }
}

/// A test that panicked while it held the lock has left nothing half done inside.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
