//! Where tracing events go: stderr, as text for people or as JSON for machines.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::settings::{LogFormat, Settings};

/// Writes tracing events to stderr as the settings say. Does nothing when a subscriber is set.
pub fn log_to_stderr(settings: &Settings) {
    let text = match settings.log_format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let events = tracing_subscriber::registry().with(targets(&settings.log_level));
    // A subscriber that is there already is the embedding program's own choice.
    let _already_set = if text {
        events
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(stderr().is_terminal())
                    .with_target(false)
                    .with_writer(stderr),
            )
            .try_init()
    } else {
        events
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_span_list(false)
                    .with_writer(stderr),
            )
            .try_init()
    };
}

/// Reads the filter that the settings have checked. What lapin logs of a lost connection, the
/// supervisor says better, so lapin is silent unless it is asked for; and never asked for what it
/// logs of messages and frames, which is bodies and credentials.
fn targets(filter: &str) -> Targets {
    let asked: Targets = filter.parse().unwrap_or_default();
    let mut targets = Targets::new().with_target("lapin", LevelFilter::OFF);
    if let Some(level) = asked.default_level() {
        targets = targets.with_default(level);
    }
    for (target, level) in &asked {
        let most = if target.starts_with("lapin") {
            LevelFilter::DEBUG
        } else {
            LevelFilter::TRACE
        };
        targets = targets.with_target(target, level.min(most));
    }
    targets.with_target("lapin::returned_messages", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::targets;

    #[test]
    fn lapin_is_silent_unless_it_is_asked_for() {
        let targets = targets("trace");
        assert!(targets.would_enable("service", &Level::TRACE));
        assert!(!targets.would_enable("lapin::channel", &Level::ERROR));
    }

    #[test]
    fn lapin_never_logs_bodies_or_credentials() {
        let targets = targets("info,lapin=trace,lapin::returned_messages=trace");
        assert!(targets.would_enable("lapin::channel", &Level::DEBUG));
        assert!(!targets.would_enable("lapin::io_loop", &Level::TRACE));
        assert!(!targets.would_enable("lapin::returned_messages", &Level::ERROR));
        assert!(targets.would_enable("service", &Level::INFO));
        assert!(!targets.would_enable("service", &Level::DEBUG));
    }
}
