//! The service: every queue beside the processor that consumes it.

pub mod app;
pub mod processors;
pub mod queues;

use std::time::Duration;

use spanconsumer::{ProcessingOptions, Processor, Settings, SpanConsumer};

use crate::app::App;
use crate::queues::{IN_QUEUE, OUT_QUEUE};

/// Builds the service; `main` and the tests run what is built here.
pub fn service(settings: Settings) -> SpanConsumer<App> {
    SpanConsumer::new(env!("CARGO_PKG_NAME"), settings, App::open)
        .on_startup(app::announce)
        .on_shutdown(app::close)
        .on_error(app::report)
        .processor(
            Processor::transform(IN_QUEUE, OUT_QUEUE, processors::process_message).processing(
                ProcessingOptions::default()
                    .prefetch(20)
                    .timeout(Duration::from_secs(30)),
            ),
        )
}
