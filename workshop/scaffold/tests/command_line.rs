//! The command-line cargo-generate, as users call it.

mod support;

use std::{fs, path::Path, process::Command};

use support::{
    assert_same, cargo_generate, folder, generate_from_path, listing, run, template, template_tree,
    tree,
};

/// A bare repository with the template as it lies in the work tree.
fn bare_repository(folder: &Path) -> String {
    let repository = folder.join("template.git");
    let git = |arguments: &[&str]| {
        run(Command::new("git")
            .arg("--git-dir")
            .arg(&repository)
            .arg("--work-tree")
            .arg(template().root())
            .current_dir(template().root())
            .args(["-c", "user.name=Isle", "-c", "user.email=isle@example.org"])
            .args(arguments))
        .succeeded()
    };
    run(Command::new("git")
        .args(["init", "--quiet", "--bare", "--initial-branch=main"])
        .arg(&repository))
    .succeeded();
    git(&[
        "add",
        "--all",
        "--",
        "cargo-generate.toml",
        "hooks",
        "template",
    ]);
    git(&["commit", "--quiet", "--message=The template"]);
    format!("file://{}", repository.display())
}

#[test]
fn a_git_url_renders_the_template() {
    let folder = folder();
    let url = bare_repository(folder.path());
    let services = folder.path().join("services");
    fs::create_dir(&services).unwrap();
    run(cargo_generate()
        .args(["--git", &url, "template", "--name", scaffold::SENTINEL])
        .args(["--silent", "--vcs", "none"])
        .current_dir(&services))
    .succeeded();
    assert_same(&tree(&services.join(scaffold::SENTINEL)), &template_tree());
}

#[test]
fn a_git_url_refuses_a_bad_name() {
    let folder = folder();
    let url = bare_repository(folder.path());
    let services = folder.path().join("services");
    fs::create_dir(&services).unwrap();
    let answer = run(cargo_generate()
        .args(["--git", &url, "template", "--name", "fn", "--silent"])
        .current_dir(&services));
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.stderr.contains("'fn' is a keyword of Rust"),
        "{answer:?}"
    );
    assert!(listing(&services).is_empty());
}

#[test]
fn a_clone_renders_without_naming_the_folder() {
    // The prompt for the only sub-template needs no answer under --silent.
    let folder = folder();
    run(cargo_generate()
        .arg("--path")
        .arg(template().root())
        .args(["--name", scaffold::SENTINEL, "--silent", "--vcs", "none"])
        .current_dir(folder.path()))
    .succeeded();
    let service = folder.path().join(scaffold::SENTINEL);
    assert_same(&tree(&service), &template_tree());
}

#[test]
fn a_service_is_a_git_repository_unless_asked_otherwise() {
    let folder = folder();
    run(cargo_generate()
        .arg("--path")
        .arg(template().root())
        .args(["template", "--name", "orders", "--silent"])
        .current_dir(folder.path()))
    .succeeded();
    assert!(folder.path().join("orders/.git").is_dir());
}

#[test]
fn no_user_is_a_clear_error_or_none_at_all() {
    let (folder, home) = (folder(), support::folder());
    let mut command = generate_from_path("orders", folder.path(), &[]);
    command
        .env("HOME", home.path())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for name in scaffold::USER_NAMES.into_iter().chain(["XDG_CONFIG_HOME"]) {
        command.env_remove(name);
    }
    // cargo-generate insists on a user although the template does not ask for one:
    // git's configuration may name it, and so may any of the variables.
    let answer = run(&mut command);
    if answer.code != Some(0) {
        assert!(answer.stderr.contains("please set $USER"), "{answer:?}");
        assert!(listing(folder.path()).is_empty());
        run(command.env("USER", "nobody")).succeeded();
    }
    assert!(folder.path().join("orders/Cargo.toml").exists());
}

const WORKSPACE: &str = "# All our services.\n[workspace]\nmembers = [] # none yet\n";

#[test]
fn make_new_leaves_a_workspace_around_it_alone() {
    let folder = folder();
    let manifest = folder.path().join("Cargo.toml");
    fs::write(&manifest, WORKSPACE).unwrap();
    let service = support::rendered("orders", folder.path(), &[]);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), WORKSPACE);
    builds_nothing_but_is_understood(&service);
}

#[test]
fn the_command_line_leaves_a_workspace_alone_when_told_so() {
    let folder = folder();
    let manifest = folder.path().join("Cargo.toml");
    fs::write(&manifest, WORKSPACE).unwrap();
    run(generate_from_path("orders", folder.path(), &[]).arg("--no-workspace")).succeeded();
    assert_eq!(fs::read_to_string(&manifest).unwrap(), WORKSPACE);
    builds_nothing_but_is_understood(&folder.path().join("orders"));
}

/// Cargo finds the service's own workspace, not the one around it.
fn builds_nothing_but_is_understood(service: &Path) {
    let metadata = run(Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--no-deps", "--format-version=1"])
        .current_dir(service))
    .succeeded();
    let metadata: serde_json::Value = serde_json::from_str(&metadata.stdout).unwrap();
    let root = Path::new(metadata["workspace_root"].as_str().unwrap());
    assert_eq!(root, service.canonicalize().unwrap());
}
