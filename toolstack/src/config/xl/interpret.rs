//! From `xl.cfg` settings to a description of a guest, as `tools/xl/xl_parse.c` reads them.

use std::collections::BTreeMap;

use super::super::error::{ConfigError, Location, Origin, Refusal, ValueError, Warning, excerpt};
use super::super::guest_type::{GuestType, GuestTypeError};
use super::super::key::Key;
use super::super::layer::Layer;
use super::super::memory::MemSize;
use super::super::suggest;
use super::super::value::RawValue;
use super::document::{Document, Setting};
use super::keys::{self, Treatment, XL_KEYS, XlKey};
use super::number::parse_number;
use super::parser::Value;

/// What libxl gives a guest whose file names no memory: `libxl__domain_build_info_setdefault`.
const DEFAULT_MEMORY_MIB: u64 = 32;

/// The description that `document` gives. `is_file`: it is a whole `xl.cfg`, so that `xl`'s
/// defaults hold, rather than assignments on top of something else.
pub(in super::super) fn interpret(
    document: Document,
    is_file: bool,
) -> Result<(Layer, Vec<Warning>), ConfigError> {
    let file = document.file;
    let mut reader = Reader { warnings: document.warnings, ..Reader::default() };
    for setting in document.settings {
        reader.read(setting)?;
    }
    reader.guest_type()?;
    if !reader.refusals.is_empty() {
        return Err(ConfigError::Refused(reader.refusals));
    }
    reader.cmdline()?;
    if is_file {
        reader.defaults();
    }
    reader.warnings.sort_by_key(|warning| match &warning.origin {
        Origin::Text(location) => {
            (Some(&location.source) != file.as_ref(), location.line, location.column)
        }
        _ => (true, usize::MAX, 0),
    });
    Ok((reader.layer, reader.warnings))
}

#[derive(Default)]
struct Reader {
    layer: Layer,
    warnings: Vec<Warning>,
    refusals: Vec<Refusal>,
    /// Keys that only have a meaning together.
    special: BTreeMap<&'static str, (String, Location)>,
}

impl Reader {
    fn read(&mut self, setting: Setting) -> Result<(), ConfigError> {
        let Some(xl_key) = keys::find(&setting.key) else {
            self.warn_unknown(&setting);
            return Ok(());
        };
        match xl_key.treatment {
            _ if xl_key.treatment != Treatment::Served && xl_key.agrees_with(&setting.value) => {
                Ok(())
            }
            Treatment::Served => self.serve(xl_key, setting),
            Treatment::Ignored => {
                self.warn(xl_key.name, setting.key_location, format!("ignored: {}", xl_key.note));
                Ok(())
            }
            Treatment::Refused => {
                self.refuse(xl_key.name, setting.key_location, xl_key.note);
                Ok(())
            }
        }
    }

    fn serve(&mut self, xl_key: &'static XlKey, setting: Setting) -> Result<(), ConfigError> {
        if matches!(xl_key.name, "type" | "builder" | "cmdline" | "root" | "extra") {
            let located = located_text(xl_key.name, setting)?;
            self.special.insert(xl_key.name, located);
            return Ok(());
        }
        // The table's test sees to it that every other served key is one of ours.
        let Some(key) = Key::from_xl_name(xl_key.name) else { return Ok(()) };
        let value = self.raw_value(key, &setting)?;
        self.layer.set(key, xl_key.name, value, setting.location)
    }

    fn raw_value(&mut self, key: Key, setting: &Setting) -> Result<RawValue, ConfigError> {
        let Value::Atom(text) = &setting.value else { return Ok(raw_list(&setting.value)) };
        if key == Key::TscMode
            && let Ok(number) = parse_number(text)
        {
            let reason = "numbers are deprecated; write \"default\", \"always_emulate\" or \
                          \"native\""
                .to_owned();
            self.warn(key.xl_name(), setting.location.clone(), reason);
            return Ok(RawValue::Integer(number));
        }
        if !key.is_number_in_xl() {
            return Ok(RawValue::Text(text.clone()));
        }
        let number =
            if setting.appended { Err(ValueError::NumberAppend) } else { parse_number(text) };
        number
            .map(RawValue::Integer)
            .map_err(|problem| value_error(key.xl_name(), setting.location.clone(), problem))
    }

    /// `type`, or `builder`, its predecessor.
    fn guest_type(&mut self) -> Result<(), ConfigError> {
        if let Some((text, location)) = self.special.remove("type") {
            self.layer.set(Key::Type, "type", RawValue::Text(text), location)?;
        }
        let Some((text, location)) = self.special.remove("builder") else { return Ok(()) };
        let agrees = matches!(self.layer.values.guest_type, None | Some(GuestType::Pv));
        match text.as_str() {
            "generic" if agrees => {
                let reason = "deprecated; write type=\"pv\"".to_owned();
                self.warn("builder", location.clone(), reason);
                let value = RawValue::Text(GuestType::Pv.as_str().to_owned());
                return self.layer.set(Key::Type, "builder", value, location);
            }
            "generic" => self.refuse("builder", location, "contradicts `type`; remove it"),
            "hvm" => {
                let problem = ValueError::GuestType(GuestTypeError::Hvm);
                return Err(value_error("builder", location, problem));
            }
            _ => self.refuse(
                "builder",
                location,
                "deprecated, and only \"generic\" is served; write type=\"pv\" or type=\"pvh\"",
            ),
        }
        Ok(())
    }

    /// `cmdline`, or `root` and `extra` together.
    fn cmdline(&mut self) -> Result<(), ConfigError> {
        let [cmdline, root, extra] =
            ["cmdline", "root", "extra"].map(|name| self.special.remove(name));
        if let Some((text, location)) = cmdline {
            for (name, ignored) in [("root", root), ("extra", extra)] {
                if let Some((_, location)) = ignored {
                    self.warn(name, location, "ignored in favour of `cmdline`".to_owned());
                }
            }
            return self.layer.set(Key::Cmdline, "cmdline", RawValue::Text(text), location);
        }
        let (text, written, location) = match (root, extra) {
            (Some((root, location)), Some((extra, _))) => {
                (format!("root={root} {extra}"), "root", location)
            }
            (Some((root, location)), None) => (format!("root={root}"), "root", location),
            (None, Some((extra, location))) => (extra, "extra", location),
            (None, None) => return Ok(()),
        };
        self.layer.set(Key::Cmdline, written, RawValue::Text(text), location)
    }

    fn defaults(&mut self) {
        let values = &mut self.layer.values;
        values.guest_type.get_or_insert(GuestType::Pv);
        if values.memory.is_none() && values.max_memory.is_none() {
            values.memory = MemSize::from_mib(DEFAULT_MEMORY_MIB).ok();
        }
    }

    fn warn(&mut self, key: &str, location: Location, reason: String) {
        self.warnings.push(Warning { key: key.to_owned(), origin: Origin::Text(location), reason });
    }

    fn refuse(&mut self, key: &str, location: Location, reason: &str) {
        self.refusals.push(Refusal { location, key: key.to_owned(), reason: reason.to_owned() });
    }

    fn warn_unknown(&mut self, setting: &Setting) {
        let known = XL_KEYS.iter().map(|key| key.name);
        let hint = match suggest::nearest(&setting.key, known) {
            Some(_) if setting.key == "max_memory" => "did you mean `maxmem`?".to_owned(),
            Some(key) => format!("did you mean `{key}`?"),
            None => "xl ignores it too".to_owned(),
        };
        let reason = format!("ignored: not a key of xl.cfg; {hint}");
        self.warn(&excerpt(&setting.key), setting.key_location.clone(), reason);
    }
}

fn located_text(key: &str, setting: Setting) -> Result<(String, Location), ConfigError> {
    match setting.value {
        Value::Atom(text) => Ok((text, setting.location)),
        list @ Value::List(_) => {
            let problem = ValueError::Kind { expected: "a string", found: list.kind() };
            Err(value_error(key, setting.location, problem))
        }
    }
}

fn value_error(key: &str, location: Location, problem: ValueError) -> ConfigError {
    ConfigError::Value {
        origin: Origin::Text(location),
        key: key.to_owned(),
        problem: problem.into(),
    }
}

fn raw_list(value: &Value) -> RawValue {
    match value {
        Value::Atom(text) => RawValue::Text(text.clone()),
        Value::List(items) => RawValue::List(items.iter().map(raw_list).collect()),
    }
}
