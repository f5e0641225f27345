//! `book OUT_DIR` builds the template's book.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Builds the template's book.
#[derive(Parser)]
struct Cli {
    /// Where the pages go; what lies there is replaced.
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Cli { out } = Cli::parse();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    book::build(&docs, &out)?;
    println!("Built {}", out.join("index.html").display());
    Ok(())
}
