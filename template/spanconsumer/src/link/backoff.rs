//! Pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Growing pauses with jitter, so that replicas don't come back all at once.
///
/// Jitter adds up to the pause itself, so that the longest is twice `LONGEST`: short enough to be
/// back at work within two seconds of the broker's return.
pub(crate) struct Backoff(ExponentialBackoff);

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_millis(800);

impl Default for Backoff {
    fn default() -> Self {
        Self(
            ExponentialBuilder::default()
                .with_min_delay(SHORTEST)
                .with_max_delay(LONGEST)
                .with_jitter()
                .without_max_times()
                .build(),
        )
    }
}

impl Backoff {
    /// Waits a little longer than the last time.
    pub(crate) async fn wait(&mut self) {
        let pause = self.0.next().unwrap_or(LONGEST);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_cap_and_never_end() {
        let pauses: Vec<_> = Backoff::default().0.take(1_000).collect();
        assert_eq!(pauses.len(), 1_000);
        assert!(
            pauses[0] < 2 * SHORTEST + Duration::from_millis(1),
            "{:?}",
            pauses[0]
        );
        assert!(pauses.iter().all(|pause| *pause <= 2 * LONGEST));
        assert!(pauses[20..].iter().all(|pause| *pause >= LONGEST));
    }
}
