//! Messages on their way through a processor.

use std::sync::Arc;

use conformance::{Probe, bare_channel};
use lapin::options::BasicGetOptions;
use spanconsumer::testing::TestClient;
use spanconsumer::{
    Incoming, Outgoing, ProcessingOptions, Processor, QueueOptions, Settings, SpanConsumer, Verdict,
};

async fn double(incoming: Incoming<i64>, _: Arc<()>) -> anyhow::Result<Outgoing<i64>> {
    Ok(Outgoing::new(2 * incoming.body)
        .correlation_id("c-1")
        .message_id("m-1")
        .header("tenant", "acme")
        .header("attempt", 3_i64))
}

fn doubler(settings: Settings) -> SpanConsumer<()> {
    SpanConsumer::new("doubler", settings, async || Ok(()))
        .processor(Processor::transform("numbers", "doubles", double))
}

/// Notes the body of each message, and holds it until the test lets it through.
async fn hold(incoming: Incoming<u32>, probe: Arc<Probe>) -> anyhow::Result<()> {
    probe.note(incoming.body.to_string());
    probe.pass_gate().await;
    Ok(())
}

fn holder(
    probe: &Probe,
    options: ProcessingOptions,
) -> impl FnOnce(Settings) -> SpanConsumer<Probe> + use<> {
    let open = probe.opener();
    move |settings| {
        SpanConsumer::new("holder", settings, open)
            .processor(Processor::consume("numbers", hold).processing(options))
    }
}

#[tokio::test]
async fn a_result_carries_its_headers_and_properties() {
    let client = TestClient::start(doubler).await;
    assert_eq!(client.put("numbers", &21).await, Verdict::Processed);

    let double = client.pull::<i64>("doubles").await;

    assert_eq!(double.body, 42);
    assert_eq!(double.content_type(), Some("application/json"));
    assert_eq!(double.correlation_id(), Some("c-1"));
    assert_eq!(double.message_id(), Some("m-1"));
    assert_eq!(double.headers().text("tenant"), Some("acme"));
    assert_eq!(double.headers().int("attempt"), Some(3));
    assert_eq!(double.exchange(), "");
    assert_eq!(double.routing_key(), client.queue_name("doubles"));
    assert!(!double.redelivered());
}

#[tokio::test]
async fn a_result_is_persistent() {
    let client = TestClient::start(doubler).await;
    client.put("numbers", &1).await;

    let (_connection, channel) = bare_channel().await;
    let queue = client.queue_name("doubles").into();
    let result = channel
        .basic_get(queue, BasicGetOptions { no_ack: true })
        .await
        .unwrap();

    let result = result.expect("the result was confirmed before the message was settled");
    assert_eq!(*result.delivery.properties.delivery_mode(), Some(2));
}

#[tokio::test]
async fn what_a_message_offers_is_what_was_put() {
    async fn look(incoming: Incoming<String>, probe: Arc<Probe>) -> anyhow::Result<()> {
        probe.note(&incoming.body);
        probe.note(str::from_utf8(incoming.raw())?);
        probe.note(incoming.headers().text("tenant").unwrap_or("none"));
        probe.note(incoming.correlation_id().unwrap_or("none"));
        probe.note(incoming.content_type().unwrap_or("none"));
        probe.note(incoming.routing_key());
        probe.note(incoming.queue());
        Ok(())
    }
    let probe = Probe::default();
    let open = probe.opener();
    let client = TestClient::start(|settings| {
        SpanConsumer::new("looker", settings, open).processor(Processor::consume("letters", look))
    })
    .await;
    let letter = Outgoing::new("dear")
        .header("tenant", "acme")
        .correlation_id("c-2");

    assert_eq!(
        client.put_outgoing("letters", letter).await,
        Verdict::Processed
    );

    let queue = client.queue_name("letters");
    let expected = [
        "dear",
        "\"dear\"",
        "acme",
        "c-2",
        "application/json",
        &queue,
        &queue,
    ];
    assert_eq!(probe.notes(), expected);
}

#[tokio::test]
async fn as_many_results_go_out_as_the_processor_returns() {
    async fn perhaps(n: Incoming<u32>, _: Arc<()>) -> anyhow::Result<Option<Outgoing<u32>>> {
        Ok(n.body.is_multiple_of(2).then(|| Outgoing::new(n.body)))
    }
    async fn several(n: Incoming<u32>, _: Arc<()>) -> anyhow::Result<Vec<Outgoing<u32>>> {
        Ok((0..n.body).map(Outgoing::new).collect())
    }
    let client = TestClient::start(|settings| {
        SpanConsumer::new("filter", settings, async || Ok(()))
            .processor(Processor::transform("all", "even", perhaps))
            .processor(Processor::transform("counts", "numbers", several))
    })
    .await;

    for number in [1, 2, 3] {
        assert_eq!(client.put("all", &number).await, Verdict::Processed);
    }
    assert_eq!(client.put("counts", &3).await, Verdict::Processed);

    assert_eq!(client.depth("even").await, 1);
    assert_eq!(client.pull::<u32>("even").await.body, 2);
    assert_eq!(client.depth("numbers").await, 3);
    for number in [0, 1, 2] {
        assert_eq!(client.pull::<u32>("numbers").await.body, number);
    }
}

#[tokio::test]
async fn messages_are_processed_concurrently_up_to_the_prefetch_and_no_more() {
    let probe = Probe::default();
    let options = ProcessingOptions::default().prefetch(5);
    let client = TestClient::start(holder(&probe, options)).await;
    for number in 0..8 {
        client.publish("numbers", &number).await;
    }

    probe.in_work(5).await;
    // All that the broker hands out is in work: the others wait in the queue.
    assert_eq!(client.depth("numbers").await, 3);
    probe.open_gate(8);
    probe.noted(8).await;

    assert_eq!(probe.most_in_work(), 5);
}

#[tokio::test]
async fn concurrency_bounds_what_is_in_work_below_the_prefetch() {
    let probe = Probe::default();
    let options = ProcessingOptions::default().prefetch(20).concurrency(2);
    let client = TestClient::start(holder(&probe, options)).await;
    for number in 0..6 {
        client.publish("numbers", &number).await;
    }

    for done in 1..=6 {
        probe.in_work(2.min(7 - done)).await;
        probe.open_gate(1);
        probe.noted((done + 2).min(6)).await;
    }

    assert_eq!(probe.most_in_work(), 2);
}

#[tokio::test]
async fn one_at_a_time_keeps_the_order_of_the_queue() {
    let probe = Probe::default();
    let options = ProcessingOptions::default().one_at_a_time();
    let client = TestClient::start(holder(&probe, options)).await;
    for number in 0..20 {
        client.publish("numbers", &number).await;
    }

    probe.open_gate(20);
    let notes = probe.noted(20).await;

    assert_eq!(notes, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(probe.most_in_work(), 1);
}

#[tokio::test]
async fn a_slow_message_does_not_hold_up_those_behind_it() {
    async fn hold_zero(incoming: Incoming<u32>, probe: Arc<Probe>) -> anyhow::Result<()> {
        if incoming.body == 0 {
            probe.pass_gate().await;
        }
        Ok(())
    }
    let probe = Probe::default();
    let open = probe.opener();
    let client = TestClient::start(|settings| {
        let options = ProcessingOptions::default().prefetch(4);
        SpanConsumer::new("holder", settings, open)
            .processor(Processor::consume("numbers", hold_zero).processing(options))
    })
    .await;

    client.publish("numbers", &0).await;
    probe.in_work(1).await;
    // Ten times the prefetch window goes past the message that is still in work.
    for number in 1..=40 {
        assert_eq!(client.put("numbers", &number).await, Verdict::Processed);
    }
    probe.open_gate(1);

    assert_eq!(client.put("numbers", &41).await, Verdict::Processed);
}

#[tokio::test]
async fn the_setting_for_the_prefetch_wins_over_the_code() {
    let probe = Probe::default();
    let options = ProcessingOptions::default().prefetch(5);
    let client = TestClient::start_with(
        |settings| settings.prefetch = Some(2),
        holder(&probe, options),
    )
    .await;
    for number in 0..4 {
        client.publish("numbers", &number).await;
    }

    probe.in_work(2).await;
    assert_eq!(client.depth("numbers").await, 2);
    probe.open_gate(4);
    probe.noted(4).await;

    assert_eq!(probe.most_in_work(), 2);
}

#[tokio::test]
async fn classic_queues_work_too() {
    let client = TestClient::start(|settings| {
        let processor = Processor::transform("numbers", "doubles", double)
            .queue(QueueOptions::classic())
            .output_queue(QueueOptions::classic());
        SpanConsumer::new("doubler", settings, async || Ok(())).processor(processor)
    })
    .await;

    assert_eq!(client.put("numbers", &4).await, Verdict::Processed);
    assert_eq!(client.pull::<i64>("doubles").await.body, 8);
    assert_eq!(
        client.put_raw("numbers", b"four", None).await,
        Verdict::DeadLettered
    );
    assert_eq!(client.dead_letter("numbers").await.raw(), b"four");
}
