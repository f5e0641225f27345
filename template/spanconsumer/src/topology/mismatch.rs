//! Reading RabbitMQ's words for a queue that exists with other arguments.

/// Which argument differs, and how.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Mismatch<'a> {
    pub(super) argument: &'a str,
    pub(super) asked: &'a str,
    pub(super) existing: &'a str,
}

/// Takes the reply text of a refused `queue.declare` apart; `None` when it says something else.
///
/// The text is made by `rabbit_misc:assert_args_equivalence` of the RabbitMQ server, in two forms:
/// for arguments `received the value 'quorum' of type 'longstr' but current is none`, for flags
/// `received 'true' but current is 'false'`.
pub(super) fn parse(reply: &str) -> Option<Mismatch<'_>> {
    let (_, rest) = reply.split_once("inequivalent arg '")?;
    let (argument, rest) = rest.split_once('\'')?;
    let (_, rest) = rest.split_once("received ")?;
    let (asked, existing) = rest.split_once(" but current is ")?;
    Some(Mismatch {
        argument,
        asked: value(asked),
        existing: value(existing),
    })
}

/// Takes `the value 'quorum' of type 'longstr'` for `quorum`, and leaves `none` as it is.
fn value(text: &str) -> &str {
    text.split('\'').nth(1).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_reply_are_understood() {
        assert_eq!(
            parse(
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'orders' in vhost \
                 '/': received the value 'quorum' of type 'longstr' but current is none"
            ),
            Some(Mismatch {
                argument: "x-queue-type",
                asked: "quorum",
                existing: "none",
            })
        );
        assert_eq!(
            parse(
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'orders' in vhost '/': \
                 received 'true' but current is 'false'"
            ),
            Some(Mismatch {
                argument: "durable",
                asked: "true",
                existing: "false",
            })
        );
    }

    #[test]
    fn another_refusal_is_no_mismatch() {
        assert_eq!(
            parse("PRECONDITION_FAILED - invalid arg 'x-max-length'"),
            None
        );
    }
}
