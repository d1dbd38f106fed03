//! The body of a client's request, parsed member by member when a member is read. What is passed on unread stays
//! text: a tree takes ten times as much memory as its text.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::json_text::Json;
use super::members::is_known;
use super::untranslatable::{TOO_LARGE, Untranslatable};
use crate::json::{self, Oddities, Scanner, Span};

/// A value; of an object, only the outermost level is parsed.
#[derive(Clone, Debug)]
pub enum LazyValue<'a> {
    Null,
    Bool(bool),
    /// As written in the body.
    Number(&'a str),
    String(String),
    List(LazyList<'a>),
    Object(LazyObject<'a>),
}

/// An object; each member is parsed when it is taken.
#[derive(Clone, Debug, Default)]
pub struct LazyObject<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
    /// Unknown members have been skipped.
    is_partial: bool,
    /// The whole object as written.
    text: &'a str,
}

/// The elements of a list, or a single value in its place; each is parsed when it is reached.
#[derive(Clone, Debug)]
pub enum LazyList<'a> {
    Elements { text: &'a str, scanner: Scanner<'a> },
    One(Option<&'a str>),
}

/// Up to so many members an object keeps all; a larger one keeps the known names only.
const FEW: usize = 24;

/// The types of parts that consist of text only.
const PLAIN: [&str; 3] = [r#""text""#, r#""input_text""#, r#""output_text""#];

/// The longest setting that is read, in bytes. Clients send less than a hundredth of it.
const SETTING: usize = 16 * 1024;

/// Reads a body.
///
/// # Errors
/// When it is not a JSON object, is nested too deeply, has a number out of range or half of a surrogate pair.
pub fn open(body: &[u8]) -> Result<LazyObject<'_>, Untranslatable> {
    let mut scanner = Scanner::new(body).map_err(malformed)?;
    let object = LazyObject::read(&mut scanner).map_err(malformed)?;
    scanner.end().map_err(malformed)?;
    match flaw(scanner.oddities()) {
        None => Ok(object),
        Some(flaw) => Err(Untranslatable::new("", flaw)),
    }
}

fn malformed(error: json::Invalid) -> Untranslatable {
    Untranslatable::new("", error.to_string())
}

/// Why common parsers refuse a text that is JSON.
fn flaw(oddities: Oddities) -> Option<&'static str> {
    const DEEPEST: usize = 112;
    match oddities {
        Oddities { depth, .. } if depth > DEEPEST => Some("it is nested too deeply"),
        Oddities {
            has_infinite: true, ..
        } => Some("a number is out of range"),
        Oddities {
            has_lone_surrogate: true,
            ..
        } => Some("half of a surrogate pair"),
        _ => None,
    }
}

/// Whether a text is JSON that common parsers accept.
pub fn is_valid(text: &str) -> bool {
    let mut scanner = Scanner::over(text);
    let is_whole = scanner.skip().is_ok() && scanner.end().is_ok();
    is_whole && flaw(scanner.oddities()).is_none()
}

impl<'a> LazyValue<'a> {
    /// Reads a text that has been validated by [`open`] or [`is_valid`].
    pub fn of(text: &'a str) -> Self {
        let value = Self::read(&mut Scanner::over(text));
        debug_assert!(value.is_ok(), "the text has been validated: {value:?}");
        value.unwrap_or(Self::Null)
    }

    fn read(scanner: &mut Scanner<'a>) -> Result<Self, json::Invalid> {
        if scanner.peek() == Some(b'{') {
            return LazyObject::read(scanner).map(Self::Object);
        }
        let (value, _) = scanner.value()?;
        Ok(match value {
            json::Value::Null => Self::Null,
            json::Value::True => Self::Bool(true),
            json::Value::False => Self::Bool(false),
            json::Value::Number(number) => Self::Number(number),
            json::Value::Container(text) => Self::List(LazyList::of(text)),
            json::Value::String(text) => Self::String(text.decode().into_owned()),
        })
    }

    pub fn object(self) -> Option<LazyObject<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The digits of a number. Google also accepts them as a string (protobuf.dev, "ProtoJSON Format").
    fn digits(&self) -> Option<&str> {
        match self {
            Self::Number(text) => Some(text),
            Self::String(text) => Some(text.trim()),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        let number: f64 = self.digits()?.parse().ok()?;
        number.is_finite().then_some(number)
    }

    /// An integer. Some clients write it as 10.0.
    pub fn integer(&self) -> Option<i64> {
        const LARGEST: f64 = 1e15;
        let text = self.digits()?;
        text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            (number.fract() == 0.0 && number.abs() < LARGEST).then_some(number as i64)
        })
    }

    /// An integer that is not negative.
    pub fn count(&self) -> Option<u64> {
        let count = self.digits()?.parse().ok();
        count.or_else(|| self.integer()?.try_into().ok())
    }

    /// A string as it is, anything else as JSON.
    pub fn into_text(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Null => "null".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => number.to_owned(),
            Self::List(LazyList::Elements { text, .. }) => Json::of(text).into(),
            Self::List(LazyList::One(text)) => Json::of(text.unwrap_or("null")).into(),
            Self::Object(object) => object.into_json().into(),
        }
    }
}

impl<'a> LazyList<'a> {
    /// Reads a value that has been validated.
    pub fn of(text: &'a str) -> Self {
        match text.strip_prefix('[') {
            Some(elements) => Self::Elements {
                text,
                scanner: Scanner::over(elements),
            },
            None => Self::One(Some(text)),
        }
    }

    /// The strings among the elements that are not empty.
    pub fn nonempty_texts(self) -> Vec<String> {
        self.filter_map(|element| match element {
            LazyValue::String(text) if !text.is_empty() => Some(text),
            _ => None,
        })
        .collect()
    }
}

impl Default for LazyList<'_> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<'a> Iterator for LazyList<'a> {
    type Item = LazyValue<'a>;

    fn next(&mut self) -> Option<LazyValue<'a>> {
        match self {
            Self::One(text) => text.take().map(LazyValue::of),
            Self::Elements { scanner, .. } => {
                if scanner.peek()? == b']' {
                    return None;
                }
                let element = LazyValue::read(scanner).ok();
                scanner.comma();
                element
            }
        }
    }
}

impl<'a> LazyObject<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, json::Invalid> {
        scanner.peek();
        let start = scanner.offset();
        let mut object = Self::default();
        scanner.object(|scanner, key| {
            let (_, span) = scanner.value()?;
            object.add(key, scanner.source(span));
            Ok(())
        })?;
        let end = scanner.offset();
        object.text = scanner.source(Span { start, end });
        Ok(object)
    }

    fn add(&mut self, key: json::Text<'a>, value: &'a str) {
        let key = key.decode();
        if self.members.len() >= FEW && !self.is_partial {
            self.is_partial = true;
            self.members.retain(|(name, _)| is_known(name));
        }
        if self.is_partial && !is_known(&key) {
            return;
        }
        // The last of several members of one name counts.
        match self.members.iter_mut().find(|(name, _)| *name == key) {
            Some((_, known)) => *known = value,
            None => {
                if self.members.capacity() == 0 {
                    self.members.reserve_exact(4);
                }
                self.members.push((key, value));
            }
        }
    }

    /// Takes the JSON text of a member; `null` counts as absent.
    fn take_text(&mut self, key: &str) -> Option<&'a str> {
        debug_assert!(is_known(key), "{key} is not among the known members");
        let at = self.members.iter().position(|(name, _)| name == key)?;
        let (_, text) = self.members.swap_remove(at);
        (text != "null").then_some(text)
    }

    fn take_texts(&mut self, keys: &[&str]) -> Option<&'a str> {
        let mut found = None;
        for key in keys {
            let text = self.take_text(key);
            found = found.or(text);
        }
        found
    }

    pub fn take(&mut self, key: &str) -> Option<LazyValue<'a>> {
        self.take_text(key).map(LazyValue::of)
    }

    /// Takes the first member that is present under any of these names.
    pub fn take_any(&mut self, keys: &[&str]) -> Option<LazyValue<'a>> {
        self.take_texts(keys).map(LazyValue::of)
    }

    /// Takes a member as JSON text.
    pub fn json(&mut self, keys: &[&str]) -> Option<Json> {
        self.take_texts(keys).map(Json::of)
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            LazyValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn text_or_empty(&mut self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    /// A value of an enumeration, in lower case: clients write them in any case.
    pub fn keyword(&mut self, key: &str) -> Option<String> {
        let mut keyword = self.text(key)?;
        keyword.make_ascii_lowercase();
        Some(keyword)
    }

    pub fn nonempty_text(&mut self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            LazyValue::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    pub fn count(&mut self, key: &str) -> Option<u64> {
        self.take(key)?.count()
    }

    pub fn integer(&mut self, key: &str) -> Option<i64> {
        self.take(key)?.integer()
    }

    pub fn number(&mut self, key: &str) -> Option<f64> {
        self.take(key)?.number()
    }

    pub fn object(&mut self, key: &str) -> Option<LazyObject<'a>> {
        self.take(key)?.object()
    }

    /// The elements of a list; none for any other value.
    pub fn list(&mut self, key: &str) -> LazyList<'a> {
        match self.take_text(key) {
            Some(text) if text.starts_with('[') => LazyList::of(text),
            _ => LazyList::default(),
        }
    }

    /// The elements of a list, or a single value in its place.
    pub fn list_of(&mut self, key: &str) -> LazyList<'a> {
        self.list_of_any(&[key])
    }

    /// As [`Self::list_of`], of the first member that is present under any of these names.
    pub fn list_of_any(&mut self, keys: &[&str]) -> LazyList<'a> {
        self.take_texts(keys)
            .map_or(LazyList::default(), LazyList::of)
    }

    /// Takes an object as a tree.
    ///
    /// # Errors
    /// When it is larger than a tree may be.
    pub fn tree(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Untranslatable> {
        let Some(json) = self.json(&[key]).filter(Json::is_object) else {
            return Ok(None);
        };
        match json.tree() {
            Some(Value::Object(tree)) => Ok(Some(tree)),
            _ => Err(Untranslatable::new(key, TOO_LARGE)),
        }
    }

    pub fn contains(&self, key: &str) -> bool {
        debug_assert!(is_known(key), "{key} is not among the known members");
        self.members.iter().any(|(name, _)| name == key)
    }

    /// The members: names and JSON text.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let members = self.members.iter();
        members.map(|(name, text)| (&**name, *text))
    }

    /// Whether no member is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.is_partial
    }

    /// The member, if there is exactly one.
    pub fn only(&self) -> Option<(&str, LazyValue<'a>)> {
        match self.members.as_slice() {
            [(key, text)] if !self.is_partial => Some((key, LazyValue::of(text))),
            _ => None,
        }
    }

    /// The JSON text of the string in a part that consists of it and a type only.
    pub fn plain_text(&self) -> Option<&'a str> {
        let mut text = None;
        for (name, value) in &self.members {
            match &**name {
                "text" if value.starts_with('"') => text = Some(*value),
                "type" if PLAIN.contains(value) => {}
                _ => return None,
            }
        }
        text.filter(|_| !self.is_partial)
    }

    /// The whole object, members that were taken included.
    pub fn into_json(self) -> Json {
        Json::of(self.text)
    }

    /// The JSON text of a member, without taking it.
    pub fn peek(&self, key: &str) -> Option<&'a str> {
        debug_assert!(is_known(key), "{key} is not among the known members");
        let mut members = self.members.iter();
        members.find_map(|(name, text)| (name == key).then_some(*text))
    }

    /// Members as trees, without taking them. A value longer than `SETTING` is left out; a longer object is left out
    /// member by member.
    pub fn settings(&self, keys: &[&str]) -> Map<String, Value> {
        let mut settings = Map::new();
        for key in keys {
            if let Some(setting) = self.peek(key).and_then(|text| setting(text, 2)) {
                settings.insert((*key).to_owned(), setting);
            }
        }
        settings
    }
}

fn setting(text: &str, levels: usize) -> Option<Value> {
    if text.len() <= SETTING {
        return serde_json::from_str(text).ok();
    }
    let LazyValue::Object(object) = LazyValue::of(text) else {
        return None;
    };
    let members = object.members.iter().filter(|_| levels > 0);
    let members = members
        .filter_map(|(name, text)| Some((name.clone().into_owned(), setting(text, levels - 1)?)));
    Some(Value::Object(members.collect()))
}
