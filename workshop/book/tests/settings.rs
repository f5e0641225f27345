//! The table of settings, held against what a service itself says.

mod support;

use std::{collections::BTreeMap, process::Command};

use support::Page;

/// Every variable with its default, if it has one.
type Variables = BTreeMap<String, Option<String>>;

/// Asks the framework: `--help` of a program that reads its settings as a service does.
fn known_to_the_framework() -> Variables {
    let help = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--example", "help"])
        .args(["--package", "book", "--", "--help"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        help.status.success(),
        "{}",
        String::from_utf8_lossy(&help.stderr)
    );
    let help = String::from_utf8(help.stdout).unwrap();
    let mut variables = Variables::new();
    let mut last = None;
    for line in help.lines().map(str::trim) {
        if let Some(name) = within(line, "[env: ") {
            last = Some(name.trim_end_matches('=').to_owned());
            variables.insert(last.clone().unwrap(), None);
        } else if let Some(default) = within(line, "[default: ") {
            let name = last.clone().expect("a default follows its variable");
            variables.insert(name, Some(default.to_owned()));
        }
    }
    assert!(variables.len() > 3, "{help}");
    variables
}

fn within<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(']')
}

/// Reads the table: a default stands in code, `none` does not.
fn told_by_the_book() -> Variables {
    let code = |cell: &str| {
        let code = cell.strip_prefix('`')?.strip_suffix('`')?;
        Some(code.to_owned())
    };
    Page::read("docs/src/settings.md")
        .rows()
        .iter()
        .filter_map(|row| Some((code(&row[0])?, code(row.get(1)?))))
        .collect()
}

#[test]
fn the_table_lists_every_variable_with_its_default_and_no_other() {
    assert_eq!(told_by_the_book(), known_to_the_framework());
}
