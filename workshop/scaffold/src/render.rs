//! A service rendered by cargo-generate, as a library.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use cargo_generate::{GenerateArgs, TemplatePath, Vcs};

use crate::{ScaffoldError, Template, hook, questions};

/// A service to render.
#[derive(Debug, Clone)]
pub struct Service {
    name: String,
    answers: BTreeMap<String, String>,
}

impl Service {
    /// Describes a service whose questions all get the default answer.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            answers: BTreeMap::new(),
        }
    }

    /// Answers one question, by the name of its variable in `cargo-generate.toml`.
    #[must_use]
    pub fn answer(mut self, question: impl Into<String>, answer: impl Into<String>) -> Self {
        self.answers.insert(question.into(), answer.into());
        self
    }
}

impl Template {
    /// Renders a service into a new folder `<folder>/<name>` and returns that folder.
    ///
    /// It is rendered beside its place and moved there when it is whole, so a
    /// failure leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Refused`] for a bad name or answer, [`ScaffoldError::Exists`]
    /// where something of that name lies already, [`ScaffoldError::NoFolder`] without
    /// `folder`; the others when the template is broken or a file can't be written.
    pub fn render(&self, service: &Service, folder: &Path) -> Result<PathBuf, ScaffoldError> {
        let answers = questions::complete(&self.questions()?, &service.answers)?;
        let folder = folder
            .canonicalize()
            .map_err(|_| ScaffoldError::NoFolder(folder.to_owned()))?;

        let stage = tempfile::tempdir().map_err(ScaffoldError::file("create", "a folder"))?;
        self.copy_to(stage.path())?;
        // An empty one, or the user's own would change what is rendered.
        let config = stage.path().join("no-config.toml");
        fs::write(&config, "").map_err(ScaffoldError::file("write", &config))?;

        // In the same folder, so that the last step is one rename.
        let beside = tempfile::Builder::new()
            .prefix(".scaffold-")
            .tempdir_in(&folder)
            .map_err(ScaffoldError::file("create a folder in", &folder))?;
        let args = GenerateArgs {
            template_path: TemplatePath {
                path: Some(stage.path().display().to_string()),
                auto_path: Some("template".to_owned()),
                ..TemplatePath::default()
            },
            name: Some(service.name.clone()),
            destination: Some(beside.path().to_owned()),
            // All of them: an answer that is missing here is looked for in the environment.
            define: answers
                .iter()
                .map(|(key, answer)| format!("{key}={answer}"))
                .collect(),
            config: Some(config),
            silent: true,
            quiet: true,
            vcs: Some(Vcs::None),
            bin: true,
            lib: false,
            no_workspace: true,
            no_fmt: true,
            ..GenerateArgs::default()
        };
        let rendered = cargo_generate::generate(args).map_err(|err| {
            let error = format!("{err:#}");
            match hook::reason(&error) {
                Some(reason) => ScaffoldError::Refused(reason.to_owned()),
                None => ScaffoldError::Render(error),
            }
        })?;

        // The template let the name pass, so it is a plain folder name by now.
        let target = folder.join(&service.name);
        if target.symlink_metadata().is_ok() {
            return Err(ScaffoldError::Exists(target));
        }
        fs::rename(&rendered, &target).map_err(ScaffoldError::file("create", &target))?;
        Ok(target)
    }
}
