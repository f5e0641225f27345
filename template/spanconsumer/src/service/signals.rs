//! SIGTERM and SIGINT.

use std::io;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Listens from now on; the first token fires at the first signal, the second at the next.
///
/// # Errors
///
/// When the system lets no handler be set.
pub(super) fn listen() -> io::Result<(CancellationToken, CancellationToken)> {
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let tokens = (first.clone(), second.clone());
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        let signal = signals.next().await;
        info!(signal, "stop signal");
        first.cancel();
        let signal = signals.next().await;
        warn!(
            signal,
            "second stop signal, not waiting for what is in work"
        );
        second.cancel();
    });
    Ok(tokens)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // An error means that there is no console to press Ctrl-C in.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
