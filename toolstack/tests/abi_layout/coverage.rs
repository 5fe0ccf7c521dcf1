//! Finds what `src/xen/abi` declares and no check mentions, so that nothing is
//! added there without its line in the table.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::check::Check;

/// Public constants, structures and fields without a check; fields whose name
/// starts with `_` are padding.
pub(super) fn missing(checks: &[Check], exempt: &[&str]) -> Vec<String> {
    let mut known: HashSet<&str> = checks.iter().map(|c| last_word(&c.item)).collect();
    known.extend(exempt);
    declared().into_iter().filter(|item| !known.contains(item.as_str())).collect()
}

fn last_word(text: &str) -> &str {
    let word = text.rsplit(' ').next().unwrap_or(text);
    word.strip_prefix("abi::").unwrap_or(word)
}

fn declared() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/xen/abi");
    let mut items = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of ring 1") {
        let path = entry.expect("the folder of ring 1").path();
        let module = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a source file");
        items.extend(declared_in(&module, &text));
    }
    assert!(items.len() > 100, "the sources are not where they were: {items:?}");
    items
}

/// Reads one file by its lines, as rustfmt leaves them.
fn declared_in(module: &str, text: &str) -> Vec<String> {
    let outer = if module == "mod" { String::new() } else { format!("{module}::") };
    let (mut scope, mut items) = (outer.clone(), Vec::new());
    for line in text.lines() {
        if line == "}" {
            scope.clone_from(&outer);
        }
        let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
        let (kind, named) = rest.split_once(' ').unwrap_or((rest, ""));
        let name: String = named.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
        match kind {
            "mod" if rest.ends_with('{') => scope = format!("{outer}{name}::"),
            "const" => items.push(format!("{scope}{name}")),
            "struct" => {
                items.push(format!("{outer}{name}"));
                if rest.ends_with('{') {
                    scope = format!("{outer}{name}.");
                }
            }
            field if field.ends_with(':') && !field.starts_with('_') => {
                items.push(format!("{scope}{}", field.trim_end_matches(':')));
            }
            _ => {}
        }
    }
    items
}
