//! Rendered services build, lint and pass their own tests, by their own make targets.
//!
//! Slow: each compiles the framework and needs a broker. All share one target
//! folder, so the dependencies are built once.

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::{names, rendered, run, template, tree};

/// A folder for one service, at the same place each time: cargo keeps what it built
/// by path, and would pile it up for paths that change.
fn place(test: &str) -> PathBuf {
    let place = template().root().join("target/services").join(test);
    if place.exists() {
        fs::remove_dir_all(&place).expect("remove the last run's service");
    }
    fs::create_dir_all(&place).expect("create a folder");
    place
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| template().root().join("target"), PathBuf::from)
}

/// Runs a command in the service as its user would.
#[track_caller]
fn works(service: &Path, program: &str, arguments: &[&str]) -> support::Answer {
    run(Command::new(program)
        .args(arguments)
        .current_dir(service)
        .env("CARGO_TARGET_DIR", target())
        // Set by the cargo that runs this test; the service has a toolchain of its own.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO_MANIFEST_DIR"))
    .succeeded()
}

/// The service passes its own checks, which change nothing.
#[track_caller]
fn is_sound(service: &Path) {
    let before = tree(service);
    works(service, "make", &["lint"]);
    works(service, "make", &["test"]);
    support::assert_same(&before, &tree(service));
}

#[test]
fn a_service_with_the_default_answers_is_sound() {
    let service = rendered("a", &place("default"), &[]);
    is_sound(&service);
    // Without make as well: the tests look for a broker themselves.
    works(&service, "cargo", &["test", "--locked"]);
}

#[test]
fn a_service_with_answers_of_its_own_is_sound() {
    let queue = "q.".repeat(45);
    let service = rendered(
        "order-mailer-2",
        &place("answered"),
        &[
            (
                "description",
                "Mails the shop's receipts: <b>, `x`, 100% & #1.",
            ),
            ("author", "Ada Lovelace <ada@example.org>"),
            ("in_queue", &queue),
            ("out_queue", "shop.receipts-v2_A"),
        ],
    );
    is_sound(&service);
}

#[test]
fn a_renamed_service_is_sound() {
    let place = place("renamed");
    let service = rendered("orders", &place, &[]);
    works(
        &service,
        "make",
        &["name", &format!("n={}", *names::LONGEST)],
    );
    is_sound(&place.join(&*names::LONGEST));
}
