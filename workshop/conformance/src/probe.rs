//! What processors under test share with their test.

use std::future::{Ready, ready};
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::DEADLINE;

/// A shared state that notes what happens and lets the test decide when it goes on.
#[derive(Clone, Debug)]
pub struct Probe {
    notes: Arc<watch::Sender<Vec<String>>>,
    in_work: Arc<watch::Sender<InWork>>,
    gate: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InWork {
    now: usize,
    most: usize,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            notes: Arc::new(watch::Sender::default()),
            in_work: Arc::new(watch::Sender::default()),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Probe {
    /// Returns what opens this state for a service.
    pub fn opener(&self) -> impl Fn() -> Ready<anyhow::Result<Self>> + Send + Sync + use<> {
        let probe = self.clone();
        move || ready(Ok(probe.clone()))
    }

    /// Notes that something happened.
    pub fn note(&self, what: impl Into<String>) {
        self.notes.send_modify(|notes| notes.push(what.into()));
    }

    /// Returns what was noted, in order.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Waits until so many notes are there, and returns them.
    ///
    /// # Panics
    ///
    /// When they are not there in time.
    pub async fn noted(&self, count: usize) -> Vec<String> {
        let mut notes = self.notes.subscribe();
        let reached = notes.wait_for(|notes| notes.len() >= count);
        match timeout(DEADLINE, reached).await {
            Ok(notes) => notes.expect("the sender is alive").clone(),
            Err(elapsed) => panic!("no {count} notes ({elapsed}), only {:?}", self.notes()),
        }
    }

    /// Lets so many messages through the gate.
    pub fn open_gate(&self, messages: usize) {
        self.gate.add_permits(messages);
    }

    /// Holds a message until the test lets it through, and counts it as in work meanwhile.
    ///
    /// # Panics
    ///
    /// Never: the gate is not closed.
    pub async fn pass_gate(&self) {
        let counted = Counted::new(self);
        self.gate
            .acquire()
            .await
            .expect("the gate is not closed")
            .forget();
        drop(counted);
    }

    /// Waits until so many messages are in front of the gate at once.
    ///
    /// # Panics
    ///
    /// When they are not there in time.
    pub async fn in_work(&self, count: usize) {
        let mut in_work = self.in_work.subscribe();
        let reached = in_work.wait_for(|in_work| in_work.now >= count);
        match timeout(DEADLINE, reached).await {
            Ok(reached) => drop(reached.expect("the sender is alive")),
            Err(elapsed) => panic!("{count} messages were not in work at once ({elapsed})"),
        }
    }

    /// Returns how many messages were in front of the gate at once, at the most.
    #[must_use]
    pub fn most_in_work(&self) -> usize {
        self.in_work.borrow().most
    }
}

/// A message in front of the gate, until it is dropped, also with its task.
struct Counted<'a>(&'a Probe);

impl<'a> Counted<'a> {
    fn new(probe: &'a Probe) -> Self {
        probe.in_work.send_modify(|in_work| {
            in_work.now += 1;
            in_work.most = in_work.most.max(in_work.now);
        });
        Self(probe)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.in_work.send_modify(|in_work| in_work.now -= 1);
    }
}
