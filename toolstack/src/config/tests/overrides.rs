//! Files, assignments and flags together.

use std::fs;
use std::path::Path;

use super::error;
use crate::config::{ConfigError, ConfigFormat, GuestConfig, GuestOverrides, GuestType, Loader};

fn memory(text: &str) -> GuestOverrides {
    GuestOverrides { memory: text.parse().ok(), ..GuestOverrides::default() }
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a writable temporary folder");
    path
}

#[test]
fn flags_win_over_assignments_and_assignments_over_the_file() {
    let file = b"kernel = 'k'\nmemory = 4\nvcpus = 1\ncap = 10\n";
    let loader = Loader::new().assign("memory=8; vcpus=2").overrides(memory("16MiB"));
    for format in [ConfigFormat::Xl, ConfigFormat::Toml] {
        let config = loader.parse("g", format, file).unwrap().config;
        assert_eq!(config.memory().kib(), 16 << 10);
        assert_eq!(config.vcpus(), 2);
        assert_eq!(config.cap(), Some(10));
    }
}

#[test]
fn assignments_append_to_an_xl_file() {
    let loader = Loader::new().assign("extra+=' single'");
    let config = loader.parse("g", ConfigFormat::Xl, b"kernel='k'; extra='quiet'").unwrap().config;
    assert_eq!(config.cmdline(), "quiet single");
}

#[test]
fn assignments_do_not_bring_xl_s_defaults_to_toml() {
    let loader = Loader::new().assign("vcpus=2");
    let toml = b"kernel = 'k'\nmemory = 4\n";
    assert_eq!(loader.parse("g", ConfigFormat::Toml, toml).unwrap().config.guest_type(), None);
}

#[test]
fn a_guest_can_do_without_a_file() {
    let overrides = GuestOverrides { kernel: Some("noop".into()), ..memory("4") };
    let config = GuestConfig::from_overrides(overrides.clone()).unwrap().config;
    assert_eq!(config.kernel(), Path::new("noop"));
    assert_eq!(config.guest_type(), None);
    let loaded = Loader::new().assign("type='pvh'").overrides(overrides).without_file().unwrap();
    assert_eq!(loaded.config.guest_type(), Some(GuestType::Pvh));
    let current = std::env::current_dir().unwrap();
    assert_eq!(loaded.config.kernel(), current.join("noop"));
}

#[test]
fn an_override_s_error_names_the_flag() {
    let overrides = GuestOverrides { max_memory: "8".parse().ok(), ..memory("16") };
    assert_eq!(
        error(Loader::new().overrides(overrides).parse("g", ConfigFormat::Xl, b"kernel='k'")),
        "--max-memory: max_memory: 8MiB is less than memory, which is 16MiB (--memory); \
         raise one or lower the other"
    );
    let overrides = GuestOverrides { cmdline: Some("a\0".into()), ..memory("4") };
    assert_eq!(
        error(Loader::new().overrides(overrides).parse("g", ConfigFormat::Xl, b"kernel='k'")),
        "--cmdline: cmdline: the value contains a NUL byte"
    );
}

#[test]
fn relative_paths_are_relative_to_a_toml_file_but_not_to_an_xl_file() {
    let folder = tempfile::tempdir().unwrap();
    let current = std::env::current_dir().unwrap();
    let toml = write(folder.path(), "g.toml", "kernel = 'k'\nramdisk = '/i'\nmemory = 4\n");
    let config = GuestConfig::load(&toml).unwrap().config;
    assert_eq!(config.kernel(), folder.path().join("k"));
    assert_eq!(config.ramdisk(), Some(Path::new("/i")));
    let config = Loader::new().assign("ramdisk='i'").load(&toml).unwrap().config;
    assert_eq!(config.ramdisk(), Some(current.join("i").as_path()));
    let xl = write(folder.path(), "g.cfg", "kernel = 'k'\n");
    assert_eq!(GuestConfig::load(xl).unwrap().config.kernel(), current.join("k"));
}

#[test]
fn the_format_goes_by_the_file_s_name_unless_said() {
    for (name, format) in [
        ("a.toml", ConfigFormat::Toml),
        ("a.TOML", ConfigFormat::Toml),
        ("a.cfg", ConfigFormat::Xl),
        ("toml", ConfigFormat::Xl),
        ("/dev/fd/3", ConfigFormat::Xl),
    ] {
        assert_eq!(ConfigFormat::of_path(Path::new(name)), format, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "guest", "kernel = 'k'\nmax_memory = '8MiB'\n");
    let loaded = Loader::new().format(ConfigFormat::Toml).load(path).unwrap();
    assert_eq!(loaded.config.max_memory().kib(), 8 << 10);
}

#[test]
fn unreadable_and_oversized_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.cfg");
    let problem = GuestConfig::load(&missing).unwrap_err();
    assert_eq!(problem.to_string(), format!("cannot read the configuration {}", missing.display()));
    assert!(std::error::Error::source(&problem).is_some());
    assert!(matches!(GuestConfig::load(folder.path()), Err(ConfigError::Read { .. })));
    assert!(matches!(GuestConfig::load("/dev/zero"), Err(ConfigError::TooLarge { .. })));
    let mut text = "kernel = 'k'\n".to_owned();
    text.push_str(&"#".repeat((1 << 20) - text.len()));
    assert!(GuestConfig::load(write(folder.path(), "full.cfg", &text)).is_ok());
    text.push('#');
    let problem = error(GuestConfig::load(write(folder.path(), "over.cfg", &text)));
    assert!(
        problem.ends_with("over.cfg is larger than 1024 KiB; a configuration is a small text file")
    );
}
