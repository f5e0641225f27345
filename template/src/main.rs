//! Reads the settings and runs the service until it is told to stop.

use std::process::ExitCode;

use spanconsumer::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    spanconsumer::log_to_stderr(&settings);
    service::service(settings).run().await
}
