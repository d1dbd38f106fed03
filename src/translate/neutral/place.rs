//! Where in the client's body a part stands, and whether the upstream accepts it there.

use super::capabilities::{Feature, Support, refusal, support};
use super::media;
use super::part::{Part, Source};
use super::request::Request;
use super::untranslatable::{MOST_PARTS, Untranslatable, too_many};
use crate::wire::Dialect;

/// The dialects of a request: the client's and the upstream's.
#[derive(Clone, Copy, Debug)]
pub struct Direction {
    pub client: Dialect,
    pub upstream: Dialect,
}

impl Direction {
    /// For a request that is only read.
    pub fn within(dialect: Dialect) -> Self {
        Self {
            client: dialect,
            upstream: dialect,
        }
    }

    /// Whether files that the client has stored at its vendor are at the upstream's too.
    fn is_one_vendor(self) -> bool {
        let is_openai = |dialect| matches!(dialect, Dialect::Chat | Dialect::Responses);
        self.client == self.upstream || (is_openai(self.client) && is_openai(self.upstream))
    }
}

/// A place in the client's body, like `messages[2].content[0]`, and the dialects between which it is translated.
#[derive(Clone, Debug)]
pub struct Place {
    path: String,
    direction: Direction,
}

impl Place {
    pub fn new(list: &str, index: usize, direction: Direction) -> Self {
        let path = format!("{list}[{index}]");
        Self { path, direction }
    }

    pub fn at(&self, index: usize) -> Self {
        Self::new(&self.path, index, self.direction)
    }

    pub fn member(&self, name: &str) -> Self {
        let path = format!("{}.{name}", self.path);
        Self { path, ..*self }
    }

    /// # Errors
    /// When there are more parts at this place than are translated.
    pub fn check_index(&self, index: usize) -> Result<(), Untranslatable> {
        match index < MOST_PARTS {
            true => Ok(()),
            false => Err(too_many(&self.path, MOST_PARTS)),
        }
    }

    /// The error for a value at this place.
    pub fn error(&self, why: impl Into<String>) -> Untranslatable {
        Untranslatable::new(self.path.as_str(), why)
    }

    /// The part, if the upstream's dialect supports it.
    ///
    /// # Errors
    /// When it is refused by the table of capabilities.
    pub fn check(&self, part: Part) -> Result<Part, Untranslatable> {
        let Direction { client, upstream } = self.direction;
        match refusable_feature(&part, self.direction) {
            Some(feature)
                if client != upstream && support(feature, upstream) == Support::Refused =>
            {
                Err(self.error(refusal(feature, upstream)))
            }
            _ => Ok(part),
        }
    }
}

/// The feature that a part uses, if one that could be refused.
fn refusable_feature(part: &Part, direction: Direction) -> Option<Feature> {
    let is_gemini_file =
        |id: &str| direction.upstream == Dialect::Gemini && media::is_gemini_file(id);
    let stored = |id: &str, feature| match direction.is_one_vendor() || is_gemini_file(id) {
        true => feature,
        false => Feature::ForeignFile,
    };
    Some(match part {
        Part::Audio { .. } => Feature::Audio,
        Part::Video(Source::FileId(id)) => stored(id, Feature::Video),
        Part::Video(_) => Feature::Video,
        Part::Image { source, .. } => match source {
            Source::FileId(id) => stored(id, Feature::StoredImage),
            Source::Data { mime, .. } if !media::is_common_image(mime) => Feature::UncommonImage,
            _ => return None,
        },
        Part::File { source, .. } => match source {
            Source::FileId(id) => stored(id, Feature::StoredFile),
            Source::Url(_) => Feature::FileUrl,
            Source::Data { mime, .. }
                if mime.starts_with("image/") && !media::is_common_image(mime) =>
            {
                Feature::UncommonImage
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// Checks the number of choices that a request asks for.
///
/// # Errors
/// When it asks for several and the upstream gives one only.
pub fn check_choices(request: &Request, direction: Direction) -> Result<(), Untranslatable> {
    let is_one = request.sampling.n.is_none_or(|n| n <= 1);
    if is_one || support(Feature::Choices, direction.upstream) != Support::Refused {
        return Ok(());
    }
    let place = match direction.client {
        Dialect::Gemini => "generationConfig.candidateCount",
        _ => "n",
    };
    let why = refusal(Feature::Choices, direction.upstream);
    Err(Untranslatable::new(place, why))
}
