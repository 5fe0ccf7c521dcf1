//! What creation does without Xen: reading images and configurations. For comparing two
//! versions on one machine: `cargo bench -p lightvm-bench`. Figures that are published
//! come from the metered host (`scripts/bench`).

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_main};
use lightvm::config::{ConfigFormat, Loader};
use lightvm::image::Kernel;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn images(c: &mut Criterion) {
    for (name, path) in
        [("noop", "target/guests/noop"), ("bookworm", "target/guests/debian/bookworm-vmlinuz")]
    {
        let path = root().join(path);
        if path.exists() {
            let mut group = c.benchmark_group("image");
            group.sample_size(10);
            group.bench_function(name, |b| b.iter(|| Kernel::open(black_box(&path))));
        } else {
            eprintln!(
                "image/{name}: no {}: scripts/build-guests makes noop, scripts/xenbox up the rest",
                path.display()
            );
        }
    }
}

fn configurations(c: &mut Criterion) {
    let folder = root().join("toolstack/examples/config");
    for (file, format) in [("noop.toml", ConfigFormat::Toml), ("debian.cfg", ConfigFormat::Xl)] {
        let text = std::fs::read(folder.join(file)).expect("an example configuration");
        c.bench_function(&format!("config/{file}"), |b| {
            b.iter(|| Loader::new().parse(file, format, black_box(&text)));
        });
    }
}

#[allow(missing_docs, reason = "the macro gives its function no documentation")]
mod group {
    use super::{configurations, images};
    use criterion::criterion_group;

    criterion_group!(pure, images, configurations);
}

criterion_main!(group::pure);
