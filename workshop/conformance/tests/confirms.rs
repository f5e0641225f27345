//! A message is acknowledged for its own result's confirm and for no other's.

use std::sync::Arc;

use conformance::{Probe, bare_channel, eventually};
use lapin::options::QueueDeleteOptions;
use spanconsumer::testing::TestClient;
use spanconsumer::{
    HeaderValue, Incoming, Outgoing, ProcessingOptions, Processor, QueueOptions, Settings,
    SpanConsumer, Verdict,
};
use tokio::task::JoinSet;

async fn pass(incoming: Incoming<u32>, _: Arc<()>) -> anyhow::Result<Outgoing<u32>> {
    Ok(Outgoing::new(incoming.body))
}

/// Many results at once to a queue that takes all, and to one that takes ten.
fn relays(settings: Settings) -> SpanConsumer<()> {
    let options = ProcessingOptions::default().prefetch(100);
    let small = QueueOptions::quorum().argument("x-max-length", TAKEN);
    SpanConsumer::new("relay", settings, async || Ok(()))
        .processor(Processor::transform("to_roomy", "roomy", pass).processing(options.clone()))
        .processor(
            Processor::transform("to_small", "small", pass)
                .output_queue(small)
                .processing(options),
        )
}

const TAKEN: i64 = 10;
const MESSAGES: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_result_is_not_taken_for_a_confirmed_one() {
    let mut client = TestClient::start(relays).await;
    for number in 0..50 {
        client.publish("to_small", &number).await;
    }
    for number in 0..MESSAGES {
        client.publish("to_roomy", &number).await;
    }
    eventually("all that can go through has", async || {
        client.depth("roomy").await >= MESSAGES
    })
    .await;

    client.stop().await;

    // What was not stored is still where it came from. (Quorum queues take a few more than their
    // limit: it is checked when a message has been stored.)
    let stored = client.depth("small").await;
    eventually("the others are back in their queue", async || {
        client.depth("to_small").await + client.depth("small").await >= 50
    })
    .await;
    assert!(
        stored < 50,
        "the queue takes all, so that this shows nothing"
    );
    assert_eq!(client.depth("to_roomy").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unroutable_result_is_not_taken_for_a_confirmed_one() {
    let client = Arc::new(TestClient::start(relays).await);
    let (_connection, channel) = bare_channel().await;
    let small = client.queue_name("small");

    // Its output is deleted over and over while the other results go out on the same connection.
    let mut puts = JoinSet::new();
    for number in 0..MESSAGES {
        let client = Arc::clone(&client);
        puts.spawn(async move { client.put("to_roomy", &number).await });
    }
    for number in 0..5 {
        let options = QueueDeleteOptions::default();
        channel
            .queue_delete(small.as_str().into(), options)
            .await
            .unwrap();
        assert_eq!(client.put("to_small", &number).await, Verdict::Processed);
        assert_eq!(client.pull::<u32>("small").await.body, number);
    }
    while let Some(verdict) = puts.join_next().await {
        assert_eq!(verdict.unwrap(), Verdict::Processed);
    }

    // Each of them once: none was lost, none taken for returned and published again.
    let mut relayed = Vec::new();
    for _ in 0..MESSAGES {
        relayed.push(client.pull::<u32>("roomy").await.body);
    }
    relayed.sort_unstable();
    assert_eq!(relayed, (0..MESSAGES).collect::<Vec<_>>());
    assert_eq!(client.depth("roomy").await, 0);
}

#[tokio::test]
async fn a_result_whose_headers_no_frame_holds_is_the_messages_failure_and_nobody_elses() {
    async fn inflate(size: Incoming<usize>, _: Arc<Probe>) -> anyhow::Result<Outgoing<()>> {
        Ok(Outgoing::new(()).header("ballast", "x".repeat(size.body)))
    }
    let open = Probe::default().opener();
    let client = TestClient::start(|settings| {
        SpanConsumer::new("inflater", settings, open)
            .processor(Processor::transform("sizes", "balloons", inflate))
    })
    .await;

    assert_eq!(client.put("sizes", &200_000).await, Verdict::DeadLettered);
    assert_eq!(client.put("sizes", &100_000).await, Verdict::Processed);

    let dead = client.dead_letter("sizes").await;
    assert_eq!(dead.headers().text("x-failure-kind"), Some("unpublishable"));
    let causes = dead.headers().get("x-failure-causes");
    let Some(HeaderValue::List(causes)) = causes else {
        panic!("{causes:?}")
    };
    assert!(
        format!("{causes:?}").contains("larger than a frame"),
        "{causes:?}"
    );
    let balloon = client.pull::<()>("balloons").await;
    assert_eq!(
        balloon.headers().text("ballast").map(str::len),
        Some(100_000)
    );
}
