//! Reading the parts of a device.

use std::str::FromStr;

use super::super::error::excerpt;
use super::super::value::RawValue;
use super::DeviceError;

/// A part of a device with what was written for it.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: RawValue,
}

/// The parts of a table; `expected` says what a device looks like.
pub(super) fn of_table(value: RawValue, expected: &'static str) -> Result<Vec<Field>, DeviceError> {
    match value {
        RawValue::Table(fields) => {
            Ok(fields.into_iter().map(|(name, value)| Field { name, value }).collect())
        }
        other => {
            let found = other.kind();
            Err(DeviceError::Kind { field: "the whole".to_owned(), expected, found })
        }
    }
}

/// The parts of `key=value,key=value`; a part without `=` has the value `true`.
pub(super) fn of_text(text: &str) -> Vec<Field> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((name, value)) => Field {
                name: name.trim().to_owned(),
                value: RawValue::Text(value.trim().to_owned()),
            },
            None => Field { name: part.to_owned(), value: RawValue::Boolean(true) },
        })
        .collect()
}

impl Field {
    pub(super) fn unknown(&self, known: &'static str) -> DeviceError {
        DeviceError::UnknownField { field: excerpt(&self.name), known }
    }

    pub(super) fn not_served(&self, reason: &'static str) -> DeviceError {
        DeviceError::NotServed { field: excerpt(&self.name), reason }
    }

    fn kind(&self, expected: &'static str) -> DeviceError {
        let found = self.value.kind();
        DeviceError::Kind { field: excerpt(&self.name), expected, found }
    }

    pub(super) fn malformed(&self, expected: &'static str) -> DeviceError {
        let value = match &self.value {
            RawValue::Text(text) => excerpt(text),
            other => other.kind().to_owned(),
        };
        DeviceError::Malformed { field: excerpt(&self.name), value, expected }
    }

    /// The text, neither empty nor with a NUL byte.
    pub(super) fn text(&self, expected: &'static str) -> Result<&str, DeviceError> {
        match &self.value {
            RawValue::Text(text) if text.is_empty() || text.contains('\0') => {
                Err(self.malformed(expected))
            }
            RawValue::Text(text) => Ok(text),
            _ => Err(self.kind(expected)),
        }
    }

    pub(super) fn parse<T: FromStr>(&self, expected: &'static str) -> Result<T, DeviceError> {
        self.text(expected)?.parse().map_err(|_| self.malformed(expected))
    }

    /// Yes or no: a boolean, or the words and digits of options and `xl.cfg`.
    pub(super) fn yes_or_no(&self) -> Result<bool, DeviceError> {
        const EXPECTED: &str = "true or false";
        match &self.value {
            RawValue::Boolean(answer) => Ok(*answer),
            RawValue::Text(text) => match text.as_str() {
                "1" | "true" | "yes" | "on" => Ok(true),
                "0" | "false" | "no" | "off" => Ok(false),
                _ => Err(self.malformed(EXPECTED)),
            },
            _ => Err(self.kind(EXPECTED)),
        }
    }

    pub(super) fn number(&self, min: u16, max: u16) -> Result<u16, DeviceError> {
        const EXPECTED: &str = "a number";
        let value = match &self.value {
            RawValue::Integer(value) => *value,
            RawValue::Text(text) => text.parse().map_err(|_| self.malformed(EXPECTED))?,
            _ => return Err(self.kind(EXPECTED)),
        };
        let (low, high) = (i64::from(min), i64::from(max));
        u16::try_from(value).ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
            DeviceError::Range { field: excerpt(&self.name), value, min: low, max: high }
        })
    }

    /// A list of texts, or one text.
    pub(super) fn texts(&self, expected: &'static str) -> Result<Vec<Field>, DeviceError> {
        let one = |value| Field { name: self.name.clone(), value };
        match &self.value {
            RawValue::List(items) => Ok(items.iter().cloned().map(one).collect()),
            text @ RawValue::Text(_) => Ok(vec![one(text.clone())]),
            _ => Err(self.kind(expected)),
        }
    }
}
