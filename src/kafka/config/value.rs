//! One value of one setting: text in, checked value out, as `ConfigDef.parseType` and its
//! validators do it, with their words when they refuse.

use super::catalogue::{Check, Setting, ValueType};
use super::problem::{Mistake, Refusal, SettingError};
use crate::base::Span;

/// A value of one of Kafka's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A boolean.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Milliseconds with a fraction.
    Millis(Span),
    /// A text, a class, a fraction.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// A refusal before it is put into a sentence: the kind, and what the client adds to `Invalid
/// value .. for configuration ..`.
struct Invalid(Mistake, String);

/// Reads a value of a Java client or a broker. `written` is the key as the user wrote it.
pub(super) fn read(setting: &Setting, written: &str, text: &str) -> Result<Value, SettingError> {
    let parsed = parse(setting.value_type, text).and_then(|value| {
        check(setting, &value)?;
        Ok(value)
    });
    parsed.map_err(|Invalid(kind, why)| {
        // Kafka refuses a value of the wrong type as it was given, any other one trimmed.
        let shown = match kind {
            Mistake::WrongType => text,
            _ => text.trim(),
        };
        let said = format!("Invalid value {shown} for configuration {written}: {why}");
        describe(setting, written, text, kind, "ConfigException", said)
    })
}

/// Reads a value of a librdkafka client.
pub(super) fn read_librdkafka(
    setting: &Setting,
    written: &str,
    text: &str,
) -> Result<Value, SettingError> {
    // librdkafka's numbers have names too; of these only this one is in use.
    let is_acks = setting.key == "request.required.acks";
    let meant = if is_acks && text == "all" { "-1" } else { text };
    let parsed = parse(setting.value_type, meant).and_then(|value| {
        check(setting, &value)?;
        Ok(value)
    });
    parsed.map_err(|Invalid(kind, _)| {
        let said = match (&setting.check, kind) {
            (Check::Range { min, max, .. }, Mistake::OutOfRange) => format!(
                "Configuration property \"{written}\" value {text} is outside allowed range \
                 {min}..{}",
                max.unwrap_or(i64::MAX)
            ),
            _ => format!("Invalid value for configuration property \"{written}\""),
        };
        describe(setting, written, text, kind, "", said)
    })
}

fn describe(
    setting: &Setting,
    written: &str,
    text: &str,
    kind: Mistake,
    exception: &'static str,
    said: String,
) -> SettingError {
    let (message, help) = match millis_of(setting, text) {
        Some(millis) if kind == Mistake::WrongType => (
            format!("`{written}` is a Kafka setting and takes milliseconds as a plain number"),
            Some(format!("write `{millis}`")),
        ),
        _ if exception.is_empty() => (format!("librdkafka refuses this: {said}"), None),
        _ => (format!("Kafka refuses this: {said} ({exception})"), None),
    };
    SettingError {
        kind,
        keys: vec![written.to_owned()],
        message,
        help,
        refusal: Some(Refusal {
            exception,
            message: said,
        }),
    }
}

/// The milliseconds somebody meant who wrote a duration with a unit.
fn millis_of(setting: &Setting, text: &str) -> Option<u64> {
    let is_millis = setting.key.rsplit('.').next() == Some("ms");
    let span = Span::parse(text.trim()).ok()?;
    is_millis.then(|| span.as_millis())
}

fn parse(value_type: ValueType, text: &str) -> Result<Value, Invalid> {
    let trimmed = text.trim();
    let number = |name: &str, min: i64, max: i64| match trimmed.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
        _ => Err(wrong_type(&format!("Not a number of type {name}"))),
    };
    match value_type {
        ValueType::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Flag(true)),
        ValueType::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Flag(false)),
        ValueType::Boolean => Err(wrong_type("Expected value to be either true or false")),
        ValueType::Short => number("SHORT", i64::from(i16::MIN), i64::from(i16::MAX)),
        ValueType::Int => number("INT", i64::from(i32::MIN), i64::from(i32::MAX)),
        ValueType::Long => number("LONG", i64::MIN, i64::MAX),
        ValueType::Double if is_fraction(trimmed) => Ok(Value::Text(trimmed.to_owned())),
        ValueType::Double => Err(wrong_type("Not a number of type DOUBLE")),
        ValueType::Millis => Span::parse(&format!("{trimmed}ms"))
            .map(Value::Millis)
            .map_err(|_| wrong_type("Not a number")),
        ValueType::Text | ValueType::Class | ValueType::Password => {
            Ok(Value::Text(trimmed.to_owned()))
        }
        ValueType::List if trimmed.is_empty() => Ok(Value::List(Vec::new())),
        ValueType::List => {
            let texts = trimmed.split(',').map(|text| text.trim().to_owned());
            Ok(Value::List(texts.collect()))
        }
    }
}

fn check(setting: &Setting, value: &Value) -> Result<(), Invalid> {
    match (&setting.check, value) {
        (&Check::Range { min, max, or }, &Value::Number(number)) => {
            if or == Some(number) {
                return Ok(());
            }
            if number < min {
                return Err(out_of_range(format!("Value must be at least {min}")));
            }
            match max {
                Some(max) if max < number => {
                    Err(out_of_range(format!("Value must be no more than {max}")))
                }
                _ => Ok(()),
            }
        }
        (&Check::Range { max, .. }, Value::Millis(span)) => {
            let max = max.map_or(u64::MAX, |max| max as u64);
            let within = *span <= Span::from_millis(max);
            within
                .then_some(())
                .ok_or_else(|| out_of_range(String::new()))
        }
        (Check::OneOf { texts, any_case }, Value::Text(text)) => one_of(texts, *any_case, text),
        (Check::OneOf { texts, any_case }, Value::List(list)) => list
            .iter()
            .try_for_each(|text| one_of(texts, *any_case, text)),
        (Check::NotEmpty, Value::Text(text)) if text.is_empty() => {
            Err(out_of_range("String must be non-empty".to_owned()))
        }
        (Check::OffsetReset, Value::Text(text)) => offset_reset(setting.key, text),
        _ => Ok(()),
    }
}

fn one_of(texts: &[&str], any_case: bool, text: &str) -> Result<(), Invalid> {
    let same = |known: &&str| *known == text || any_case && known.eq_ignore_ascii_case(text);
    if texts.iter().any(same) {
        return Ok(());
    }
    let case = if any_case { " (case insensitive)" } else { "" };
    Err(out_of_range(format!(
        "String must be one of{case}: {}",
        texts.join(", ")
    )))
}

/// `AutoOffsetResetStrategy.fromString`.
fn offset_reset(key: &str, text: &str) -> Result<(), Invalid> {
    let duration = text.strip_prefix("by_duration:");
    if matches!(text, "earliest" | "latest" | "none") || duration.and_then(iso_duration).is_some() {
        return Ok(());
    }
    Err(out_of_range(format!(
        "Invalid value `{text}` for configuration {key}. The value must be either 'earliest', \
         'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
    )))
}

/// A duration as `java.time.Duration.parse` reads it, if it is not negative: days, hours, minutes and
/// seconds, each at most once and in this order. One that no clock here can count is as long as can
/// be.
pub(super) fn iso_duration(text: &str) -> Option<Span> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('P')?;
    let (days, time) = match body.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (body, None),
    };
    if days.is_empty() && time.is_none() || time == Some("") {
        return None;
    }
    let days = match days {
        "" => Span::ZERO,
        days => Span::from_secs(86_400) * whole(days.strip_suffix('D')?)?,
    };
    Some(days.saturating_add(iso_time(time.unwrap_or_default())?))
}

/// `nHnMn.nS`, each if it is there.
fn iso_time(text: &str) -> Option<Span> {
    let (mut rest, mut sum) = (text, Span::ZERO);
    for (unit, seconds) in [('H', 3600), ('M', 60), ('S', 1)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        let (number, nanos) = match (unit, number.split_once('.')) {
            ('S', Some((number, fraction))) if is_digits(fraction) && fraction.len() <= 9 => {
                (number, whole(&format!("{fraction:0<9}"))?)
            }
            _ => (number, 0),
        };
        let part = Span::from_secs(seconds) * whole(number)?;
        sum = sum.saturating_add(part).saturating_add(Span(nanos));
        rest = after;
    }
    rest.is_empty().then_some(sum)
}

/// A whole number; the largest where it is larger.
fn whole(text: &str) -> Option<u64> {
    is_digits(text).then(|| text.parse().unwrap_or(u64::MAX))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits with at most one point and an exponent: what settings hold that are fractions.
fn is_fraction(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.trim_start_matches(['+', '-'])),
        None => (text, "0"),
    };
    let unsigned = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    is_digits(whole) && is_digits(fraction) && is_digits(exponent)
}

fn wrong_type(why: &str) -> Invalid {
    Invalid(Mistake::WrongType, why.to_owned())
}

fn out_of_range(why: String) -> Invalid {
    Invalid(Mistake::OutOfRange, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::ClientFamily;
    use crate::kafka::config::catalogue::{Role, find};

    fn producer(key: &str, text: &str) -> Result<Value, SettingError> {
        let setting = find(ClientFamily::Java, Role::Producer, key).expect("the setting exists");
        read(setting, key, text)
    }

    #[test]
    fn values_are_trimmed_but_not_guessed() {
        assert_eq!(producer("acks", " 1 "), Ok(Value::Text("1".to_owned())));
        assert_eq!(producer("linger.ms", " 7"), Ok(Value::Number(7)));
        assert!(producer("acks", "ALL").is_err());
        assert!(producer("batch.size", "10_000").is_err());
        assert!(producer("batch.size", "16KiB").is_err());
    }

    #[test]
    fn a_duration_where_kafka_takes_milliseconds_is_answered_with_the_number() {
        let error = producer("linger.ms", "1.5s").expect_err("Kafka takes no units");
        assert_eq!(error.kind, Mistake::WrongType);
        assert_eq!(error.help.as_deref(), Some("write `1500`"));
    }

    #[test]
    fn iso_durations_are_told_from_others() {
        for (good, millis) in [
            ("PT1H", 3_600_000),
            ("P1D", 86_400_000),
            ("P2DT3H4M5.678S", 183_845_678),
            ("pt0.5s", 500),
            ("PT0S", 0),
        ] {
            assert_eq!(
                iso_duration(good),
                Some(Span::from_millis(millis)),
                "{good}"
            );
        }
        for bad in ["1h", "-PT1H", "P", "PT", "PT-1H", "PT1M1H", "P1H"] {
            assert_eq!(iso_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn librdkafka_takes_fractions_of_a_millisecond_to_linger() {
        let setting = find(ClientFamily::Librdkafka, Role::Producer, "linger.ms")
            .expect("the setting exists");
        let half = read_librdkafka(setting, "linger.ms", "0.5");
        assert_eq!(half, Ok(Value::Millis(Span::from_micros(500))));
        assert!(read_librdkafka(setting, "linger.ms", "900001").is_err());
    }
}
