//! Renders a service, builds it, and shows it at work on a broker.

mod exchange;
mod service;

use std::process::ExitCode;

use anyhow::Context;
use spanconsumer::testing::Broker;

use crate::exchange::Exchange;
use crate::service::Running;

/// What is put into the input queue, and what it is.
const MESSAGES: [(&str, &str); 5] = [
    (
        "two pens",
        r#"{"id":"A-1","items":[{"name":"pen","quantity":2,"price":150}]}"#,
    ),
    (
        "a desk and four lamps",
        r#"{"id":"A-2","items":[{"name":"desk","quantity":1,"price":24900},{"name":"lamp","quantity":4,"price":1999}]}"#,
    ),
    ("an empty order", r#"{"id":"A-3","items":[]}"#),
    (
        "a body cut off half way",
        r#"{"id":"A-4","items":[{"name":"chai"#,
    ),
    (
        "one chair",
        r#"{"id":"A-5","items":[{"name":"chair","quantity":1,"price":7900}]}"#,
    ),
];

/// Of them, those that a receipt is issued for; the others are dead-lettered.
const RECEIPTS: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let shown = tokio::select! {
        shown = show() => shown,
        // Dropping what runs stops the service and the broker.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show() -> anyhow::Result<()> {
    step("Rendering a service named `orders` from the template ...");
    let folder = service::render().await.context("render the service")?;
    println!("    {}", folder.display());

    step("Building it (the first time this takes a minute or two) ...");
    let program = service::build(&folder).await.context("build the service")?;

    step("Getting a RabbitMQ broker (about ten seconds; `AMQP_URL` would name one) ...");
    let broker = tokio::task::spawn_blocking(Broker::start).await??;
    println!("    {}", broker.origin());

    let exchange = Exchange::open(broker.url()).await?;
    let demonstrated = demonstrate(&program, broker.url(), &exchange).await;
    // Also when something failed: the broker may be one that stays.
    exchange.delete_queues().await?;
    demonstrated?;

    step("Removing what was started ...");
    tokio::task::spawn_blocking(move || drop(broker)).await?;
    step("Done. `make new n=orders` makes such a service for you.");
    Ok(())
}

async fn demonstrate(
    program: &std::path::Path,
    url: &str,
    exchange: &Exchange,
) -> anyhow::Result<()> {
    step("Starting the service ...");
    let mut running = Running::start(program, url, exchange.prefix()).await?;

    step("Putting messages into `in_queue`:");
    for (what, body) in MESSAGES {
        exchange
            .publish(body)
            .await
            .with_context(|| format!("publish {what}"))?;
        println!("    {what:<24} {body}");
    }

    step("What came out, in `out_queue`:");
    for _ in 0..RECEIPTS {
        let receipt = exchange.take("out_queue").await?;
        println!("    {}", String::from_utf8_lossy(&receipt.data));
    }

    step("Where the others went, `in_queue.dead`, and why:");
    for _ in RECEIPTS..MESSAGES.len() {
        let dead = exchange.take("in_queue.dead").await?;
        let header = |name| exchange::header(&dead, name);
        println!("    {}", String::from_utf8_lossy(&dead.data));
        println!(
            "      {}: {}",
            header("x-failure-kind"),
            header("x-failure-error")
        );
        for cause in exchange::causes(&dead) {
            println!("      because: {cause}");
        }
    }

    step("Stopping the service with SIGTERM ...");
    let code = running.stop().await?;
    anyhow::ensure!(
        code == Some(0),
        "the service should have exited with 0, not {code:?}"
    );
    println!("    it exited with 0");
    Ok(())
}

fn step(what: &str) {
    println!("\n==> {what}");
}
