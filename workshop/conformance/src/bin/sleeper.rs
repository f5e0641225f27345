//! A service whose one processor takes as long as the message says, to be stopped from outside.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use spanconsumer::{Incoming, Processor, QueueOptions, Settings, SpanConsumer};

async fn sleep(incoming: Incoming<u64>, _: Arc<()>) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(incoming.body)).await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse("sleeper", "1.2.3");
    spanconsumer::log_to_stderr(&settings);
    SpanConsumer::new("sleeper", settings, async || Ok(()))
        .processor(Processor::consume("naps", sleep).queue(QueueOptions::classic()))
        .run()
        .await
}
