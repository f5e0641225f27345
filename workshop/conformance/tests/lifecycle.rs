//! Starting, stopping, and what can go wrong with both.

use std::sync::Arc;
use std::time::Duration;

use conformance::{Mode, Probe, Proxy, bare_channel, eventually};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use spanconsumer::testing::TestClient;
use spanconsumer::{
    Error, Incoming, ProcessingOptions, Processor, Settings, SpanConsumer, Stopped,
};
use tokio::sync::Notify;

async fn work(incoming: Incoming<u32>, probe: Arc<Probe>) -> anyhow::Result<()> {
    probe.note(incoming.body.to_string());
    probe.pass_gate().await;
    probe.note(format!("{} done", incoming.body));
    Ok(())
}

async fn first(probe: Arc<Probe>) -> anyhow::Result<()> {
    probe.note("first task");
    Ok(())
}

async fn second(probe: Arc<Probe>) -> anyhow::Result<()> {
    probe.note("second task");
    Ok(())
}

async fn fails(_: Arc<Probe>) -> anyhow::Result<()> {
    Err(anyhow::anyhow!("connection refused").context("reach the till"))
}

async fn panics(_: Arc<Probe>) -> anyhow::Result<()> {
    panic!("unplugged")
}

fn worker(probe: &Probe) -> impl Fn(Settings) -> SpanConsumer<Probe> + use<> {
    let probe = probe.clone();
    move |settings| {
        SpanConsumer::new("worker", settings, probe.opener())
            .processor(Processor::consume("numbers", work))
    }
}

#[tokio::test]
async fn stopping_finishes_what_is_in_work() {
    let probe = Probe::default();
    let mut client = TestClient::start(worker(&probe)).await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    let (stopped, ()) = tokio::join!(client.stop(), async { probe.open_gate(1) });

    assert_eq!(stopped, Stopped::Finished);
    assert_eq!(probe.notes(), ["1", "1 done"]);
    assert_eq!(client.depth("numbers").await, 0);
}

#[tokio::test]
async fn stopping_gives_back_at_once_what_is_not_begun() {
    let probe = Probe::default();
    let mut client = TestClient::start(worker(&probe)).await;
    client.stop().await;
    for number in 1..=5 {
        client.publish("numbers", &number).await;
    }
    let options = ProcessingOptions::default().one_at_a_time();
    let service = SpanConsumer::new("worker", client.settings(), probe.opener())
        .processor(Processor::consume("numbers", work).processing(options));

    let stop = Notify::new();
    let (stopped, ()) = tokio::join!(service.run_until(stop.notified()), async {
        probe.noted(1).await;
        assert_eq!(
            client.depth("numbers").await,
            0,
            "all five are within the prefetch"
        );
        stop.notify_one();
        // The first is still in work when the others are for anybody to take again.
        eventually("four are back", async || client.depth("numbers").await == 4).await;
        probe.open_gate(1);
    });

    assert_eq!(stopped.unwrap(), Stopped::Finished);
    assert_eq!(probe.notes(), ["1", "1 done"]);
    assert_eq!(client.depth("numbers").await, 4);
}

#[tokio::test]
async fn what_is_not_finished_at_the_deadline_is_given_back_unharmed() {
    let probe = Probe::default();
    let mut client = TestClient::start_with(
        |settings| settings.drain_deadline = Duration::from_millis(100),
        worker(&probe),
    )
    .await;
    for number in 1..=3 {
        client.publish("numbers", &number).await;
    }
    probe.in_work(3).await;

    assert_eq!(client.stop().await, Stopped::GaveBack);

    eventually("all are back", async || client.depth("numbers").await == 3).await;
    assert_eq!(client.depth("numbers.dead").await, 0);
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(client.pull::<u32>("numbers").await.body);
    }
    assert_eq!(bodies, [1, 2, 3], "in their old order");
}

// Several threads: the proxy has to go on while the client is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_while_the_broker_is_away_ends_too() {
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let nodes = Settings::new(proxy.url()).unwrap().nodes;
    let mut client =
        TestClient::start_with(|settings| settings.nodes = nodes, worker(&probe)).await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    proxy.cut(Mode::Refuse);
    proxy.accepted(3).await;
    let (stopped, ()) = tokio::join!(client.stop(), async { probe.open_gate(1) });

    // The processor was let through; that its message could not be acknowledged is no harm done.
    assert_eq!(stopped, Stopped::Finished);
    assert_eq!(probe.notes(), ["1", "1 done"]);
    eventually("the message is back", async || {
        client.depth("numbers").await == 1
    })
    .await;
}

// Several threads: the proxy has to go on while the client is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_while_the_network_says_nothing_ends_too() {
    let (proxy, probe) = (Proxy::start(Mode::Pass).await, Probe::default());
    let nodes = Settings::new(proxy.url()).unwrap().nodes;
    let mut client = TestClient::start_with(
        |settings| {
            settings.nodes = nodes;
            settings.drain_deadline = Duration::from_millis(100);
        },
        worker(&probe),
    )
    .await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    proxy.cut(Mode::Silent);

    assert_eq!(client.stop().await, Stopped::GaveBack);
    // The broker has it again once it sees that the connection is gone.
    proxy.cut(Mode::Refuse);
    assert_eq!(client.pull::<u32>("numbers").await.body, 1);
}

// Several threads: the proxy has to go on while the client is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_before_there_is_a_broker_ends_at_once() {
    let proxy = Proxy::start(Mode::Refuse).await;
    let service = worker(&Probe::default())(Settings::new(proxy.url()).unwrap());

    let stopped = service.run_until(proxy.accepted(3)).await;

    assert_eq!(stopped.unwrap(), Stopped::Finished);
}

#[tokio::test]
async fn tasks_run_in_order_at_the_start_and_in_reverse_at_the_end() {
    let probe = Probe::default();
    let service = worker(&probe);
    let mut client = TestClient::start(move |settings| {
        service(settings)
            .on_startup(first)
            .on_startup(second)
            .on_shutdown(first)
            .on_shutdown(fails)
            .on_shutdown(panics)
            .on_shutdown(second)
    })
    .await;
    client.publish("numbers", &1).await;
    probe.in_work(1).await;

    let (stopped, ()) = tokio::join!(client.stop(), async { probe.open_gate(1) });

    assert_eq!(stopped, Stopped::Finished);
    assert_eq!(
        probe.notes(),
        [
            "first task",
            "second task",
            "1",
            "1 done",
            "second task",
            "first task"
        ]
    );
}

#[tokio::test]
async fn a_start_up_task_that_fails_aborts_the_start_and_nothing_is_consumed() {
    let probe = Probe::default();
    let mut client = TestClient::start(worker(&probe)).await;
    client.stop().await;
    client.publish("numbers", &1).await;

    let service = worker(&probe)(client.settings())
        .on_startup(first)
        .on_startup(fails)
        .on_startup(second);
    let error = service.run_until(std::future::pending()).await.unwrap_err();

    let told = format!("{:#}", anyhow::Error::new(error));
    assert!(
        told.contains("fails failed: reach the till: connection refused"),
        "{told}"
    );
    assert_eq!(probe.notes(), ["first task"]);
    assert_eq!(client.depth("numbers").await, 1);

    let service = worker(&probe)(client.settings()).on_startup(panics);
    let error = service.run_until(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::Startup { .. }), "{error:?}");
    let told = format!("{:#}", anyhow::Error::new(error));
    assert!(told.contains("unplugged"), "{told}");
}

#[tokio::test]
async fn a_state_that_can_not_be_opened_aborts_the_start() {
    let mut client = TestClient::start(worker(&Probe::default())).await;
    client.stop().await;

    let open = || std::future::ready(Err(anyhow::anyhow!("no such database")));
    let service = SpanConsumer::<Probe>::new("worker", client.settings(), open)
        .processor(Processor::consume("numbers", work));
    let error = service.run_until(std::future::pending()).await.unwrap_err();

    let told = format!("{:#}", anyhow::Error::new(error));
    assert_eq!(told, "opening the state failed: no such database");
}

#[tokio::test]
async fn a_service_can_be_run_again() {
    let probe = Probe::default();
    let mut client = TestClient::start(worker(&probe)).await;
    client.stop().await;
    let service = worker(&probe)(client.settings());

    for number in 1..=2 {
        let done = Notify::new();
        let (ran, ()) = tokio::join!(service.run_until(done.notified()), async {
            client.publish("numbers", &number).await;
            probe.open_gate(1);
            probe.noted(2 * number).await;
            done.notify_one();
        });
        assert_eq!(ran.unwrap(), Stopped::Finished);
    }

    assert_eq!(probe.notes(), ["1", "1 done", "2", "2 done"]);
    assert_eq!(client.depth("numbers").await, 0);
}

#[tokio::test]
async fn a_queue_that_exists_with_other_arguments_is_named_with_the_difference() {
    let mut client = TestClient::start(worker(&Probe::default())).await;
    client.stop().await;
    let (_connection, channel) = bare_channel().await;
    let queue = client.queue_name("other");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, FieldTable::default())
        .await
        .unwrap();
    client.declared("other").await;

    let service = SpanConsumer::new("worker", client.settings(), Probe::default().opener())
        .processor(Processor::consume("other", work));
    let error = service.run_until(std::future::pending()).await.unwrap_err();

    let told = error.to_string();
    let Error::QueueMismatch {
        queue: named,
        processor,
        argument,
        existing,
        asked,
    } = error
    else {
        panic!("{told}");
    };
    assert_eq!(named, queue);
    assert!(processor.ends_with("::work"));
    assert!(!argument.is_empty() && existing != asked, "{told}");
    for part in [&queue, &argument, &existing, &asked] {
        assert!(told.contains(part), "{told}");
    }
    assert!(told.contains("QueueOptions"), "{told}");
}
