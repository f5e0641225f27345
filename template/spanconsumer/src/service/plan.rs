//! What a service is going to declare and consume, checked before anything is done.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::processor::Processor;
use crate::settings::Settings;
use crate::topology::{Declaration, QueueOptions, dead_letter_queue};

/// A processor with what it needs on the broker.
pub(super) struct Planned<S> {
    pub(super) processor: Arc<Processor<S>>,
    pub(super) input: Declaration,
    pub(super) output: Option<Declaration>,
    pub(super) prefetch: u16,
}

impl<S> Clone for Planned<S> {
    fn clone(&self) -> Self {
        Self {
            processor: Arc::clone(&self.processor),
            input: self.input.clone(),
            output: self.output.clone(),
            prefetch: self.prefetch,
        }
    }
}

/// AMQP carries names as short strings.
const LONGEST_NAME: usize = 255;

/// Checks that the processors go together, and works out what each of them needs.
pub(super) fn plan<S>(
    processors: &[Arc<Processor<S>>],
    settings: &Settings,
) -> Result<Vec<Planned<S>>, Error> {
    if processors.is_empty() {
        return Err(Error::NoProcessor);
    }
    if settings.nodes.is_empty() {
        return Err(Error::NoNode);
    }
    let mut consumed: HashMap<&str, &'static str> = HashMap::new();
    let mut declared: HashMap<String, QueueOptions> = HashMap::new();
    let mut planned = Vec::with_capacity(processors.len());
    for processor in processors {
        if let Some(first) = consumed.insert(&processor.queue, processor.name) {
            return Err(Error::DuplicateProcessor {
                queue: processor.queue.clone(),
                first,
                second: processor.name,
            });
        }
        let problem = match settings.prefetch {
            Some(0) => Some("the setting PREFETCH is 0, which means no limit; set at least 1"),
            _ => processor.processing.problem(),
        };
        if let Some(problem) = problem {
            return Err(Error::InvalidOption {
                queue: processor.queue.clone(),
                processor: processor.name,
                problem,
            });
        }
        let mut declaration = |queue: &str, options: &QueueOptions| {
            let declaration = Declaration {
                queue: format!("{}{queue}", settings.queue_prefix),
                options: options.clone(),
                processor: processor.name,
            };
            check_name(&declaration)?;
            let earlier = declared.insert(declaration.queue.clone(), options.clone());
            if earlier.is_some_and(|earlier| earlier != *options) {
                return Err(Error::ConflictingOptions {
                    queue: declaration.queue,
                    processor: processor.name,
                });
            }
            Ok(declaration)
        };
        let input = declaration(&processor.queue, &processor.queue_options)?;
        let output = processor.output.as_ref();
        let output = output
            .map(|output| declaration(&output.queue, &output.options))
            .transpose()?;
        planned.push(Planned {
            processor: Arc::clone(processor),
            input,
            output,
            prefetch: processor.processing.effective_prefetch(settings.prefetch),
        });
    }
    for declared in declared.keys() {
        let dead = dead_letter_queue(declared);
        if let Some(other) = planned.iter().find(|planned| planned.input.queue == dead) {
            return Err(Error::InvalidQueueName {
                queue: dead,
                processor: other.processor.name,
                problem: "is the dead-letter queue of another queue here, which is declared in \
                          another way; move its messages back instead",
            });
        }
    }
    Ok(planned)
}

fn check_name(declaration: &Declaration) -> Result<(), Error> {
    let queue = &declaration.queue;
    let problem = if queue.is_empty() {
        "is empty"
    } else if queue.starts_with("amq.") {
        "begins with `amq.`, which the broker keeps for itself"
    } else if dead_letter_queue(queue).len() > LONGEST_NAME {
        "is longer than 250 bytes"
    } else {
        return Ok(());
    };
    Err(Error::InvalidQueueName {
        queue: queue.clone(),
        processor: declaration.processor,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Incoming, Outgoing};
    use crate::processor::ProcessingOptions;

    async fn first(_: Incoming<u8>, _: Arc<()>) -> anyhow::Result<()> {
        Ok(())
    }

    async fn second(_: Incoming<u8>, _: Arc<()>) -> anyhow::Result<Outgoing<u8>> {
        Ok(Outgoing::new(0))
    }

    fn planned(
        processors: impl IntoIterator<Item = Processor<()>>,
    ) -> Result<Vec<Planned<()>>, Error> {
        let mut settings = Settings::new("amqp://localhost").unwrap();
        settings.queue_prefix = "mine.".to_owned();
        plan(
            &processors.into_iter().map(Arc::new).collect::<Vec<_>>(),
            &settings,
        )
    }

    fn refusal(processors: impl IntoIterator<Item = Processor<()>>) -> String {
        planned(processors)
            .err()
            .expect("it is refused")
            .to_string()
    }

    #[test]
    fn a_service_without_a_processor_is_refused() {
        assert!(refusal([]).contains("no processor"));
    }

    #[test]
    fn two_processors_for_one_queue_are_refused_with_both_names() {
        let refusal = refusal([
            Processor::consume("orders", first),
            Processor::transform("orders", "receipts", second),
        ]);
        assert!(refusal.contains("`orders`"), "{refusal}");
        assert!(
            refusal.contains("::first`") && refusal.contains("::second`"),
            "{refusal}"
        );
    }

    #[test]
    fn a_queue_with_two_sets_of_options_is_refused() {
        let refusal = refusal([
            Processor::transform("orders", "receipts", second),
            Processor::consume("receipts", first).queue(QueueOptions::classic()),
        ]);
        assert!(
            refusal.contains("`mine.receipts`") && refusal.contains("::first`"),
            "{refusal}"
        );
    }

    #[test]
    fn a_queue_between_two_processors_is_one_queue() {
        let planned = planned([
            Processor::transform("orders", "receipts", second),
            Processor::consume("receipts", first),
        ])
        .unwrap();
        assert_eq!(
            planned[0].output.as_ref().unwrap().queue,
            planned[1].input.queue
        );
    }

    #[test]
    fn a_name_that_the_broker_can_not_have_is_refused() {
        // The prefix counts: with its five bytes and those of `.dead` it is over 255.
        for (name, problem) in [("x".repeat(246), "longer"), ("x".repeat(300), "longer")] {
            let refusal = refusal([Processor::consume(name, first)]);
            assert!(
                refusal.contains(problem) && refusal.contains("::first`"),
                "{refusal}"
            );
        }
        assert!(planned([Processor::consume("x".repeat(245), first)]).is_ok());
        let settings = Settings::new("amqp://localhost").unwrap();
        for (name, problem) in [("amq.mine", "amq."), ("", "empty")] {
            let processors = [Arc::new(Processor::<()>::consume(name, first))];
            let refusal = plan(&processors, &settings).err().unwrap().to_string();
            assert!(refusal.contains(problem), "{refusal}");
        }
    }

    #[test]
    fn an_option_that_can_not_work_is_refused() {
        let options = ProcessingOptions::default();
        for options in [
            options.clone().prefetch(0),
            options.clone().concurrency(0),
            options.timeout(std::time::Duration::ZERO),
        ] {
            let refusal = refusal([Processor::consume("orders", first).processing(options)]);
            assert!(
                refusal.contains("`orders`") && refusal.contains("::first`"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_processor_for_anothers_dead_letters_is_refused() {
        let refusal = refusal([
            Processor::transform("orders", "receipts", second),
            Processor::consume("orders.dead", first),
        ]);
        assert!(
            refusal.contains("`mine.orders.dead`") && refusal.contains("::first`"),
            "{refusal}"
        );
    }

    #[test]
    fn settings_that_can_not_work_are_refused() {
        let processors = [Arc::new(Processor::<()>::consume("orders", first))];
        let mut settings = Settings::new("amqp://localhost").unwrap();
        settings.prefetch = Some(0);
        let refusal = plan(&processors, &settings).err().unwrap().to_string();
        assert!(refusal.contains("PREFETCH"), "{refusal}");
        settings.prefetch = None;
        settings.nodes.clear();
        assert!(matches!(plan(&processors, &settings), Err(Error::NoNode)));
    }

    #[test]
    fn the_settings_prefetch_wins_over_the_codes() {
        let options = ProcessingOptions::default().prefetch(20);
        assert_eq!(options.effective_prefetch(Some(3)), 3);
        assert_eq!(options.effective_prefetch(None), 20);
        assert_eq!(ProcessingOptions::default().effective_prefetch(None), 100);
    }
}
