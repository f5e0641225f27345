//! The make targets, which are what users call.

mod support;

use std::{fs, process::Command};

use support::{Answer, assert_same, folder, rendered, run, template, template_tree, tree};

fn make(folder: &std::path::Path, arguments: &[&str]) -> Answer {
    run(Command::new("make").arg("-C").arg(folder).args(arguments))
}

#[test]
fn make_help_lists_the_services_targets() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &[]);
    for arguments in [&["help"][..], &[]] {
        let help = make(&service, arguments).succeeded().stdout;
        for target in [
            "run",
            "test",
            "coverage",
            "lint",
            "format",
            "doc",
            "name",
            "install-dev",
            "image",
            "clean",
        ] {
            let line = help
                .lines()
                .find_map(|line| line.trim_start().strip_prefix(&format!("make {target} ")))
                .unwrap_or_else(|| panic!("no {target} in\n{help}"));
            assert!(!line.trim().is_empty(), "{target} says nothing");
        }
    }
}

#[test]
fn make_help_lists_the_templates_targets() {
    let help = make(template().root(), &["help"]).succeeded().stdout;
    for target in ["new", "sync", "tools"] {
        assert!(help.contains(&format!("  make {target} ")), "{help}");
    }
}

#[test]
fn make_new_without_a_name_shows_how_to_call_it() {
    let answer = make(template().root(), &["new"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.starts_with("Usage: make new n=orders"),
        "{answer:?}"
    );
}

#[test]
fn make_new_passes_answers_on_as_they_are() {
    let folder = folder();
    let description = "It's $HOME, $(shell id) & `id`; #1 100%";
    let answer = run(Command::new("make")
        .arg("-C")
        .arg(template().root())
        .args(["new", "n=orders", "in_queue=shop.orders"])
        .arg(format!("d={}", folder.path().display()))
        .arg(format!("description={description}"))
        // Variables that happen to stand in the environment are not answers.
        .env("author", "Somebody else")
        // This test was built into a folder of its own; don't build there again.
        .env_remove("CARGO_TARGET_DIR"));
    answer.succeeded();
    let answers = fs::read_to_string(folder.path().join("orders/.isleconsumer.toml")).unwrap();
    let answers: toml::Table = toml::from_str(&answers).unwrap();
    let answers = &answers["answers"];
    assert_eq!(answers["description"].as_str(), Some(description));
    assert_eq!(answers["in_queue"].as_str(), Some("shop.orders"));
    assert_eq!(answers["author"].as_str(), Some("Isle"));
}

#[test]
fn make_name_takes_any_text_as_one_name() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &[]);
    let before = tree(folder.path());
    for name in [
        "n=",
        "n=a b",
        "n=a'; touch injected; '",
        "n=$(shell touch injected)",
    ] {
        let answer = make(&service, &["name", name]);
        assert_eq!(answer.code, Some(2), "{name}");
        assert_same(&before, &tree(folder.path()));
    }
}

#[test]
fn make_image_says_that_it_builds_none_yet() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &[]);
    let answer = make(&service, &["image"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("a later one will"), "{answer:?}");
}

#[test]
fn every_script_of_the_service_is_executable_and_its_shell_can_read_it() {
    let scripts = template_tree()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|ext| ext == "sh"))
        .collect::<Vec<_>>();
    assert!(!scripts.is_empty());
    for (path, file) in scripts {
        let first = file.text().lines().next().unwrap();
        let shell = match first {
            // The second is sourced by another.
            "#!/bin/sh" | "# shellcheck shell=sh" => "sh",
            "#!/usr/bin/env bash" => "bash",
            _ => panic!("{} begins with {first}", path.display()),
        };
        assert_eq!(
            file.executable,
            first.starts_with("#!"),
            "{}",
            path.display()
        );
        run(Command::new(shell)
            .arg("-n")
            .arg(template().service().join(&path)))
        .succeeded();
    }
}
