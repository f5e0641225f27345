//! A rendered service is the template with the answers in it, and nothing else.

mod support;

use std::fs;

use support::{
    RENDERED, assert_same, folder, generate_from_path, listing, names, questions, rendered, run,
    scaffold_new, template, template_tree, tree,
};

/// Every answer other than the default.
const ANSWERS: [(&str, &str); 4] = [
    (
        "description",
        "It's Zoë's: reads <b>, costs $5 & 100% `sure` #1",
    ),
    ("author", "Ada Lovelace <ada@example.org>"),
    ("in_queue", "shop.orders-v2_A"),
    ("out_queue", "0receipts"),
];

#[test]
fn the_sentinels_answers_reproduce_the_template_byte_for_byte() {
    let folder = folder();
    let service = rendered(scaffold::SENTINEL, folder.path(), &[]);
    assert_same(&tree(&service), &template_tree());
}

#[test]
fn a_service_holds_every_answer_and_no_tag_or_sentinel() {
    let questions = questions();
    assert_eq!(
        questions.len(),
        ANSWERS.len(),
        "a question has no answer here"
    );
    for (name, answers) in [
        ("a", &[][..]),
        ("order-mailer", &ANSWERS[..]),
        (&names::LONGEST, &ANSWERS[..1]),
    ] {
        let folder = folder();
        let tree = tree(&rendered(name, folder.path(), answers));
        let answer = |question: &str| {
            answers
                .iter()
                .find(|(key, _)| *key == question)
                .map_or(questions[question].default.as_str(), |(_, answer)| answer)
        };
        let toml = |file: &str| {
            toml::from_str::<toml::Table>(tree[std::path::Path::new(file)].text()).unwrap()
        };

        let manifest = toml("Cargo.toml");
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        assert_eq!(
            manifest["package"]["description"].as_str(),
            Some(answer("description"))
        );
        assert_eq!(
            manifest["package"]["authors"].as_array().unwrap()[0].as_str(),
            Some(answer("author"))
        );
        assert_eq!(manifest["lib"]["name"].as_str(), Some("service"));

        let recorded = toml(".isleconsumer.toml");
        assert_eq!(recorded["answers"]["name"].as_str(), Some(name));
        for question in questions.keys() {
            let found = recorded["answers"][question].as_str();
            assert_eq!(found, Some(answer(question)), "{question}");
        }
        assert_eq!(
            recorded["answers"].as_table().unwrap().len(),
            questions.len() + 1
        );

        let lock = toml("Cargo.lock");
        let locked = lock["package"].as_array().unwrap();
        assert!(locked.iter().any(|one| one["name"].as_str() == Some(name)));

        let readme = tree[std::path::Path::new("README.md")].text();
        assert!(readme.starts_with(&format!("# {name}\n\n{}\n", answer("description"))));

        let queues = tree[std::path::Path::new("src/queues.rs")].text();
        for (constant, question) in [("IN_QUEUE", "in_queue"), ("OUT_QUEUE", "out_queue")] {
            let line = format!("pub const {constant}: &str = \"{}\";\n", answer(question));
            assert!(queues.contains(&line), "{queues}");
        }

        for (path, file) in &tree {
            let text = String::from_utf8_lossy(&file.content);
            assert!(!text.contains(scaffold::SENTINEL), "{}", path.display());
        }
        for file in RENDERED {
            let text = tree[std::path::Path::new(file)].text();
            assert!(!text.contains("{{") && !text.contains("{%"), "{file}");
            assert!(!text.contains("\"\"\n"), "{file} has an empty field");
        }
    }
}

#[test]
fn a_service_has_the_templates_files_and_modes() {
    let folder = folder();
    let service = tree(&rendered("order-mailer", folder.path(), &ANSWERS));
    let files = |tree: &support::Tree| {
        tree.iter()
            .map(|(path, file)| (path.clone(), file.executable))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&service), files(&template_tree()));
    assert!(service.values().any(|file| file.executable));
}

#[test]
fn a_long_queue_name_is_written_as_rustfmt_would() {
    // Around the lengths at which rustfmt breaks the line, and gives up breaking it.
    for length in [69, 70, 71, 92, 93, 94, 200] {
        let folder = folder();
        let (incoming, outgoing) = ("i".repeat(length), "o".repeat(length));
        let answers = [("in_queue", &*incoming), ("out_queue", &*outgoing)];
        let service = rendered("orders", folder.path(), &answers);
        run(std::process::Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .arg(service.join("src/queues.rs")))
        .succeeded();
    }
}

#[test]
fn what_a_build_left_in_the_template_is_not_copied() {
    let clone = folder();
    run(std::process::Command::new("cp")
        .arg("-R")
        .args(["cargo-generate.toml", "hooks", "template"].map(|part| template().root().join(part)))
        .arg(clone.path()))
    .succeeded();
    for litter in ["target", "scratch"] {
        let litter = clone.path().join("template").join(litter);
        fs::create_dir_all(&litter).unwrap();
        fs::write(litter.join("litter"), "").unwrap();
    }

    let by_scaffold = folder();
    run(scaffold_new("orders", by_scaffold.path(), &[])
        .arg("--template")
        .arg(clone.path()))
    .succeeded();
    let by_command_line = folder();
    run(support::cargo_generate()
        .arg("--path")
        .arg(clone.path())
        .args(["template", "--name", "orders", "--silent", "--vcs", "none"])
        .current_dir(by_command_line.path()))
    .succeeded();
    for folder in [by_scaffold, by_command_line] {
        let names = listing(&folder.path().join("orders"));
        assert!(!names.contains(&"target".to_owned()), "{names:?}");
        assert!(!names.contains(&"scratch".to_owned()), "{names:?}");
    }
}

#[test]
fn make_new_and_the_command_line_render_the_same() {
    let (left, right) = (folder(), folder());
    rendered("order-mailer", left.path(), &ANSWERS);
    run(&mut generate_from_path(
        "order-mailer",
        right.path(),
        &ANSWERS,
    ))
    .succeeded();
    assert_same(&tree(left.path()), &tree(right.path()));
}

#[test]
fn a_folder_that_exists_is_not_touched() {
    let folder = folder();
    fs::create_dir(folder.path().join("orders")).unwrap();
    fs::write(folder.path().join("orders/mine"), "mine").unwrap();
    let before = tree(folder.path());
    let answer = run(&mut scaffold_new("orders", folder.path(), &[]));
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("exists already"), "{answer:?}");
    assert_same(&before, &tree(folder.path()));
    assert_eq!(listing(folder.path()), ["orders"]);
}

#[test]
fn a_missing_folder_is_refused() {
    let folder = folder();
    let answer = run(&mut scaffold_new("orders", &folder.path().join("no"), &[]));
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("does not exist"), "{answer:?}");
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn make_new_needs_no_user_and_heeds_no_stray_setting() {
    let (folder, home) = (folder(), support::folder());
    fs::write(
        home.path().join("cargo-generate.toml"),
        "[values]\nauthor = \"From the settings\"\n",
    )
    .unwrap();
    let mut command = scaffold_new(scaffold::SENTINEL, folder.path(), &[]);
    command
        .env("CARGO_HOME", home.path())
        .env("CARGO_GENERATE_VALUE_IN_QUEUE", "from_the_environment");
    for name in scaffold::USER_NAMES {
        command.env_remove(name);
    }
    run(&mut command).succeeded();
    assert_same(
        &tree(&folder.path().join(scaffold::SENTINEL)),
        &template_tree(),
    );
}
