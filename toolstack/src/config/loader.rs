//! Finding out what a configuration is, reading it, and laying the command line over it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::check;
use super::error::{ConfigError, Warning};
use super::guest::GuestConfig;
use super::layer::Layer;
use super::overrides::GuestOverrides;
use super::{toml_format, xl};

/// The largest configuration file: 1 MiB.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

/// A configuration file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFormat {
    /// Our own TOML.
    Toml,
    /// `xl.cfg`.
    Xl,
}

impl ConfigFormat {
    /// The format by the file's name: TOML when it ends in `.toml`, otherwise `xl.cfg`.
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Self::Toml,
            _ => Self::Xl,
        }
    }
}

/// A guest's description and what its author should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The guest.
    pub config: GuestConfig,
    /// Keys that were ignored, and the like, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Reads a guest's description from a file, `key=value` assignments and flags.
///
/// Flags win over assignments, assignments over the file.
///
/// ```
/// use lightvm::config::{ConfigFormat, GuestOverrides, Loader};
///
/// let overrides = GuestOverrides { memory: Some("8MiB".parse()?), ..Default::default() };
/// let loaded = Loader::new()
///     .assign("vcpus=2")
///     .overrides(overrides)
///     .parse("guest.cfg", ConfigFormat::Xl, b"kernel = '/boot/noop'\nmemory = 4\n")?;
/// assert_eq!(loaded.config.memory().kib(), 8 << 10);
/// assert_eq!(loaded.config.vcpus(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loader {
    format: Option<ConfigFormat>,
    assignments: Vec<String>,
    overrides: GuestOverrides,
}

impl Loader {
    /// A loader without overrides that tells the format by the file's name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes files to be in this format, whatever their name.
    #[must_use]
    pub const fn format(mut self, format: ConfigFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Adds an assignment in `xl.cfg`'s syntax, such as `memory=64` or `extra+=" quiet"`, as
    /// `xl create` takes after the file. `+=` adds to what an `xl.cfg` file says.
    #[must_use]
    pub fn assign(mut self, assignment: impl Into<String>) -> Self {
        self.assignments.push(assignment.into());
        self
    }

    /// Sets what wins over file and assignments.
    #[must_use]
    pub fn overrides(mut self, overrides: GuestOverrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Reads the file at `path`, lays the rest over it, and checks the result. The kernel's and
    /// RAM disk's paths come out absolute: relative ones are relative to the TOML file's folder,
    /// but to the current directory in `xl.cfg`, assignments and flags.
    ///
    /// # Errors
    /// When the file cannot be read, anything is malformed, or the whole describes no guest.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Loaded, ConfigError> {
        let path = path.as_ref();
        let bytes = read(path)?;
        let format = self.format.unwrap_or_else(|| ConfigFormat::of_path(path));
        let folder = match format {
            ConfigFormat::Toml => absolute(path)?.parent().map(Path::to_owned),
            ConfigFormat::Xl => None,
        };
        let name = path.to_string_lossy();
        self.combine(Some((&name, format, &bytes)), folder.as_deref(), Some(&absolute(".")?))
    }

    /// As [`Loader::load`] for a guest described without a file.
    ///
    /// # Errors
    /// When an assignment is malformed, or the whole describes no guest.
    pub fn without_file(&self) -> Result<Loaded, ConfigError> {
        self.combine(None, None, Some(&absolute(".")?))
    }

    /// As [`Loader::load`] for text in memory, which messages call `name`. Paths stay as they are.
    ///
    /// # Errors
    /// When anything is malformed, or the whole describes no guest.
    pub fn parse(
        &self,
        name: &str,
        format: ConfigFormat,
        text: &[u8],
    ) -> Result<Loaded, ConfigError> {
        self.combine(Some((name, format, text)), None, None)
    }

    fn combine(
        &self,
        file: Option<(&str, ConfigFormat, &[u8])>,
        file_folder: Option<&Path>,
        current: Option<&Path>,
    ) -> Result<Loaded, ConfigError> {
        let (mut layer, mut warnings) = self.read_layers(file, file_folder)?;
        layer = Layer::from_overrides(self.overrides.clone()).over(layer);
        if let Some(current) = current {
            layer.anchor(current);
        }
        let (config, found) = check(layer)?;
        warnings.extend(found);
        Ok(Loaded { config, warnings })
    }

    /// File and assignments.
    fn read_layers(
        &self,
        file: Option<(&str, ConfigFormat, &[u8])>,
        file_folder: Option<&Path>,
    ) -> Result<(Layer, Vec<Warning>), ConfigError> {
        let mut xl_text = None;
        let mut below = Layer::default();
        let mut xl_is_file = false;
        if let Some((name, format, bytes)) = file {
            if bytes.len() > MAX_CONFIG_BYTES {
                return Err(ConfigError::TooLarge { name: name.to_owned() });
            }
            let source: Arc<str> = name.into();
            match format {
                ConfigFormat::Toml => below = toml_format::parse(&source, bytes)?,
                ConfigFormat::Xl => {
                    xl_is_file = true;
                    xl_text = Some((source, bytes));
                }
            }
        }
        if let Some(folder) = file_folder {
            below.anchor(folder);
        }
        let document = xl::Document::read(xl_text, &self.assignments)?;
        let (layer, warnings) = xl::interpret(document, xl_is_file)?;
        Ok((layer.over(below), warnings))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte past the limit tells a larger file; special files never end.
    let limit = u64::try_from(MAX_CONFIG_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge { name: path.display().to_string() });
    }
    Ok(bytes)
}

fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, ConfigError> {
    let path = path.as_ref();
    std::path::absolute(path)
        .map_err(|source: io::Error| ConfigError::Read { path: path.to_owned(), source })
}
