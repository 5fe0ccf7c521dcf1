//! Our own format: TOML.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::cpus::CpuAffinity;
use super::error::{ConfigError, Location, SyntaxError};
use super::key::Key;
use super::layer::Layer;
use super::overrides::GuestOverrides;
use super::suggest;
use super::value::RawValue;

/// Reads a TOML configuration. `source` names it in messages.
pub(super) fn parse(source: &Arc<str>, bytes: &[u8]) -> Result<Layer, ConfigError> {
    let text = Text { source, bytes };
    let input = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        text.syntax_error(&(at..at), SyntaxError::FileNotUtf8)
    })?;
    let table = DeTable::parse(input).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        text.syntax_error(&span, SyntaxError::Toml(first_line(error.message())))
    })?;
    let mut layer = Layer::default();
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (name, value) in entries {
        let key = Key::from_name(name.as_ref()).ok_or_else(|| text.unknown_key(&name))?;
        let location = text.locate(&value.span());
        layer.set(key, key.name(), raw_value(value), location)?;
    }
    Ok(layer)
}

/// A text being read, for turning byte offsets into lines and columns.
struct Text<'a> {
    source: &'a Arc<str>,
    bytes: &'a [u8],
}

impl Text<'_> {
    fn locate(&self, span: &Range<usize>) -> Location {
        let before = self.bytes.get(..span.start).unwrap_or(self.bytes);
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        Location {
            source: Arc::clone(self.source),
            line: 1 + before.iter().filter(|b| **b == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
        }
    }

    fn syntax_error(&self, span: &Range<usize>, problem: SyntaxError) -> ConfigError {
        ConfigError::Syntax { location: self.locate(span), problem }
    }

    fn unknown_key(&self, name: &Spanned<impl AsRef<str>>) -> ConfigError {
        let written = name.get_ref().as_ref();
        ConfigError::UnknownKey {
            location: self.locate(&name.span()),
            key: super::error::excerpt(written),
            hint: hint(written),
        }
    }
}

fn hint(written: &str) -> String {
    if let Some(key) = Key::from_xl_name(written) {
        return format!("`{written}` of xl.cfg is `{key}` here");
    }
    if matches!(written, "extra" | "root") {
        return "xl.cfg's `root` and `extra` are `cmdline` here".to_owned();
    }
    match suggest::nearest(written, Key::ALL.into_iter().map(Key::name)) {
        Some(key) => format!("did you mean `{key}`?"),
        None => "docs/configuration.md lists every key".to_owned(),
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("not TOML").to_owned()
}

fn raw_value(value: Spanned<DeValue<'_>>) -> RawValue {
    match value.into_inner() {
        DeValue::String(text) => RawValue::Text(text.into_owned()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(RawValue::Other("a number beyond 64 bits"), RawValue::Integer),
        DeValue::Array(items) => RawValue::List(items.into_iter().map(raw_value).collect()),
        DeValue::Float(_) => RawValue::Other("a number with a fraction"),
        DeValue::Boolean(answer) => RawValue::Boolean(answer),
        DeValue::Datetime(_) => RawValue::Other("a date or time"),
        DeValue::Table(entries) => table(entries),
    }
}

fn table(entries: DeTable<'_>) -> RawValue {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, _)| {
        (key.into_inner().into_owned(), raw_value(value))
    };
    RawValue::Table(entries.into_iter().map(entry).collect())
}

impl GuestOverrides {
    /// What is set, as TOML values in the order of [`Key::ALL`].
    pub(super) fn toml_values(&self) -> Vec<(Key, toml::Value)> {
        Key::ALL.into_iter().filter_map(|key| Some((key, self.toml_value(key)?))).collect()
    }

    fn toml_value(&self, key: Key) -> Option<toml::Value> {
        let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned().into();
        match key {
            Key::Name => text(self.name.as_ref()),
            Key::Uuid => text(self.uuid.as_ref()),
            Key::Type => text(self.guest_type.as_ref()),
            Key::Kernel => self.kernel.as_ref().map(path),
            Key::Ramdisk => self.ramdisk.as_ref().map(path),
            Key::Cmdline => text(self.cmdline.as_ref()),
            Key::Memory => text(self.memory.as_ref()),
            Key::MaxMemory => text(self.max_memory.as_ref()),
            Key::Vcpus => self.vcpus.map(|n| i64::from(n.get()).into()),
            Key::MaxVcpus => self.max_vcpus.map(|n| i64::from(n.get()).into()),
            Key::Cpus => self.cpus.as_ref().map(affinity),
            Key::CpuWeight => self.cpu_weight.map(|n| i64::from(n.get()).into()),
            Key::Cap => self.cap.map(|n| i64::from(n).into()),
            Key::Pool => text(self.pool.as_ref()),
            Key::OnPoweroff => text(self.on_poweroff.as_ref()),
            Key::OnReboot => text(self.on_reboot.as_ref()),
            Key::OnCrash => text(self.on_crash.as_ref()),
            Key::OnWatchdog => text(self.on_watchdog.as_ref()),
            Key::OnSoftReset => text(self.on_soft_reset.as_ref()),
            Key::TscMode => text(self.tsc_mode.as_ref()),
            Key::Control => text(self.control.as_ref()),
            Key::UserData => text(self.user_data.as_ref()),
            Key::HotplugSlots => self.hotplug_slots.map(|n| i64::from(n).into()),
            // Devices are tables of text, numbers and booleans, which TOML has.
            Key::Nic => toml::Value::try_from(self.nic.as_ref()?).ok(),
            Key::Disk => toml::Value::try_from(self.disk.as_ref()?).ok(),
        }
    }
}

fn text(value: Option<&impl fmt::Display>) -> Option<toml::Value> {
    value.map(|value| value.to_string().into())
}

fn affinity(affinity: &CpuAffinity) -> toml::Value {
    match affinity {
        CpuAffinity::Same(set) => set.to_string().into(),
        CpuAffinity::PerVcpu(sets) => {
            toml::Value::Array(sets.iter().map(|set| set.to_string().into()).collect())
        }
    }
}
