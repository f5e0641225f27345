//! Which deliveries are finished, and which acknowledgements that makes.

use std::collections::BTreeMap;

/// Number of a delivery on its channel, counted from 1 by the broker.
pub(super) type Tag = u64;

/// The account of one channel's deliveries: a pure state machine, all input and output is its
/// owner's.
///
/// Deliveries finish in any order. One `basic.ack(multiple)` settles the contiguous prefix that is
/// finished; it never reaches past a message that is still in work. What finished beyond such a
/// message is acknowledged one by one, so that a slow message does not hold up the prefetch window.
#[derive(Debug, Default)]
pub(super) struct Acknowledger {
    /// What is not settled, never more than the prefetch.
    unsettled: BTreeMap<Tag, Progress>,
    /// The last delivery.
    last: Tag,
    /// How many are finished.
    finished: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    InWork,
    Finished,
}

impl Acknowledger {
    /// Takes in the next delivery.
    ///
    /// # Panics
    ///
    /// When a tag does not follow the one before: the account would acknowledge the wrong message.
    pub(super) fn delivered(&mut self, tag: Tag) {
        assert_eq!(
            tag,
            self.last + 1,
            "delivery tags have no gaps on a channel with one consumer"
        );
        self.last = tag;
        self.unsettled.insert(tag, Progress::InWork);
    }

    /// Marks a delivery to be acknowledged with the next acknowledgements.
    pub(super) fn finished(&mut self, tag: Tag) {
        if let Some(progress) = self.unsettled.get_mut(&tag)
            && *progress == Progress::InWork
        {
            *progress = Progress::Finished;
            self.finished += 1;
        }
    }

    /// Forgets a delivery that is settled by other means, such as a `basic.nack` of its own.
    pub(super) fn settled(&mut self, tag: Tag) {
        if self.unsettled.remove(&tag) == Some(Progress::Finished) {
            self.finished -= 1;
        }
    }

    /// Counts the deliveries that are finished and not yet acknowledged.
    pub(super) fn pending(&self) -> usize {
        self.finished
    }

    /// Takes the tag up to which everything is finished, to be acknowledged with `multiple`.
    ///
    /// Not further than the last one that is not settled: a tag that was settled on its own is
    /// unknown to the broker, and naming it would close the channel.
    pub(super) fn take_prefix(&mut self) -> Option<Tag> {
        let mut last = None;
        while let Some(entry) = self.unsettled.first_entry()
            && *entry.get() == Progress::Finished
        {
            last = Some(entry.remove_entry().0);
            self.finished -= 1;
        }
        last
    }

    /// Takes the finished deliveries behind one that is still in work, to be acknowledged one by
    /// one.
    pub(super) fn take_scattered(&mut self) -> Vec<Tag> {
        if self.finished == 0 {
            return Vec::new();
        }
        self.finished = 0;
        self.unsettled
            .extract_if(.., |_, progress| *progress == Progress::Finished)
            .map(|(tag, _)| tag)
            .collect()
    }

    /// Lists the deliveries that are still in work.
    pub(super) fn in_work(&self) -> Vec<Tag> {
        let in_work = self
            .unsettled
            .iter()
            .filter(|(_, progress)| **progress == Progress::InWork);
        in_work.map(|(tag, _)| *tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_deliveries(count: Tag) -> Acknowledger {
        let mut account = Acknowledger::default();
        for tag in 1..=count {
            account.delivered(tag);
        }
        account
    }

    #[test]
    fn one_acknowledgement_covers_the_finished_prefix_and_no_more() {
        let mut account = with_deliveries(5);
        for tag in [2, 1, 4] {
            account.finished(tag);
        }
        assert_eq!(account.take_prefix(), Some(2));
        assert_eq!(account.take_prefix(), None);
        account.finished(3);
        assert_eq!(account.take_prefix(), Some(4));
        assert_eq!(account.in_work(), [5]);
    }

    #[test]
    fn what_finished_behind_a_slow_message_is_acknowledged_once_and_one_by_one() {
        let mut account = with_deliveries(4);
        for tag in [2, 4] {
            account.finished(tag);
        }
        assert_eq!(account.take_prefix(), None);
        assert_eq!(account.take_scattered(), [2, 4]);
        assert_eq!(account.take_scattered(), Vec::<Tag>::new());
        account.finished(1);
        assert_eq!(
            account.take_prefix(),
            Some(1),
            "2 is settled and unknown to the broker"
        );
        account.finished(3);
        assert_eq!(
            account.take_prefix(),
            Some(3),
            "4 is settled and unknown to the broker"
        );
        assert_eq!(account.pending(), 0);
    }

    #[test]
    fn a_message_given_back_is_never_acknowledged() {
        let mut account = with_deliveries(3);
        account.settled(1);
        account.finished(1);
        account.settled(2);
        account.finished(3);
        assert_eq!(account.take_prefix(), Some(3));
        assert_eq!(account.pending(), 0);
    }

    #[test]
    fn a_tag_finished_twice_counts_once() {
        let mut account = with_deliveries(2);
        account.finished(1);
        account.finished(1);
        assert_eq!(account.pending(), 1);
        assert_eq!(account.take_prefix(), Some(1));
        account.finished(1);
        assert_eq!(account.pending(), 0);
    }

    #[test]
    #[should_panic(expected = "no gaps")]
    fn a_gap_in_the_tags_is_not_taken() {
        with_deliveries(1).delivered(3);
    }

    /// Every order of finishing six deliveries, each followed by taking what is ready: whatever is
    /// acknowledged is finished, nothing is acknowledged twice, and all of it is in the end.
    #[test]
    fn no_order_of_finishing_acknowledges_work_or_acknowledges_twice() {
        fn permute(rest: &mut Vec<Tag>, order: &mut Vec<Tag>, check: &mut impl FnMut(&[Tag])) {
            if rest.is_empty() {
                check(order);
            }
            for index in 0..rest.len() {
                let tag = rest.remove(index);
                order.push(tag);
                permute(rest, order, check);
                order.pop();
                rest.insert(index, tag);
            }
        }
        let mut orders = 0;
        permute(&mut (1..=6).collect(), &mut Vec::new(), &mut |order| {
            for scatter_after in 0..=order.len() {
                let mut account = with_deliveries(6);
                let mut unacknowledged: Vec<Tag> = (1..=6).collect();
                for (step, tag) in order.iter().enumerate() {
                    account.finished(*tag);
                    let done = &order[..=step];
                    if let Some(last) = account.take_prefix() {
                        assert!(unacknowledged.contains(&last), "{last} again in {order:?}");
                        unacknowledged.retain(|tag| *tag > last || !done.contains(tag));
                        assert!(unacknowledged.iter().all(|tag| *tag > last), "{order:?}");
                    }
                    if step == scatter_after {
                        for tag in account.take_scattered() {
                            assert!(done.contains(&tag) && unacknowledged.contains(&tag));
                            unacknowledged.retain(|other| *other != tag);
                        }
                    }
                }
                assert_eq!(unacknowledged, Vec::<Tag>::new(), "{order:?}");
            }
            orders += 1;
        });
        assert_eq!(orders, 720);
    }
}
