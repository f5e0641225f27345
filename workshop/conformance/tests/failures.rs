//! Messages that can't be processed, and what is left of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use conformance::{Probe, bare_channel, eventually};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, BasicRejectOptions};
use lapin::types::{AMQPValue, FieldTable};
use spanconsumer::testing::TestClient;
use spanconsumer::{
    Failure, HeaderValue, Incoming, Message, Outgoing, ProcessingOptions, Processor, Settings,
    SpanConsumer, Verdict,
};

/// Does what the message says.
async fn obey(incoming: Incoming<String>, _: Arc<Probe>) -> anyhow::Result<()> {
    match incoming.body.as_str() {
        "fail" => Err(anyhow::anyhow!("no paper"))
            .context("print the page")
            .context("issue the receipt"),
        "ramble" => Err((0..6).fold(anyhow::anyhow!("no paper"), |error, _| {
            error.context("and another thing ".repeat(120))
        })),
        "panic" => panic!("out of ink"),
        "hang" => std::future::pending().await,
        _ => Ok(()),
    }
}

async fn note(failure: Arc<Failure>, probe: Arc<Probe>) -> anyhow::Result<()> {
    probe.note(format!("{}: {:#}", failure.kind, failure.error));
    Ok(())
}

fn obedient(probe: &Probe) -> impl FnOnce(Settings) -> SpanConsumer<Probe> + use<> {
    let open = probe.opener();
    move |settings| {
        let options = ProcessingOptions::default().timeout(Duration::from_millis(200));
        SpanConsumer::new("obedient", settings, open)
            .on_error(note)
            .processor(Processor::consume("orders", obey).processing(options))
    }
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    message
        .headers()
        .text(name)
        .unwrap_or_else(|| panic!("no header {name}"))
}

#[tokio::test]
async fn an_error_is_dead_lettered_with_its_causes() {
    let probe = Probe::default();
    let client = TestClient::start(obedient(&probe)).await;
    let order = Outgoing::new("fail")
        .header("tenant", "acme")
        .correlation_id("c-1");

    assert_eq!(
        client.put_outgoing("orders", order).await,
        Verdict::DeadLettered
    );

    let dead = client.dead_letter("orders").await;
    assert_eq!(dead.raw(), b"\"fail\"");
    assert_eq!(dead.correlation_id(), Some("c-1"));
    assert_eq!(header(&dead, "tenant"), "acme");
    assert_eq!(header(&dead, "x-failure-kind"), "failed");
    assert_eq!(header(&dead, "x-failure-error"), "issue the receipt");
    let causes = ["print the page", "no paper"]
        .map(HeaderValue::from)
        .to_vec();
    assert_eq!(
        dead.headers().get("x-failure-causes"),
        Some(&HeaderValue::List(causes))
    );
    assert!(header(&dead, "x-failure-processor").ends_with("::obey"));
    assert_eq!(header(&dead, "x-failure-service"), "obedient");
    assert_eq!(
        header(&dead, "x-failure-queue"),
        client.queue_name("orders")
    );
    assert_eq!(
        header(&dead, "x-failure-routing-key"),
        client.queue_name("orders")
    );
    assert!(matches!(
        dead.headers().get("x-failure-time"),
        Some(HeaderValue::Timestamp(seconds)) if *seconds > 1_700_000_000
    ));
    assert_eq!(
        probe.notes(),
        ["failed: issue the receipt: print the page: no paper"]
    );
}

#[tokio::test]
async fn a_panic_is_dead_lettered_and_the_service_goes_on() {
    let probe = Probe::default();
    let client = TestClient::start(obedient(&probe)).await;

    assert_eq!(client.put("orders", "panic").await, Verdict::DeadLettered);
    assert_eq!(client.put("orders", "work").await, Verdict::Processed);

    let dead = client.dead_letter("orders").await;
    assert_eq!(header(&dead, "x-failure-kind"), "panicked");
    assert_eq!(header(&dead, "x-failure-error"), "out of ink");
    assert_eq!(probe.notes(), ["panicked: out of ink"]);
}

#[tokio::test]
async fn what_takes_too_long_is_dead_lettered() {
    let client = TestClient::start(obedient(&Probe::default())).await;

    assert_eq!(client.put("orders", "hang").await, Verdict::DeadLettered);

    let dead = client.dead_letter("orders").await;
    assert_eq!(header(&dead, "x-failure-kind"), "timed-out");
    assert_eq!(
        header(&dead, "x-failure-error"),
        "not finished within 200ms"
    );
}

#[tokio::test]
async fn an_undecodable_body_is_dead_lettered_unseen_by_the_processor() {
    let probe = Probe::default();
    let client = TestClient::start(obedient(&probe)).await;
    let deep = vec![b'['; 100_000];
    for (body, content_type, reason) in [
        (&b"\"cut of"[..], None, "EOF while parsing"),
        (b"", None, "EOF while parsing"),
        (b"7", Some("application/json"), "expected a string"),
        (b"\"\xff\"", Some("application/json"), "invalid unicode"),
        (&deep, None, "invalid type: sequence"),
        (
            b"\"text\"",
            Some("application/x-unheard-of"),
            "application/x-unheard-of",
        ),
    ] {
        assert_eq!(
            client.put_raw("orders", body, content_type).await,
            Verdict::DeadLettered
        );

        let dead = client.dead_letter("orders").await;
        assert_eq!(header(&dead, "x-failure-kind"), "undecodable");
        let note = probe.notes().pop().expect("the handler saw it");
        assert!(note.contains(reason), "{note}");
        assert_eq!(dead.raw(), body);
        assert_eq!(dead.content_type(), content_type);
    }
    assert_eq!(
        client.put_raw("orders", b"\"work\"", None).await,
        Verdict::Processed
    );
    assert_eq!(
        client.put_raw("orders", b"\"work\"", Some("JSON")).await,
        Verdict::Processed
    );
}

#[tokio::test]
async fn error_handlers_that_fail_or_panic_keep_no_other_from_the_message() {
    async fn fail(_: Arc<Failure>, _: Arc<Probe>) -> anyhow::Result<()> {
        anyhow::bail!("no signal")
    }
    async fn panic(_: Arc<Failure>, _: Arc<Probe>) -> anyhow::Result<()> {
        panic!("no reception")
    }
    let probe = Probe::default();
    let service = obedient(&probe);
    let client = TestClient::start(|settings| {
        service(settings)
            .on_error(fail)
            .on_error(panic)
            .on_error(note)
    })
    .await;

    assert_eq!(client.put("orders", "panic").await, Verdict::DeadLettered);

    assert_eq!(
        probe.notes(),
        ["panicked: out of ink", "panicked: out of ink"]
    );
    assert_eq!(client.put("orders", "work").await, Verdict::Processed);
}

#[tokio::test]
async fn a_result_that_no_broker_takes_is_the_messages_failure() {
    async fn inflate(size: Incoming<usize>, probe: Arc<Probe>) -> anyhow::Result<Outgoing<String>> {
        probe.note("inflated");
        Ok(Outgoing::new("x".repeat(size.body)))
    }
    /// More than any RabbitMQ takes; 4.x takes 16 MiB by default, older ones 128 MiB.
    const TOO_LARGE: usize = 129 * 1024 * 1024;
    let probe = Probe::default();
    let open = probe.opener();
    let client = TestClient::start(|settings| {
        SpanConsumer::new("inflater", settings, open)
            .on_error(note)
            .processor(Processor::transform("sizes", "balloons", inflate))
    })
    .await;

    assert_eq!(client.put("sizes", &TOO_LARGE).await, Verdict::DeadLettered);

    let dead = client.dead_letter("sizes").await;
    assert_eq!(header(&dead, "x-failure-kind"), "unpublishable");
    assert!(
        probe.notes().last().unwrap().contains("larger than"),
        "{:?}",
        probe.notes()
    );
    assert_eq!(client.put("sizes", &1).await, Verdict::Processed);
    assert_eq!(client.pull::<String>("balloons").await.body, "x");
}

#[tokio::test]
async fn a_copy_neither_expires_nor_goes_where_the_original_was_copied_to() {
    let client = TestClient::start(obedient(&Probe::default())).await;
    let mut headers = FieldTable::default();
    let elsewhere = client.queue_name("orders");
    headers.insert(
        "CC".into(),
        AMQPValue::FieldArray(vec![AMQPValue::LongString(elsewhere.into())].into()),
    );
    let properties = BasicProperties::default()
        .with_expiration("60000".into())
        .with_user_id("guest".into())
        .with_app_id("till".into())
        .with_headers(headers);
    let (_connection, channel) = bare_channel().await;
    let queue = client.queue_name("orders").into();
    channel
        .basic_publish(
            "".into(),
            queue,
            BasicPublishOptions::default(),
            b"no json",
            properties,
        )
        .await
        .unwrap();

    client.declared("orders.dead").await;
    eventually("the copy is there", async || {
        client.depth("orders.dead").await > 0
    })
    .await;
    let peeked = channel
        .basic_get(
            client.queue_name("orders.dead").into(),
            BasicGetOptions::default(),
        )
        .await
        .unwrap()
        .expect("the copy is there");
    let properties = &peeked.delivery.properties;
    assert_eq!(*properties.expiration(), None);
    assert_eq!(*properties.user_id(), None);
    assert_eq!(*properties.app_id(), Some("till".into()));
    assert_eq!(*properties.delivery_mode(), Some(2));
    let requeue = BasicRejectOptions { requeue: true };
    peeked.delivery.acker.reject(requeue).await.unwrap();

    let dead = client.dead_letter("orders").await;

    assert_eq!(header(&dead, "x-failure-expiration"), "60000");
    assert_eq!(header(&dead, "x-failure-user-id"), "guest");
    assert_eq!(dead.headers().get("CC"), None);
    // The service took the one message that was routed twice to it; a copy of the copy would be one
    // message more for ever.
    client.put("orders", "work").await;
    assert_eq!(client.depth("orders.dead").await, 0);
}

const BALLAST: usize = 120_000;

#[tokio::test]
async fn a_message_whose_headers_leave_no_room_is_dead_lettered_by_the_broker() {
    let probe = Probe::default();
    let client = TestClient::start(obedient(&probe)).await;
    // What the processor says of it is cut to 2 KiB each, six times: too much for what is left of
    // 128 KiB.
    let order = Outgoing::new("ramble").header("ballast", "x".repeat(BALLAST));

    assert_eq!(
        client.put_outgoing("orders", order).await,
        Verdict::DeadLettered
    );

    let dead = client.dead_letter("orders").await;
    assert_eq!(dead.raw(), b"\"ramble\"");
    assert_eq!(header(&dead, "ballast").len(), BALLAST);
    assert!(dead.headers().get("x-death").is_some());
    assert_eq!(probe.notes().len(), 1);
}
