//! Telling a test client what becomes of messages.

use tokio::sync::mpsc;

use crate::verdict::Verdict;

/// What a test client hears of a service.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "only a test client reads it")
)]
pub(crate) enum Event {
    /// Every queue has its consumer.
    Running,
    /// A message is settled, and the broker has been told.
    Settled(Settled),
}

/// A message that is settled.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "only a test client reads it")
)]
pub(crate) struct Settled {
    pub(crate) message_id: String,
    pub(crate) verdict: Verdict,
}

/// Where events are told to; nowhere unless a test client listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer(Option<mpsc::UnboundedSender<Event>>);

impl Observer {
    #[cfg(feature = "testing")]
    pub(crate) fn new(listener: mpsc::UnboundedSender<Event>) -> Self {
        Self(Some(listener))
    }

    /// Tells whether anybody wants to hear.
    pub(crate) fn listens(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn running(&self) {
        self.tell(Event::Running);
    }

    pub(crate) fn settled(&self, settled: Settled) {
        self.tell(Event::Settled(settled));
    }

    fn tell(&self, event: Event) {
        if let Some(listener) = &self.0 {
            // A client that is gone no longer waits.
            let _ = listener.send(event);
        }
    }
}
