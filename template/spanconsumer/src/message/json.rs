//! Bodies as JSON.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::Message;

/// What is published with every JSON body.
pub(crate) const CONTENT_TYPE: &str = "application/json";

/// Why a body could not be decoded. Such a message is dead-lettered at once: it won't improve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message says that it is something that nothing here decodes.
    #[error("unsupported content type `{0}`, expected `application/json`")]
    UnsupportedContentType(String),
    /// The body is no JSON, or not of the shape that the processor takes.
    ///
    /// The text says where; only the source says what was found there, which is a part of the body
    /// and may be secret.
    #[error(
        "the body is not the JSON that the processor takes, {} at line {} column {}",
        problem(.0), .0.line(), .0.column()
    )]
    Json(#[source] serde_json::Error),
}

/// Decodes a message's body.
///
/// A message without a content type is taken for JSON.
pub(crate) fn decode<T: DeserializeOwned>(message: &Message) -> Result<T, DecodeError> {
    // The property is where AMQP puts it; HTTP bridges and some clients use a header instead.
    let declared = match message.content_type() {
        None => message.headers().text("Content-Type"),
        property => property,
    };
    if let Some(name) = declared
        && !is_json(name)
    {
        return Err(DecodeError::UnsupportedContentType(name.to_owned()));
    }
    serde_json::from_slice(message.raw()).map_err(DecodeError::Json)
}

fn problem(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Io => "unreadable",
        Category::Syntax => "malformed",
        Category::Data => "another shape",
        Category::Eof => "cut off",
    }
}

/// Takes the names that are in use for JSON: `application/json`, `application/x-json`, `text/json`,
/// `json`, `application/problem+json`; upper or lower case, with parameters or without.
fn is_json(name: &str) -> bool {
    let essence = name.split(';').next().unwrap_or_default().trim();
    let subtype = essence.rsplit('/').next().unwrap_or_default();
    ["json", "x-json"]
        .iter()
        .any(|known| subtype.eq_ignore_ascii_case(known))
        || subtype
            .rsplit_once('+')
            .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn the_names_for_json_are_forgiving() {
        for name in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/x-json",
            "json",
            "JSON",
            "text/json",
            "application/vnd.api+json",
        ] {
            assert!(is_json(name), "{name}");
        }
        for name in [
            "",
            "text/plain",
            "application/jsonx",
            "application/yaml",
            "json/text",
        ] {
            assert!(!is_json(name), "{name}");
        }
    }
}
