//! The service on a live RabbitMQ; each test has queues of its own.

use service::processors::{Item, Order, Receipt};
use service::queues::{IN_QUEUE, OUT_QUEUE};
use spanconsumer::Verdict;
use spanconsumer::testing::TestClient;

fn order(items: Vec<Item>) -> Order {
    Order {
        id: "A-1".to_owned(),
        items,
    }
}

#[tokio::test]
async fn an_order_is_charged() {
    let client = TestClient::start(service::service).await;
    let pens = Item {
        name: "pen".to_owned(),
        quantity: 2,
        price: 150,
    };

    let verdict = client.put(IN_QUEUE, &order(vec![pens])).await;

    assert_eq!(verdict, Verdict::Processed);
    let receipt = client.pull::<Receipt>(OUT_QUEUE).await;
    assert_eq!(receipt.body.order, "A-1");
    assert_eq!(receipt.body.total, 300);
}

#[tokio::test]
async fn an_order_without_items_is_dead_lettered_with_the_reason() {
    let client = TestClient::start(service::service).await;

    let verdict = client.put(IN_QUEUE, &order(Vec::new())).await;

    assert_eq!(verdict, Verdict::DeadLettered);
    let dead = client.dead_letter(IN_QUEUE).await;
    assert_eq!(dead.headers().text("x-failure-kind"), Some("failed"));
    assert_eq!(
        dead.headers().text("x-failure-error"),
        Some("order A-1 has no items")
    );
    assert_eq!(client.depth(OUT_QUEUE).await, 0);
}

#[tokio::test]
async fn a_broken_body_is_dead_lettered_untouched() {
    let client = TestClient::start(service::service).await;

    let verdict = client
        .put_raw(IN_QUEUE, b"{\"id\": ", Some("application/json"))
        .await;

    assert_eq!(verdict, Verdict::DeadLettered);
    let dead = client.dead_letter(IN_QUEUE).await;
    assert_eq!(dead.raw(), b"{\"id\": ");
    assert_eq!(dead.headers().text("x-failure-kind"), Some("undecodable"));
}
