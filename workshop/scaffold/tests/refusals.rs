//! A bad name or answer is refused with a reason, and leaves nothing behind.

mod support;

use support::{Answer, folder, generate_from_path, listing, names, rendered, run, scaffold_new};

/// A bad answer, and part of the reason.
const BAD_ANSWERS: [(&str, &str, &str); 23] = [
    ("description", "", "description"),
    ("description", " ", "description"),
    ("description", "two\nlines", "description"),
    ("description", "tab\tulator", "description"),
    ("description", "a \"quote\"", "description"),
    ("description", "back\\slash", "description"),
    ("description", "{{tag}}", "description"),
    ("description", "{% tag %}", "description"),
    ("description", "line\u{2028}separator", "description"),
    ("author", "", "author"),
    ("author", "\"A\"", "author"),
    ("author", "A {B}", "author"),
    ("in_queue", "", "in_queue"),
    ("in_queue", "a b", "in_queue"),
    ("in_queue", ".a", "in_queue"),
    ("in_queue", "a\"b", "in_queue"),
    ("in_queue", "é", "in_queue"),
    ("in_queue", "amq.topic", "reserved by the broker"),
    ("in_queue", "out_queue", "its own results"),
    ("out_queue", "a/b", "out_queue"),
    ("out_queue", "amq.x", "reserved by the broker"),
    ("out_queue", "in_queue.dead", "dead-letter queue"),
    ("in_queue", "out_queue.dead", "dead-letter queue"),
];

#[test]
fn make_new_refuses_bad_names() {
    for (name, reason) in names::bad() {
        let folder = folder();
        let Answer { code, stderr, .. } = run(&mut scaffold_new(name, folder.path(), &[]));
        assert_eq!(code, Some(2), "{name:?}: {stderr}");
        assert!(stderr.contains(reason), "{name:?}: {stderr}");
        assert!(
            stderr.starts_with("scaffold: "),
            "nothing else is said: {stderr}"
        );
        assert!(listing(folder.path()).is_empty(), "{name:?}");
    }
}

#[test]
fn the_command_line_refuses_bad_names() {
    for (name, reason) in names::bad() {
        // --force keeps cargo-generate from turning the name into kebab case.
        let options: &[_] = match name {
            "Foo_Bar" | "é" | "a b" => &[None, Some("--force")],
            _ => &[None],
        };
        for option in options {
            let folder = folder();
            let mut command = generate_from_path(name, folder.path(), &[]);
            let Answer { code, stderr, .. } = run(command.args(*option));
            assert_eq!(code, Some(1), "{name:?} {option:?}: {stderr}");
            assert!(
                stderr.contains("refused: "),
                "{name:?} {option:?}: {stderr}"
            );
            assert!(stderr.contains(reason), "{name:?} {option:?}: {stderr}");
            assert!(listing(folder.path()).is_empty(), "{name:?} {option:?}");
        }
    }
}

#[test]
fn make_new_takes_good_names() {
    let folder = folder();
    for name in names::good() {
        rendered(name, folder.path(), &[]);
    }
}

#[test]
fn make_new_refuses_bad_answers() {
    for (question, answer, reason) in BAD_ANSWERS {
        let folder = folder();
        let answers = [(question, answer)];
        let Answer { code, stderr, .. } = run(&mut scaffold_new("orders", folder.path(), &answers));
        assert_eq!(code, Some(2), "{question}={answer:?}: {stderr}");
        assert!(stderr.contains(reason), "{question}={answer:?}: {stderr}");
        assert!(listing(folder.path()).is_empty(), "{question}={answer:?}");
    }
}

#[test]
fn the_command_line_refuses_bad_answers() {
    for (question, answer, reason) in BAD_ANSWERS {
        let folder = folder();
        let answers = [(question, answer)];
        let mut command = generate_from_path("orders", folder.path(), &answers);
        let Answer { code, stderr, .. } = run(&mut command);
        assert_eq!(code, Some(1), "{question}={answer:?}: {stderr}");
        // cargo-generate itself can't take in a line break, and names the pair instead.
        assert!(stderr.contains(reason), "{question}={answer:?}: {stderr}");
        // It makes the folder before it looks at an answer, and leaves it, empty.
        for name in listing(folder.path()) {
            assert_eq!(name, "orders");
            assert!(listing(&folder.path().join(name)).is_empty());
        }
    }
}

#[test]
fn the_command_line_refuses_a_name_that_a_definition_smuggles_in() {
    let folder = folder();
    let answers = [("project-name", "Foo_Bar")];
    let answer = run(&mut generate_from_path("orders", folder.path(), &answers));
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("kebab case"), "{answer:?}");
}
