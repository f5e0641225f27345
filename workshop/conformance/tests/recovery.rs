//! Consuming resumes by itself, whatever ended it.
//!
//! The runtimes have several threads: a proxy has to go on while a client is dropped.

use std::sync::Arc;
use std::time::Duration;

use conformance::{Mode, Probe, Proxy, bare_channel, eventually};
use lapin::options::QueueDeleteOptions;
use spanconsumer::testing::TestClient;
use spanconsumer::{
    Incoming, Outgoing, ProcessingOptions, Processor, Settings, SpanConsumer, Stopped, Verdict,
};

/// Notes the message, holds it until the test lets it through, and passes it on.
async fn relay(incoming: Incoming<u32>, probe: Arc<Probe>) -> anyhow::Result<Outgoing<u32>> {
    let again = if incoming.redelivered() { " again" } else { "" };
    probe.note(format!("{}{again}", incoming.body));
    probe.pass_gate().await;
    Ok(Outgoing::new(incoming.body))
}

fn relays(probe: &Probe) -> impl FnOnce(Settings) -> SpanConsumer<Probe> + use<> {
    let open = probe.opener();
    move |settings| {
        SpanConsumer::new("relay", settings, open).processor(
            Processor::transform("numbers", "relayed", relay)
                .processing(ProcessingOptions::default().prefetch(2)),
        )
    }
}

/// Sends a service to the broker by way of the proxies.
fn by_way_of<'a>(proxies: &'a [&Proxy]) -> impl FnOnce(&mut Settings) + 'a {
    move |settings| {
        let urls = proxies.iter().map(|proxy| proxy.url()).collect::<Vec<_>>();
        settings.nodes = Settings::new(&urls.join(","))
            .expect("the URLs are AMQP URLs")
            .nodes;
        settings.connect_timeout = Duration::from_millis(500);
    }
}

/// Cuts the connection until all messages are back in their queue.
async fn outage(proxy: &Proxy, client: &TestClient, messages: u32) {
    proxy.cut(Mode::Refuse);
    eventually("all are back", async || {
        client.depth("numbers").await == messages
    })
    .await;
    proxy.cut(Mode::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_comes_back() {
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let client = TestClient::start_with(by_way_of(&[&proxy]), relays(&probe)).await;
    probe.open_gate(10);
    assert_eq!(client.put("numbers", &1).await, Verdict::Processed);

    proxy.cut(Mode::Pass);

    assert_eq!(client.put("numbers", &2).await, Verdict::Processed);
    // The second may have been on its way into the lost connection, too; the first was settled.
    let ones = probe
        .notes()
        .iter()
        .filter(|note| note.starts_with('1'))
        .count();
    assert_eq!(ones, 1);
    assert_eq!(client.pull::<u32>("relayed").await.body, 1);
    assert_eq!(client.pull::<u32>("relayed").await.body, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_waited_for() {
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let client = TestClient::start_with(by_way_of(&[&proxy]), relays(&probe)).await;
    probe.open_gate(1);

    proxy.cut(Mode::Refuse);
    client.publish("numbers", &1).await;
    // Two were the service's connections, the others are attempts in vain.
    proxy.accepted(7).await;
    assert_eq!(client.depth("numbers").await, 1, "nobody consumes");
    proxy.cut(Mode::Pass);

    assert_eq!(client.pull::<u32>("relayed").await.body, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_work_when_the_connection_is_lost_is_processed_again_and_relayed_once() {
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let client = TestClient::start_with(by_way_of(&[&proxy]), relays(&probe)).await;
    client.publish("numbers", &1).await;
    client.publish("numbers", &2).await;
    probe.in_work(2).await;

    client.publish("numbers", &3).await;
    outage(&proxy, &client, 3).await;
    // Three wait for the new consumer, and two is all that it may have.
    eventually("two are taken", async || client.depth("numbers").await == 1).await;
    assert_eq!(
        probe.notes().len(),
        2,
        "the first two are in work still, and two is the most"
    );
    // Five passages: two for what was in work and is of no use any more, three for the others.
    probe.open_gate(5);
    let notes = probe.noted(5).await;
    probe.open_gate(1);
    assert_eq!(client.put("numbers", &4).await, Verdict::Processed);

    let mut first: Vec<_> = notes[..2].to_vec();
    first.sort();
    let mut then: Vec<_> = notes[2..4].to_vec();
    then.sort();
    assert_eq!(
        (first, then),
        (
            vec!["1".to_owned(), "2".to_owned()],
            vec!["1 again".to_owned(), "2 again".to_owned()],
        )
    );
    assert_eq!(probe.most_in_work(), 2);
    assert_eq!(notes[4], "3");
    assert_eq!(client.depth("relayed").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finishes_for_a_lost_channel_acknowledges_nothing_on_the_next() {
    async fn hold(incoming: Incoming<u32>, probe: Arc<Probe>) -> anyhow::Result<()> {
        probe.note(incoming.body.to_string());
        probe.pass_gate().await;
        Ok(())
    }
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let open = probe.opener();
    let mut client = TestClient::start_with(
        |settings| {
            by_way_of(&[&proxy])(settings);
            settings.drain_deadline = Duration::from_millis(100);
        },
        |settings| {
            let options = ProcessingOptions::default().prefetch(2);
            SpanConsumer::new("holder", settings, open)
                .processor(Processor::consume("numbers", hold).processing(options))
        },
    )
    .await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    outage(&proxy, &client, 1).await;
    // It is in work twice now, and bears the same number on the old channel and on the new one.
    probe.in_work(2).await;
    // The first in front of the gate is the old one.
    probe.open_gate(1);

    assert_eq!(client.stop().await, Stopped::GaveBack);
    eventually("it is not lost", async || {
        client.depth("numbers").await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_node_is_tried_when_one_says_nothing() {
    let silent = Proxy::start(Mode::Silent).await;
    let refusing = Proxy::start(Mode::Refuse).await;
    let good = Proxy::start(Mode::Pass).await;
    let probe = Probe::default();
    probe.open_gate(1);

    let nodes = [&silent, &refusing, &good];
    let client = TestClient::start_with(by_way_of(&nodes), relays(&probe)).await;

    assert_eq!(client.put("numbers", &1).await, Verdict::Processed);
    silent.accepted(1).await;
    refusing.accepted(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_declared_again_and_consumed() {
    let probe = Probe::default();
    let client = TestClient::start(relays(&probe)).await;
    let (_connection, channel) = bare_channel().await;
    probe.open_gate(2);
    assert_eq!(client.put("numbers", &1).await, Verdict::Processed);

    let queue = client.queue_name("numbers");
    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    client.declared("numbers").await;

    assert_eq!(client.put("numbers", &2).await, Verdict::Processed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_output_queue_is_declared_again_and_no_result_is_lost() {
    let probe = Probe::default();
    let client = TestClient::start(relays(&probe)).await;
    let (_connection, channel) = bare_channel().await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    let queue = client.queue_name("relayed");
    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    probe.open_gate(2);

    assert_eq!(client.put("numbers", &2).await, Verdict::Processed);
    client.declared("relayed").await;
    let mut relayed = [0; 2];
    for number in &mut relayed {
        *number = client.pull::<u32>("relayed").await.body;
    }
    relayed.sort_unstable();
    assert_eq!(relayed, [1, 2]);
}
