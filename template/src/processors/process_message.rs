//! The example processor: charges an order and issues a receipt.

use std::sync::Arc;

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use spanconsumer::{Incoming, Outgoing};

use crate::app::App;

/// What comes in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Order {
    pub id: String,
    pub items: Vec<Item>,
}

/// One line of an order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Item {
    pub name: String,
    pub quantity: u32,
    /// In cents.
    pub price: u32,
}

/// What goes out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    pub number: u64,
    pub order: String,
    /// In cents.
    pub total: u64,
}

/// Charges an order; an error sends the message to the dead-letter queue.
pub async fn process_message(
    incoming: Incoming<Order>,
    app: Arc<App>,
) -> anyhow::Result<Outgoing<Receipt>> {
    let order = &incoming.body;
    ensure!(!order.items.is_empty(), "order {} has no items", order.id);
    let total = order
        .items
        .iter()
        .map(|item| u64::from(item.quantity) * u64::from(item.price))
        .sum();
    Ok(Outgoing::new(Receipt {
        number: app.next_receipt(),
        order: order.id.clone(),
        total,
    }))
}
