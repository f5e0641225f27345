//! What is derived or stands in two places is in step.

mod support;

use std::{fs, process::Command};

use support::{RENDERED, folder, run, template};

#[test]
fn every_twin_is_derived_from_its_plain_file() {
    let derived = template().derive().expect("derive the twins");
    for file in RENDERED {
        let twin = template().service().join(format!("{file}.liquid"));
        assert!(derived.iter().any(|one| one.path == twin), "{file}");
    }
    for one in derived {
        assert!(
            one.is_in_step(),
            "{} is out of step; run `make sync`",
            one.path.display()
        );
    }
}

#[test]
fn only_twins_are_named_liquid() {
    let mut expected = RENDERED.map(|file| format!("{file}.liquid"));
    expected.sort();
    let listed = run(Command::new("git")
        .current_dir(template().service())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .arg("*.liquid"))
    .succeeded();
    let mut found = listed.stdout.lines().collect::<Vec<_>>();
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// A copy of the template, so that a test can break it.
fn copy() -> (tempfile::TempDir, scaffold::Template) {
    let folder = folder();
    run(Command::new("cp")
        .arg("-R")
        .arg(template().root().join("cargo-generate.toml"))
        .arg(template().root().join("hooks"))
        .arg(folder.path()))
    .succeeded();
    let service = folder.path().join("template");
    fs::create_dir(&service).unwrap();
    for file in RENDERED {
        for name in [file.to_owned(), format!("{file}.liquid")] {
            fs::copy(template().service().join(&name), service.join(&name)).unwrap();
        }
    }
    let template = scaffold::Template::at(folder.path()).unwrap();
    (folder, template)
}

#[test]
fn sync_check_names_a_twin_that_drifted_and_sync_puts_it_right() {
    let (_folder, template) = copy();
    let plain = template.service().join("Cargo.toml");
    let changed = fs::read_to_string(&plain).unwrap() + "\n# changed\n";
    fs::write(&plain, changed).unwrap();
    let sync = |option: &[&str]| {
        run(Command::new(env!("CARGO_BIN_EXE_scaffold"))
            .arg("--template")
            .arg(template.root())
            .arg("sync")
            .args(option))
    };

    let check = sync(&["--check"]);
    assert_eq!(check.code, Some(1));
    assert_eq!(
        check.stderr,
        "scaffold: template/Cargo.toml.liquid is out of step; run make sync\n"
    );
    assert_eq!(
        sync(&[]).succeeded().stdout,
        "Wrote template/Cargo.toml.liquid\n"
    );
    sync(&["--check"]).succeeded();
}

#[test]
fn a_plain_file_that_its_twin_cant_carry_is_an_error() {
    for (file, text, reason) in [
        ("README.md", "\nUse {{ braces }}.\n", "would be rendered"),
        ("README.md", "\n# isle-service\n", "found it 2 times"),
        ("README.md", "\nRun isle-service.\n", "outside the lines"),
        (
            ".isleconsumer.toml",
            "\nin_queue = \"in_queue\"\n",
            "found it 2 times",
        ),
    ] {
        let (_folder, template) = copy();
        let plain = template.service().join(file);
        fs::write(&plain, fs::read_to_string(&plain).unwrap() + text).unwrap();
        let error = template.derive().expect_err("the twin can't be derived");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn the_changelog_begins_with_the_templates_version() {
    let answers = fs::read_to_string(template().service().join(".isleconsumer.toml")).unwrap();
    let answers: toml::Table = toml::from_str(&answers).unwrap();
    let version = answers["template"]["version"].as_str().unwrap();
    let changelog = fs::read_to_string(template().root().join("CHANGELOG.md")).unwrap();
    let first = changelog
        .lines()
        .find_map(|line| line.strip_prefix("## "))
        .expect("the changelog has a heading");
    assert_eq!(first, version);
}

#[test]
fn the_workshop_and_the_service_use_one_toolchain() {
    let of = |folder: std::path::PathBuf| fs::read_to_string(folder.join("rust-toolchain.toml"));
    assert_eq!(
        of(template().root().to_owned()).unwrap(),
        of(template().service()).unwrap()
    );
}

#[test]
fn no_service_can_be_named_like_a_package_it_depends_on() {
    let metadata = run(Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--format-version=1",
            "--manifest-path",
        ])
        .arg(template().service().join("Cargo.toml")))
    .succeeded();
    let metadata: serde_json::Value = serde_json::from_str(&metadata.stdout).unwrap();
    let list = fs::read_to_string(template().root().join("hooks/packages.rhai")).unwrap();
    let taken = list.split_whitespace().collect::<Vec<_>>();

    let packages = metadata["packages"].as_array().unwrap();
    let names = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap().replace('_', "-"));
    for name in names.filter(|name| name != scaffold::SENTINEL) {
        assert!(
            taken.contains(&name.as_str()),
            "{name} may be a service's name"
        );
    }
}
