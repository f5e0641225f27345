//! `scaffold new` makes a service, `scaffold sync` derives the template's twins.

mod apart;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use scaffold::{ScaffoldError, Service, Template};

/// Renders services from the template and keeps the template's twins in step.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Clone of the template's repository; the one this was built from by default.
    #[arg(long, global = true, value_name = "FOLDER")]
    template: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a new service in `<folder>/<name>`.
    New(New),
    /// Derives the .liquid twins from the plain files.
    Sync {
        /// Changes nothing; exits with 1 when a file is out of step.
        #[arg(long)]
        check: bool,
    },
}

/// The answers have no defaults here: those stand in cargo-generate.toml.
#[derive(Args)]
struct New {
    /// Name of the service: lower-case letters, digits and hyphens, at most 63.
    #[arg(long, env = "SCAFFOLD_n", hide_env = true)]
    name: String,
    /// Folder to make it in; the one above the template by default.
    #[arg(long, env = "SCAFFOLD_d", hide_env = true)]
    folder: Option<PathBuf>,
    /// What the service does, in one line.
    #[arg(long, env = "SCAFFOLD_description", hide_env = true)]
    description: Option<String>,
    /// Author or organisation.
    #[arg(long, env = "SCAFFOLD_author", hide_env = true)]
    author: Option<String>,
    /// Queue to consume from.
    #[arg(long, env = "SCAFFOLD_in_queue", hide_env = true)]
    in_queue: Option<String>,
    /// Queue to publish results to.
    #[arg(long, env = "SCAFFOLD_out_queue", hide_env = true)]
    out_queue: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::New(_)) && !apart::is_child() {
        return apart::run();
    }
    match run(&cli) {
        Ok(code) => code,
        Err(err) => {
            apart::report(&format!("scaffold: {}", chain(&err)));
            ExitCode::from(if err.is_bad_input() { 2 } else { 1 })
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, ScaffoldError> {
    let template = match &cli.template {
        Some(root) => Template::at(root)?,
        None => Template::of_this_repository()?,
    };
    match &cli.command {
        Command::New(new) => make(&template, new),
        Command::Sync { check } => sync(&template, *check),
    }
}

fn make(template: &Template, new: &New) -> Result<ExitCode, ScaffoldError> {
    let answers = BTreeMap::from([
        ("description", &new.description),
        ("author", &new.author),
        ("in_queue", &new.in_queue),
        ("out_queue", &new.out_queue),
    ]);
    let service = answers
        .into_iter()
        .filter_map(|(question, answer)| Some((question, answer.as_ref()?)))
        .fold(Service::new(&new.name), |service, (question, answer)| {
            service.answer(question, answer)
        });
    let folder = match &new.folder {
        Some(folder) => folder.clone(),
        None => template.root().join(".."),
    };
    let made = template.render(&service, &folder)?;
    println!("Made {}. Next: cd {0} && make help", made.display());
    Ok(ExitCode::SUCCESS)
}

fn sync(template: &Template, check: bool) -> Result<ExitCode, ScaffoldError> {
    let mut code = ExitCode::SUCCESS;
    for derived in template.derive()? {
        if derived.is_in_step() {
            continue;
        }
        let path = derived.path.strip_prefix(template.root());
        let path = path.unwrap_or(&derived.path).display();
        if check {
            eprintln!("scaffold: {path} is out of step; run make sync");
            code = ExitCode::FAILURE;
        } else {
            derived.write()?;
            println!("Wrote {path}");
        }
    }
    Ok(code)
}

/// The error and its causes in one line.
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        text = format!("{text}: {err}");
        cause = err.source();
    }
    text
}
