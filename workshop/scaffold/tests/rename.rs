//! `make name` gives what a fresh service of that name is, or changes nothing.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use support::{
    Answer, Tree, assert_same, folder, listing, names, rendered, run, scaffold_new, tree,
};

const ANSWERS: [(&str, &str); 3] = [
    ("description", "Bills orders, an order at a time."),
    ("in_queue", "orders"),
    ("out_queue", "bills"),
];

fn rename(service: &Path, name: &str) -> Command {
    let mut command = Command::new(service.join("spanconsumer/scripts/rename.sh"));
    command.arg(name);
    command
}

#[test]
fn a_renamed_service_equals_a_fresh_one() {
    for (old, new) in [
        ("orders", "billing"),
        ("a", &*names::LONGEST),
        (&names::LONGEST, "a"),
        // The one name is part of the other.
        ("order", "order-order"),
    ] {
        let (folder, fresh) = (folder(), support::folder());
        let service = rendered(old, folder.path(), &ANSWERS);
        let said = run(&mut rename(&service, new)).succeeded();
        assert!(said.stderr.contains("keep their names"), "{said:?}");
        rendered(new, fresh.path(), &ANSWERS);
        assert_same(&tree(folder.path()), &tree(fresh.path()));
        assert_eq!(listing(folder.path()), [new]);
    }
}

#[test]
fn make_passes_the_name_on_and_a_second_time_changes_nothing() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &ANSWERS);
    let make = |service: &Path| {
        run(Command::new("make")
            .arg("-C")
            .arg(service)
            .args(["name", "n=billing"]))
    };
    make(&service).succeeded();
    let service = folder.path().join("billing");
    let before = tree(&service);
    let said = make(&service).succeeded();
    assert!(said.stderr.contains("nothing to do"), "{said:?}");
    assert_same(&before, &tree(&service));
}

#[test]
fn there_and_back_again_changes_nothing() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &ANSWERS);
    let before = tree(&service);
    run(&mut rename(&service, "billing")).succeeded();
    run(&mut rename(&folder.path().join("billing"), "orders")).succeeded();
    assert_same(&before, &tree(&service));
}

#[test]
fn a_folder_of_another_name_keeps_it() {
    let (folder, fresh) = (folder(), support::folder());
    let service = rendered("orders", folder.path(), &ANSWERS);
    let elsewhere = folder.path().join("my checkout");
    fs::rename(service, &elsewhere).unwrap();
    run(&mut rename(&elsewhere, "billing")).succeeded();
    let fresh = rendered("billing", fresh.path(), &ANSWERS);
    assert_same(&tree(&elsewhere), &tree(&fresh));
}

#[test]
fn the_readme_loses_its_title_and_no_other_word() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &ANSWERS);
    let readme = service.join("README.md");
    let text = fs::read_to_string(&readme).unwrap() + "\nIt takes orders.\n\n# orders\n";
    fs::write(&readme, &text).unwrap();
    run(&mut rename(&service, "billing")).succeeded();
    assert_eq!(
        fs::read_to_string(folder.path().join("billing/README.md")).unwrap(),
        text.replacen("# orders", "# billing", 1)
    );
}

#[test]
fn a_readme_with_a_title_of_its_own_stays_as_it_is() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &ANSWERS);
    fs::write(service.join("README.md"), "# The till\n").unwrap();
    let said = run(&mut rename(&service, "billing")).succeeded();
    assert!(said.stderr.contains("stays as it is"), "{said:?}");
    let readme = fs::read_to_string(folder.path().join("billing/README.md")).unwrap();
    assert_eq!(readme, "# The till\n");
}

#[test]
fn the_rule_for_names_is_the_templates() {
    let folder = folder();
    let service = rendered("sentinel", folder.path(), &[]);
    let before = tree(folder.path());
    for (name, reason) in names::bad() {
        let Answer { code, stderr, .. } = run(&mut rename(&service, name));
        assert_eq!(code, Some(2), "{name:?}: {stderr}");
        assert!(stderr.contains(reason), "{name:?}: {stderr}");
        assert_same(&before, &tree(folder.path()));
    }
    let mut service = service;
    for name in names::good() {
        run(&mut rename(&service, name)).succeeded();
        service = folder.path().join(name);
    }
    // Every package of the lock file, not only those that the list names.
    let lock: toml::Table =
        toml::from_str(&fs::read_to_string(service.join("Cargo.lock")).unwrap()).unwrap();
    for package in lock["package"].as_array().unwrap().iter().take(20) {
        let name = package["name"].as_str().unwrap();
        assert_eq!(run(&mut rename(&service, name)).code, Some(2), "{name}");
        let answer = run(&mut scaffold_new(name, folder.path(), &[]));
        assert_eq!(answer.code, Some(2), "{name}");
    }
}

#[test]
fn a_dependency_of_the_users_own_is_taken_too() {
    for dependency in [
        "[dependencies]\nbilling = \"1\"\n",
        "[dev-dependencies]\nbilling.workspace = true\n",
        "[build-dependencies.billing]\nversion = \"1\"\n",
        "[target.'cfg(unix)'.dependencies]\nbilling = { version = \"1\" }\n",
    ] {
        let folder = folder();
        let service = rendered("orders", folder.path(), &[]);
        let manifest = service.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, format!("{text}\n{dependency}")).unwrap();
        let answer = run(&mut rename(&service, "billing"));
        assert_eq!(answer.code, Some(2), "{dependency}");
        assert!(answer.stderr.contains("depends on"), "{answer:?}");
    }
}

/// Renames and expects that nothing at all has changed.
#[track_caller]
fn changes_nothing(folder: &Path, service: &Path, reason: &str) {
    let before = tree(folder);
    let answer = run(&mut rename(service, "billing"));
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains(reason), "{answer:?}");
    assert_same(&before, &tree(folder));
}

#[test]
fn a_file_that_does_not_name_the_service_stops_the_rename() {
    for (file, line) in [
        ("Cargo.lock", "name = \"orders\"\n"),
        (".isleconsumer.toml", "name = \"orders\"\n"),
        (".isleconsumer.toml", "[answers]\n"),
        ("Cargo.toml", "name = \"orders\"\n"),
    ] {
        let folder = folder();
        let service = rendered("orders", folder.path(), &ANSWERS);
        let text = fs::read_to_string(service.join(file)).unwrap();
        fs::write(service.join(file), text.replacen(line, "", 1)).unwrap();
        changes_nothing(folder.path(), &service, file);
    }
    for file in ["Cargo.toml", "Cargo.lock", ".isleconsumer.toml"] {
        let folder = folder();
        let service = rendered("orders", folder.path(), &ANSWERS);
        fs::remove_file(service.join(file)).unwrap();
        changes_nothing(folder.path(), &service, file);
    }
}

#[test]
fn a_folder_of_the_new_name_stops_the_rename() {
    let folder = folder();
    let service = rendered("orders", folder.path(), &ANSWERS);
    fs::create_dir(folder.path().join("billing")).unwrap();
    changes_nothing(folder.path(), &service, "exists already");
}

/// Puts a program in front of `tool` that goes wrong at its `nth` call.
fn saboteur(folder: &Path, tool: &str, nth: usize, wrong: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\n\
         echo >>'{folder}/calls'\n\
         if [ \"$(wc -l <'{folder}/calls')\" -eq {nth} ]; then {wrong}; fi\n\
         PATH=$REAL_PATH exec {tool} \"$@\"\n",
        folder = folder.display()
    );
    let path = folder.join(tool);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder.join("calls")
}

/// Renames with `tool` going wrong at its first call, its second, and so on until it
/// is not called that often; each time the service is the old one or the new one.
#[track_caller]
fn survives(tool: &str, wrong: &str) {
    let fresh = folder();
    rendered("billing", fresh.path(), &ANSWERS);
    let fresh = tree(fresh.path());
    let path = std::env::var("PATH").unwrap();
    let (folder, tools) = (folder(), support::folder());
    let service = rendered("orders", folder.path(), &ANSWERS);
    let old: Tree = tree(folder.path());
    for nth in 1.. {
        let calls = saboteur(tools.path(), tool, nth, wrong);
        let answer = run(rename(&service, "billing")
            .env("PATH", format!("{}:{path}", tools.path().display()))
            .env("REAL_PATH", &path));
        let called = fs::read_to_string(&calls).unwrap().lines().count();
        if answer.code == Some(0) {
            assert_same(&fresh, &tree(folder.path()));
            assert!(nth > 1, "{tool} went wrong and nobody noticed");
            break;
        }
        assert!(called >= nth, "it failed of itself: {answer:?}");
        assert_same(&old, &tree(folder.path()));
        fs::remove_file(calls).unwrap();
    }
}

#[test]
fn a_move_that_fails_changes_nothing() {
    survives("mv", "echo 'mv: no' >&2; exit 1");
}

#[test]
fn a_copy_that_fails_changes_nothing() {
    survives("cp", "exit 1");
}

#[test]
fn a_full_disk_changes_nothing() {
    survives("awk", "echo half; exit 2");
}

#[test]
fn a_signal_changes_nothing() {
    for signal in ["HUP", "INT", "TERM"] {
        // Before the tool has done its work, and after.
        survives("mv", &format!("kill -{signal} $PPID"));
        survives(
            "mv",
            &format!("PATH=$REAL_PATH mv \"$@\"; kill -{signal} $PPID; exit 0"),
        );
    }
}
