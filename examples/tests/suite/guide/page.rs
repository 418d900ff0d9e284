//! What a page of documentation tells its reader to do.

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To have a file with this text.
    File { path: String, text: String },
    /// To run a command, which prints this and ends with this code.
    Run {
        command: String,
        prints: Vec<String>,
        code: i32,
    },
    /// What no command shows, in the words of the page's comment.
    Note(String),
}

/// The steps of a page, in its order: blocks of `console`, where `$ ` stands before a command and its output
/// follows; blocks behind a comment `<!-- file PATH -->`; and other comments, of which `<!-- ends with
/// N -->` is for the commands of the next block.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut file, mut code) = (None, 0);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let comment = line
            .strip_prefix("<!-- ")
            .and_then(|comment| comment.strip_suffix(" -->"));
        if let Some(comment) = comment {
            if let Some(path) = comment.strip_prefix("file ") {
                file = Some(path.to_owned());
            } else if let Some(number) = comment.strip_prefix("ends with ") {
                code = number.parse().unwrap();
            } else {
                steps.push(Step::Note(comment.to_owned()));
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some(path) = file.take() {
                let text = block.join("\n") + "\n";
                steps.push(Step::File { path, text });
            } else if language == "console" {
                steps.extend(commands(&block, code));
            }
            code = 0;
        }
    }
    assert_eq!(file, None, "a file without a block");
    steps
}

fn commands(block: &[&str], code: i32) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in block {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step::Run {
                command: command.to_owned(),
                prints: Vec::new(),
                code,
            });
        } else if let Some(Step::Run { prints, .. }) = steps.last_mut() {
            prints.push((*line).to_owned());
        } else {
            panic!("{line:?} stands before the first command of its block");
        }
    }
    steps
}

/// Whether a command printed what the page says, where a line `...` stands for any lines.
pub(super) fn is_as_told(told: &[String], printed: &[&str]) -> bool {
    match told.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=printed.len()).any(|skipped| is_as_told(rest, &printed[skipped..]))
        }
        Some((line, rest)) => {
            printed.first().map(|first| first.trim_end()) == Some(line.trim_end())
                && is_as_told(rest, &printed[1..])
        }
    }
}

#[test]
fn a_page_is_read_into_its_steps() {
    let page = "# A\n<!-- file /etc/x -->\n```text\nx\n\ny\n```\n```toml\nnot = \"for us\"\n```\n\
                <!-- the host starts -->\n<!-- ends with 2 -->\n```console\n$ a b\nc\n$ d\n```\n\
                ```console\n$ e\n```\n";
    let run = |command: &str, prints: &[&str], code| Step::Run {
        command: command.to_owned(),
        prints: prints.iter().map(|line| (*line).to_owned()).collect(),
        code,
    };
    assert_eq!(
        steps(page),
        [
            Step::File {
                path: "/etc/x".to_owned(),
                text: "x\n\ny\n".to_owned()
            },
            Step::Note("the host starts".to_owned()),
            run("a b", &["c"], 2),
            run("d", &[], 2),
            run("e", &[], 0),
        ]
    );
}

#[test]
fn what_is_printed_must_be_as_told_but_for_dots() {
    let told = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    assert!(is_as_told(&told(&["a", "b"]), &["a", "b "]));
    assert!(!is_as_told(&told(&["a"]), &["a", "b"]));
    assert!(!is_as_told(&told(&["a", "b"]), &["a"]));
    assert!(is_as_told(
        &told(&["...", "b", "..."]),
        &["a", "b", "c", "d"]
    ));
    assert!(is_as_told(&told(&["...", "b"]), &["b"]));
    assert!(!is_as_told(&told(&["...", "b", "..."]), &["a", "c"]));
}
