//! The template's questions, as `cargo-generate.toml` asks them.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;
use serde::Deserialize;

use crate::{ScaffoldError, Template};

/// A question of the template: what cargo-generate calls a placeholder.
#[derive(Debug, Clone, Deserialize)]
pub struct Question {
    /// What is asked; names the rule in words.
    pub prompt: String,
    /// The answer where none is given.
    pub default: String,
    /// What an answer has to match.
    pub regex: String,
}

/// The questions by their variable's name.
pub type Questions = BTreeMap<String, Question>;

#[derive(Deserialize)]
struct Config {
    placeholders: Questions,
}

impl Template {
    /// Reads the template's questions. The service's name is not among them: the init hook asks it.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::File`] or [`ScaffoldError::Render`] when `cargo-generate.toml`
    /// can't be read or understood.
    pub fn questions(&self) -> Result<Questions, ScaffoldError> {
        read(&self.root().join("cargo-generate.toml"))
    }
}

fn read(path: &Path) -> Result<Questions, ScaffoldError> {
    let text = fs::read_to_string(path).map_err(ScaffoldError::file("read", path))?;
    let config: Config =
        toml::from_str(&text).map_err(|err| ScaffoldError::Render(err.to_string()))?;
    Ok(config.placeholders)
}

/// Completes the answers with the defaults and refuses those that break a pattern.
///
/// cargo-generate checks the same patterns, but says only which variable is wrong.
pub(crate) fn complete(
    questions: &Questions,
    answers: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ScaffoldError> {
    if let Some(unknown) = answers.keys().find(|key| !questions.contains_key(*key)) {
        return Err(ScaffoldError::Refused(format!(
            "the template does not ask for '{unknown}'"
        )));
    }
    questions
        .iter()
        .map(|(key, question)| {
            let answer = answers.get(key).unwrap_or(&question.default);
            let pattern = Regex::new(&question.regex)
                .map_err(|err| ScaffoldError::Render(err.to_string()))?;
            if pattern.is_match(answer) {
                Ok((key.clone(), answer.clone()))
            } else {
                Err(ScaffoldError::Refused(format!(
                    "'{answer}' can't be the {key}. It is: {}.",
                    question.prompt
                )))
            }
        })
        .collect()
}
