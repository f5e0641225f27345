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
/// supervisor says better, so lapin is silent unless it is asked for.
fn targets(filter: &str) -> Targets {
    let targets: Targets = filter.parse().unwrap_or_default();
    let lapin_named = targets
        .iter()
        .any(|(target, _)| target.starts_with("lapin"));
    if lapin_named {
        targets
    } else {
        targets.with_target("lapin", LevelFilter::OFF)
    }
}
