//! The body of a client's request, opened only where somebody looks. What nobody reads is passed over, and what is
//! passed on stays text: a tree takes ten times as much memory as its text.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Untranslatable;
use super::json_text::{Json, TOO_LARGE};
use super::members::is_known;
use super::turn::{MOST_PARTS, Parts};
use crate::json::{self, Oddities, Scanner, Span};

/// A value; objects are open one level deep.
#[derive(Clone, Debug)]
pub enum Given<'a> {
    Null,
    Flag(bool),
    /// As it is written.
    Number(&'a str),
    String(String),
    List(List<'a>),
    Object(Object<'a>),
}

/// The members of an object that somebody may read, each opened when it is taken.
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
    /// Others have been passed over.
    is_partial: bool,
    /// What it was read from.
    text: &'a str,
}

/// The elements of a list, or the one thing in its place, each opened when it is its turn.
#[derive(Clone, Debug)]
pub enum List<'a> {
    Elements { text: &'a str, scanner: Scanner<'a> },
    One(Option<&'a str>),
}

/// Members up to which an object is kept as it is. Beyond, only those stay that somebody reads, each once.
const FEW: usize = 24;

/// The types of pieces that are text and nothing else.
const PLAIN: [&str; 3] = [r#""text""#, r#""input_text""#, r#""output_text""#];

/// The longest setting that is looked at, bytes: no client sends a hundredth of it.
const SETTING: usize = 16 * 1024;

/// Opens a body.
///
/// # Errors
/// When it is not a JSON object, is deeper than 128 levels, or has numbers or characters that do not exist.
pub fn open(body: &[u8]) -> Result<Object<'_>, Untranslatable> {
    let mut scanner = Scanner::new(body).map_err(malformed)?;
    let object = Object::read(&mut scanner).map_err(malformed)?;
    scanner.end().map_err(malformed)?;
    match flaw(scanner.oddities()) {
        None => Ok(object),
        Some(flaw) => Err(Untranslatable::new("", flaw)),
    }
}

fn malformed(error: json::Invalid) -> Untranslatable {
    Untranslatable::new("", error.to_string())
}

/// Why others could not read what is JSON. Our own trees are no deeper either.
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

/// Whether a text is JSON that others can read.
pub fn is_valid(text: &str) -> bool {
    let mut scanner = Scanner::over(text);
    let is_whole = scanner.skip().is_ok() && scanner.end().is_ok();
    is_whole && flaw(scanner.oddities()).is_none()
}

impl<'a> Given<'a> {
    /// What a text says that has been checked.
    pub fn of(text: &'a str) -> Self {
        Self::read(&mut Scanner::over(text)).unwrap_or(Self::Null)
    }

    fn read(scanner: &mut Scanner<'a>) -> Result<Self, json::Invalid> {
        if scanner.peek() == Some(b'{') {
            return Object::read(scanner).map(Self::Object);
        }
        let (value, _) = scanner.value()?;
        Ok(match value {
            json::Value::Null => Self::Null,
            json::Value::True => Self::Flag(true),
            json::Value::False => Self::Flag(false),
            json::Value::Number(number) => Self::Number(number),
            json::Value::Container(text) => Self::List(List::of(text)),
            json::Value::String(text) => Self::String(text.decode().into_owned()),
        })
    }

    pub fn object(self) -> Option<Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The digits of a number. Google takes them as a text, too (protobuf.dev, "ProtoJSON Format").
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

    /// A whole number. Some clients write it as 10.0.
    pub fn integer(&self) -> Option<i64> {
        const LARGEST: f64 = 1e15;
        let text = self.digits()?;
        text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            (number.fract() == 0.0 && number.abs() < LARGEST).then_some(number as i64)
        })
    }

    /// A whole number that is not negative.
    pub fn count(&self) -> Option<u64> {
        let count = self.digits()?.parse().ok();
        count.or_else(|| self.integer()?.try_into().ok())
    }

    /// A text as it is, anything else as JSON.
    pub fn into_text(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Null => "null".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_owned(),
            Self::List(List::Elements { text, .. }) => Json::of(text).into(),
            Self::List(List::One(text)) => Json::of(text.unwrap_or("null")).into(),
            Self::Object(object) => object.into_json().into(),
        }
    }
}

impl<'a> List<'a> {
    fn of(text: &'a str) -> Self {
        match text.strip_prefix('[') {
            Some(elements) => Self::Elements {
                text,
                scanner: Scanner::over(elements),
            },
            None => Self::One(Some(text)),
        }
    }
}

impl<'a> List<'a> {
    /// The texts that are all there is: the one thing in the place of the list, or elements that say nothing else.
    pub fn plain(&self) -> Option<Parts<'a>> {
        let is_text = |text: &&str| text.starts_with('"') && text.len() > 2;
        let (text, mut elements) = match self {
            Self::One(text) => return text.filter(is_text).map(Parts::Plain),
            Self::Elements { text, .. } => (*text, self.clone()),
        };
        let (mut only, mut count) = (None, 0);
        for element in &mut elements {
            let said = plain_text(&element.object()?)?;
            // Empty ones are no pieces.
            if said != "\"\"" {
                only = Some(said);
                count += 1;
            }
        }
        match count {
            0 | 1 => only.map(Parts::Plain),
            2..=MOST_PARTS => Some(Parts::plain(vec![text])),
            _ => None,
        }
    }

    /// The texts of elements that say nothing else, as they are written.
    pub fn plain_texts(text: &'a str) -> impl Iterator<Item = &'a str> {
        let texts = Self::of(text).filter_map(|element| plain_text(&element.object()?));
        texts.filter(|said| *said != "\"\"")
    }
}

/// The text of an element that says nothing else, as it is written.
fn plain_text<'a>(element: &Object<'a>) -> Option<&'a str> {
    let mut text = None;
    for (name, value) in &element.members {
        match &**name {
            "text" if value.starts_with('"') => text = Some(*value),
            "type" if PLAIN.contains(value) => {}
            _ => return None,
        }
    }
    text.filter(|_| !element.is_partial)
}

impl Default for List<'_> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Given<'a>;

    fn next(&mut self) -> Option<Given<'a>> {
        match self {
            Self::One(text) => text.take().map(Given::of),
            Self::Elements { scanner, .. } => {
                if scanner.peek()? == b']' {
                    return None;
                }
                let element = Given::read(scanner).ok();
                scanner.comma();
                element
            }
        }
    }
}

impl<'a> Object<'a> {
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
        // Of several the last one counts.
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

    /// Takes the text of a member; `null` is as good as nothing.
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

    pub fn take(&mut self, key: &str) -> Option<Given<'a>> {
        self.take_text(key).map(Given::of)
    }

    /// The first of several spellings that is there.
    pub fn take_any(&mut self, keys: &[&str]) -> Option<Given<'a>> {
        self.take_texts(keys).map(Given::of)
    }

    /// As it is written, for whoever takes it as it is.
    pub fn json(&mut self, keys: &[&str]) -> Option<Json> {
        self.take_texts(keys).map(Json::of)
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Given::String(text) => Some(text),
            _ => None,
        }
    }

    /// One of a few words, in lower case. Clients write them in any case.
    pub fn word(&mut self, key: &str) -> Option<String> {
        let mut word = self.text(key)?;
        word.make_ascii_lowercase();
        Some(word)
    }

    pub fn full_text(&mut self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            Given::Flag(flag) => Some(flag),
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

    pub fn object(&mut self, key: &str) -> Option<Object<'a>> {
        self.take(key)?.object()
    }

    /// The elements of a list; nothing else has any.
    pub fn list(&mut self, key: &str) -> List<'a> {
        match self.take_text(key) {
            Some(text) if text.starts_with('[') => List::of(text),
            _ => List::default(),
        }
    }

    /// The elements of a list, or the one thing in its place.
    pub fn list_of(&mut self, key: &str) -> List<'a> {
        self.list_of_any(&[key])
    }

    /// As [`Self::list_of`], of the first of several spellings that is there.
    pub fn list_of_any(&mut self, keys: &[&str]) -> List<'a> {
        self.take_texts(keys).map_or(List::default(), List::of)
    }

    /// An object as a tree.
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

    /// The names of its members, and what is written there.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let members = self.members.iter();
        members.map(|(name, text)| (&**name, *text))
    }

    /// Whether nothing of it is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.is_partial
    }

    /// Its only member.
    pub fn only(&self) -> Option<(&str, Given<'a>)> {
        match self.members.as_slice() {
            [(key, text)] if !self.is_partial => Some((key, Given::of(text))),
            _ => None,
        }
    }

    /// All of it, what was taken included.
    pub fn into_json(self) -> Json {
        Json::of(self.text)
    }

    /// A member as it is written, which stays.
    pub fn peek(&self, key: &str) -> Option<&'a str> {
        debug_assert!(is_known(key), "{key} is not among the known members");
        let mut members = self.members.iter();
        members.find_map(|(name, text)| (name == key).then_some(*text))
    }

    /// Members as trees, which stay. What is too long for a setting is left out; of long objects only that.
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
    let Given::Object(object) = Given::of(text) else {
        return None;
    };
    let members = object.members.iter().filter(|_| levels > 0);
    let members = members
        .filter_map(|(name, text)| Some((name.clone().into_owned(), setting(text, levels - 1)?)));
    Some(Value::Object(members.collect()))
}
