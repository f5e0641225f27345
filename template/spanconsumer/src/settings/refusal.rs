//! A wrong setting in one line.

use std::error::Error as StdError;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Says in one line which variable is wrong and why. A value is shown unless it may be secret.
pub(super) fn one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let variable = context(ContextKind::InvalidArg).map(|usage| variable_of(&usage));
    match (error.kind(), variable) {
        (ErrorKind::ArgumentConflict, Some(variable)) => {
            let others = context(ContextKind::PriorArg)
                .map(|usages| {
                    usages
                        .split(", ")
                        .map(variable_of)
                        .collect::<Vec<_>>()
                        .join(", ")
                })
                .unwrap_or_default();
            format!("{variable} and {others} can't both be set; AMQP_URL says it all")
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(variable)) => {
            let value = context(ContextKind::InvalidValue).unwrap_or_default();
            // A port is no secret, the other parts of an address may be.
            let value = if variable.starts_with("AMQP_") && variable != "AMQP_PORT" {
                String::new()
            } else {
                format!(" `{value}`")
            };
            let reason = match (error.source(), context(ContextKind::ValidValue)) {
                (Some(source), _) => source.to_string(),
                (None, Some(valid)) => format!("expected one of {valid}"),
                (None, None) => "not a value of that kind".to_owned(),
            };
            format!("{variable}{value} is wrong: {reason}")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            format!(
                "{}; --help lists the options",
                first.trim_start_matches("error: ")
            )
        }
    }
}

/// Turns clap's `--amqp-url <URL>` into the variable that is set far more often: `AMQP_URL`.
fn variable_of(usage: &str) -> String {
    let option = usage.split(' ').next().unwrap_or(usage);
    option
        .trim_start_matches('-')
        .replace('-', "_")
        .to_uppercase()
}
