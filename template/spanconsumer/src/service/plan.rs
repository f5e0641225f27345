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
        if let Some(problem) = processor.processing.problem() {
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
        let output = output.map(|output| declaration(&output.queue, &output.options)).transpose()?;
        planned.push(Planned {
            processor: Arc::clone(processor),
            input,
            output,
            prefetch: processor.processing.effective_prefetch(settings.prefetch),
        });
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
    use crate::message::Incoming;
    use crate::processor::ProcessingOptions;

    async fn first(_: Incoming<u8>, (): Arc<()>) -> anyhow::Result<()> {
        Ok(())
    }

    async fn second(_: Incoming<u8>, (): Arc<()>) -> anyhow::Result<()> {
        Ok(())
    }
}
