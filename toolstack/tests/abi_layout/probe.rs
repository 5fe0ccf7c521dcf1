//! Has a C compiler work out expressions under a release's headers.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The headers of one release.
pub(super) struct Headers<'a> {
    /// For messages.
    pub(super) name: &'a str,
    /// Folder to search first.
    pub(super) include: &'a Path,
    /// What the program includes.
    pub(super) files: &'a [&'a str],
}

/// The values of `expressions`, in order.
///
/// # Panics
/// With the compiler's words, which name the structure and field, when it
/// refuses one.
pub(super) fn evaluate<'a>(
    headers: &Headers<'_>,
    expressions: impl Iterator<Item = &'a str>,
) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, program) = (folder.path().join("probe.c"), folder.path().join("probe"));
    // Linux's headers take Xen's types from a folder only the kernel's tree has.
    let shim = folder.path().join("xen/interface");
    fs::create_dir_all(&shim).expect("the folder is ours");
    fs::write(shim.join("xen.h"), "#include <xen/xen.h>\n").expect("the folder is ours");
    fs::write(&source, program_text(headers, expressions)).expect("the folder is ours");

    assert!(headers.include.is_dir(), "no folder {}", headers.include.display());
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(compiler);
    compile.args(["-std=gnu11", "-D__XEN_TOOLS__", "-I"]).arg(headers.include);
    compile.arg("-I").arg(folder.path()).arg("-o").arg(&program).arg(&source);
    run(headers, &mut compile);
    let printed = run(headers, &mut Command::new(&program)).stdout;
    let printed = String::from_utf8(printed).expect("the program prints digits");
    printed.lines().map(|line| line.parse().expect("the program prints numbers")).collect()
}

fn program_text<'a>(headers: &Headers<'_>, expressions: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n");
    for file in headers.files {
        text += &format!("#include <{file}>\n");
    }
    text += "int main(void) {\n";
    for expression in expressions {
        text += &format!("    printf(\"%llu\\n\", (unsigned long long)({expression}));\n");
    }
    text + "    return 0;\n}\n"
}

fn run(headers: &Headers<'_>, command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "headers of {}: {command:?}:\n{errors}", headers.name);
    output
}
