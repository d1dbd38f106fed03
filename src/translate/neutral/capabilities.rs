//! What becomes of all that a client can say, where an upstream has no word for it: one table.
//!
//! What only tunes an answer is dropped. What would change the meaning if it were gone is refused, with its place
//! in the client's body (spec/dialects.md 1.17). The writers leave out what the table drops, the readers refuse
//! what it refuses. Memories, which have rules of their own (spec/dialects.md 3.7), are not in it.

use super::hosted::Common;
use super::turn::{MOST_PARTS, too_many};
use super::{
    Google, Hosted, ImageShape, Json, Output, Part, Request, Source, Text, Tier, ToolChoice,
    ToolResult, Untranslatable, media,
};
use crate::wire::Dialect;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Said,
    /// Said in other words: a mark as a sentence, a setting as another one that comes to the same.
    InOtherWords,
    Dropped,
    Refused,
}

/// A thing that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    MaxTokens,
    Temperature,
    TopP,
    TopPWithTemperature,
    TopK,
    Penalties,
    Seed,
    Choices,
    Stop,
    Verbosity,
    Modalities,
    ImageShape,
    /// What clients of Google say in a chat as Google says it.
    GoogleOnly,
    Parallel,
    CacheKey,
    CacheMark,
    User,
    Metadata,
    DefaultTier,
    FlexTier,
    PriorityTier,
    SystemText,
    /// A line by which a client says for whom it works, meant for its vendor.
    Attribution,
    SystemTurn,
    Tool,
    ToolDescription,
    Strict,
    TextTool,
    ForcedTool,
    /// One of these must be called.
    AllowedTools,
    /// One of these may be called.
    OptionalTools,
    ForcedSearch,
    /// Tools of a vendor: to run code, to read pages, and others.
    CodeExecution,
    PageFetch,
    HostedTool,
    HostedWithTools,
    JsonObject,
    JsonSchema,
    SchemaName,
    SchemaDescription,
    SchemaStrict,
    Search,
    SearchWithTools,
    SearchDomains,
    SearchBlockedDomains,
    SearchMost,
    SearchLocation,
    SearchContext,
    Words,
    Refusal,
    Image,
    ImageDetail,
    /// Of a type beside JPEG, PNG, GIF and WebP.
    OddImage,
    ImageUrl,
    Audio,
    Video,
    File,
    FileName,
    FileUrl,
    /// A picture that lies at the vendor who is to be asked.
    KeptImage,
    KeptFile,
    /// What lies at another vendor.
    Foreign,
    Call,
    CallResult,
    FailedResult,
    /// A result that shows a picture.
    ShownResult,
}

use Fate::{Dropped, InOtherWords, Refused, Said};

/// What becomes of each thing: for Chat, Responses, Messages, Gemini.
pub const TABLE: [(Thing, [Fate; 4]); 66] = [
    // 1.1
    (Thing::MaxTokens, [Said, Said, Said, Said]),
    (Thing::Temperature, [Said, Said, Said, Said]),
    (Thing::TopP, [Said, Said, Said, Said]),
    // The vendor's models take one of the two.
    (Thing::TopPWithTemperature, [Said, Said, Dropped, Said]),
    (Thing::TopK, [Said, Dropped, Said, Said]),
    (Thing::Penalties, [Said, Dropped, Dropped, Said]),
    (Thing::Seed, [Said, Dropped, Dropped, Said]),
    (Thing::Choices, [Said, Refused, Refused, Said]),
    (Thing::Verbosity, [Said, Said, Dropped, Dropped]),
    (Thing::Modalities, [Said, Dropped, Dropped, Said]),
    (Thing::ImageShape, [Said, Dropped, Dropped, Said]),
    (Thing::GoogleOnly, [Dropped, Dropped, Dropped, Said]),
    // 1.2
    (Thing::SystemText, [Said, Said, Said, Said]),
    (Thing::Attribution, [Dropped, Dropped, Said, Dropped]),
    (Thing::SystemTurn, [Said, Said, InOtherWords, InOtherWords]),
    // 1.3
    (Thing::Words, [Said, Said, Said, Said]),
    (
        Thing::Refusal,
        [InOtherWords, Said, InOtherWords, InOtherWords],
    ),
    // 1.4
    (Thing::Image, [Said, Said, Said, Said]),
    (Thing::ImageUrl, [Said, Said, Said, Said]),
    (Thing::ImageDetail, [Said, Said, Dropped, Dropped]),
    (Thing::OddImage, [Said, Said, Refused, Said]),
    (Thing::KeptImage, [Refused, Said, Said, Said]),
    // 1.5
    (Thing::Audio, [Said, Refused, Refused, Said]),
    (Thing::Video, [Said, Refused, Refused, Said]),
    // 1.6
    (Thing::File, [Said, Said, Said, Said]),
    (Thing::FileName, [Said, Said, Said, Dropped]),
    (Thing::FileUrl, [Refused, Said, Said, Said]),
    (Thing::KeptFile, [Said, Said, Said, Said]),
    (Thing::Foreign, [Refused, Refused, Refused, Refused]),
    // 1.7
    (Thing::Tool, [Said, Said, Said, Said]),
    (Thing::ToolDescription, [Said, Said, Said, Said]),
    (Thing::Strict, [Said, Said, Said, Dropped]),
    // In a chat, a function with one text; as it is where the provider is known to take it.
    (
        Thing::TextTool,
        [InOtherWords, Said, InOtherWords, InOtherWords],
    ),
    // 1.10, 1.11
    (Thing::ForcedTool, [Said, Said, Said, Said]),
    (Thing::AllowedTools, [Said, Said, InOtherWords, Said]),
    (
        Thing::OptionalTools,
        [Said, Said, InOtherWords, InOtherWords],
    ),
    (Thing::ForcedSearch, [Dropped, Said, Said, Dropped]),
    (Thing::Parallel, [Said, Said, Said, Dropped]),
    // 1.12
    (Thing::Call, [Said, Said, Said, Said]),
    (Thing::CallResult, [Said, Said, Said, Said]),
    (
        Thing::FailedResult,
        [InOtherWords, InOtherWords, Said, Said],
    ),
    (Thing::ShownResult, [InOtherWords, Said, Said, InOtherWords]),
    // 1.13
    (Thing::JsonObject, [Said, Said, InOtherWords, Said]),
    (Thing::JsonSchema, [Said, Said, Said, Said]),
    (Thing::SchemaName, [Said, Said, Dropped, Dropped]),
    (Thing::SchemaDescription, [Said, Said, Dropped, Dropped]),
    (Thing::SchemaStrict, [Said, Said, Dropped, Dropped]),
    // 1.14
    (Thing::Stop, [Said, Dropped, Said, Said]),
    (Thing::User, [Said, Said, Said, Dropped]),
    // A label on what is stored, and nothing is: OpenAI refuses it then.
    (Thing::Metadata, [Dropped, Dropped, Dropped, Dropped]),
    // Whose cache it is stands for whose request it is.
    (Thing::CacheKey, [Said, Said, InOtherWords, Dropped]),
    // 1.15
    (Thing::DefaultTier, [Said, Said, Said, Said]),
    (Thing::FlexTier, [Said, Said, Dropped, Said]),
    (Thing::PriorityTier, [Said, Said, Dropped, Said]),
    (Thing::CacheMark, [Dropped, Dropped, Said, Dropped]),
    // 1.16
    (Thing::Search, [Said, Said, Said, Said]),
    (Thing::SearchWithTools, [Said, Said, Said, Dropped]),
    (Thing::SearchDomains, [Dropped, Said, Said, Dropped]),
    (
        Thing::SearchBlockedDomains,
        [Dropped, Dropped, Said, Dropped],
    ),
    (Thing::SearchMost, [Dropped, Dropped, Said, Dropped]),
    (Thing::SearchLocation, [Said, Said, Said, Dropped]),
    (Thing::SearchContext, [Said, Said, Dropped, Dropped]),
    (Thing::CodeExecution, [Dropped, Said, Said, Said]),
    (Thing::PageFetch, [Dropped, Dropped, Said, Said]),
    // But where it is at home.
    (Thing::HostedTool, [Dropped, Dropped, Dropped, Dropped]),
    (Thing::HostedWithTools, [Dropped, Said, Said, Dropped]),
];

pub fn fate(thing: Thing, upstream: Dialect) -> Fate {
    let row = TABLE.iter().find(|(known, _)| *known == thing);
    row.map_or(Said, |(_, fates)| at(fates, upstream))
}

fn at(fates: &[Fate; 4], upstream: Dialect) -> Fate {
    let [chat, responses, messages, gemini] = *fates;
    match upstream {
        Dialect::Chat => chat,
        Dialect::Responses => responses,
        Dialect::Messages => messages,
        Dialect::Gemini => gemini,
    }
}

/// The request without what the upstream's dialect drops.
pub fn sayable(mut request: Request<'_>, upstream: Dialect) -> Request<'_> {
    let dropped = TABLE
        .iter()
        .filter(|(_, fates)| at(fates, upstream) == Dropped);
    for (thing, _) in dropped {
        leave_out(*thing, &mut request, upstream);
    }
    request
}

/// Leaves out the tools of vendors that the upstream's dialect does not have. Returns them.
pub fn left_out(request: &mut Request, upstream: Dialect) -> Vec<Hosted> {
    let mut before = request.hosted.clone();
    if request.web_search.is_some() {
        before.push(Hosted {
            kind: "web_search".to_owned(),
            name: None,
            home: upstream,
            given: Json::default(),
        });
    }
    for thing in [
        Thing::CodeExecution,
        Thing::PageFetch,
        Thing::HostedTool,
        Thing::HostedWithTools,
        Thing::SearchWithTools,
    ] {
        if fate(thing, upstream) == Dropped {
            leave_out(thing, request, upstream);
        }
    }
    before.retain(|tool| match tool.kind.as_str() {
        "web_search" => request.web_search.is_none(),
        _ => !request.hosted.contains(tool),
    });
    before
}

fn leave_out(thing: Thing, request: &mut Request, upstream: Dialect) {
    let sampling = &mut request.sampling;
    let search = request.web_search.as_mut();
    let is_tier = |tier| move |known: &mut Tier| *known == tier;
    match thing {
        Thing::TopPWithTemperature if sampling.temperature.is_some() => sampling.top_p = None,
        Thing::TopK => sampling.top_k = None,
        Thing::Penalties => {
            sampling.frequency_penalty = None;
            sampling.presence_penalty = None;
        }
        Thing::Seed => sampling.seed = None,
        Thing::Verbosity => request.verbosity = None,
        Thing::Modalities => request.modalities.clear(),
        Thing::ImageShape => request.image_shape = ImageShape::default(),
        Thing::GoogleOnly => request.google = Google::default(),
        Thing::Stop => request.stop.clear(),
        Thing::User => request.user_id = None,
        Thing::Metadata => request.metadata = None,
        Thing::CacheKey => request.cache_key = None,
        Thing::FlexTier => drop(request.service_tier.take_if(is_tier(Tier::Flex))),
        Thing::PriorityTier => drop(request.service_tier.take_if(is_tier(Tier::Priority))),
        Thing::Parallel => request.parallel = None,
        Thing::Strict => request.tools.iter_mut().for_each(|tool| tool.strict = None),
        Thing::ForcedSearch => {
            let is_forced = |choice: &mut ToolChoice| *choice == ToolChoice::WebSearch;
            request.tool_choice.take_if(is_forced);
        }
        Thing::CodeExecution | Thing::PageFetch | Thing::HostedTool => {
            let kind = |tool: &Hosted| match tool.common() {
                Some(Common::CodeExecution) => Thing::CodeExecution,
                Some(Common::PageFetch) => Thing::PageFetch,
                None => Thing::HostedTool,
            };
            let stays = |tool: &Hosted| tool.home == upstream || kind(tool) != thing;
            request.hosted.retain(stays);
        }
        Thing::HostedWithTools if !request.tools.is_empty() => request.hosted.clear(),
        Thing::SearchWithTools if !request.tools.is_empty() => request.web_search = None,
        Thing::SearchDomains => search.into_iter().for_each(|s| s.allowed_domains.clear()),
        Thing::SearchBlockedDomains => search.into_iter().for_each(|s| s.blocked_domains.clear()),
        Thing::SearchMost => search.into_iter().for_each(|s| s.max_uses = None),
        Thing::SearchLocation => search.into_iter().for_each(|s| s.location.clear()),
        Thing::SearchContext => search.into_iter().for_each(|s| s.context_size = None),
        Thing::SchemaName | Thing::SchemaDescription | Thing::SchemaStrict => {
            if let Output::JsonSchema {
                name,
                description,
                strict,
                ..
            } = &mut request.output
            {
                match thing {
                    Thing::SchemaName => *name = None,
                    Thing::SchemaDescription => *description = None,
                    _ => *strict = None,
                }
            }
        }
        Thing::Attribution => {
            let is_it = |text: &Text| text.text.starts_with("x-anthropic-billing-header:");
            request.system.retain(|text| !is_it(text));
        }
        Thing::CacheMark => {
            request.system.iter_mut().for_each(|text| text.cache = None);
            request.tools.iter_mut().for_each(|tool| tool.cache = None);
            each_part(request, &mut |part| match part {
                Part::Text(Text { cache, .. })
                | Part::Image { cache, .. }
                | Part::File { cache, .. }
                | Part::ToolResult(ToolResult { cache, .. }) => *cache = None,
                _ => {}
            });
        }
        Thing::ImageDetail => each_part(request, &mut |part| {
            if let Part::Image { detail, .. } = part {
                *detail = None;
            }
        }),
        Thing::FileName => each_part(request, &mut |part| {
            if let Part::File { name, .. } = part {
                *name = None;
            }
        }),
        // Nothing else is dropped.
        _ => {}
    }
}

fn each_part(request: &mut Request, change: &mut impl FnMut(&mut Part)) {
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        change(part);
        if let Part::ToolResult(result) = part {
            result.parts.iter_mut().for_each(&mut *change);
        }
    }
}

/// From whom to whom a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub client: Dialect,
    pub upstream: Dialect,
}

impl Way {
    /// Nowhere: to be understood only.
    pub fn within(dialect: Dialect) -> Self {
        Self {
            client: dialect,
            upstream: dialect,
        }
    }

    /// Whether files that the client has at its vendor are at the upstream's.
    fn is_one_vendor(self) -> bool {
        let is_openai = |dialect| matches!(dialect, Dialect::Chat | Dialect::Responses);
        self.client == self.upstream || (is_openai(self.client) && is_openai(self.upstream))
    }
}

/// A place in the client's body, like `messages[2].content[0]`, and whither what stands there has to go.
#[derive(Clone, Debug)]
pub struct Place {
    path: String,
    way: Way,
}

impl Place {
    pub fn new(list: &str, index: usize, way: Way) -> Self {
        let path = format!("{list}[{index}]");
        Self { path, way }
    }

    pub fn at(&self, index: usize) -> Self {
        Self::new(&self.path, index, self.way)
    }

    pub fn member(&self, name: &str) -> Self {
        let path = format!("{}.{name}", self.path);
        Self { path, ..*self }
    }

    /// # Errors
    /// When there are more pieces at this place than there may be.
    pub fn bounds(&self, index: usize) -> Result<(), Untranslatable> {
        match index < MOST_PARTS {
            true => Ok(()),
            false => Err(too_many(&self.path, MOST_PARTS)),
        }
    }

    pub fn refused(&self, why: impl Into<String>) -> Untranslatable {
        Untranslatable::new(self.path.as_str(), why)
    }

    /// The part, if the upstream can be told.
    ///
    /// # Errors
    /// If the table says that it cannot, and what would be missing.
    pub fn takes(&self, part: Part) -> Result<Part, Untranslatable> {
        let upstream = self.way.upstream;
        match thing_of(&part, self.way) {
            Some(thing) if fate(thing, upstream) == Refused && !self.is_only_read() => {
                Err(self.refused(refusal(thing, upstream)))
            }
            _ => Ok(part),
        }
    }

    fn is_only_read(&self) -> bool {
        self.way.client == self.way.upstream
    }
}

/// What of the table a part of a turn is, where that could be refused.
fn thing_of(part: &Part, way: Way) -> Option<Thing> {
    let is_googles = |id: &str| way.upstream == Dialect::Gemini && media::is_googles(id);
    let kept = |id: &str, thing| match way.is_one_vendor() || is_googles(id) {
        true => thing,
        false => Thing::Foreign,
    };
    Some(match part {
        Part::Audio { .. } => Thing::Audio,
        Part::Video(Source::FileId(id)) => kept(id, Thing::Video),
        Part::Video(_) => Thing::Video,
        Part::Image { source, .. } => match source {
            Source::FileId(id) => kept(id, Thing::KeptImage),
            Source::Data { mime, .. } if !media::is_common_image(mime) => Thing::OddImage,
            _ => return None,
        },
        Part::File { source, .. } => match source {
            Source::FileId(id) => kept(id, Thing::KeptFile),
            Source::Url(_) => Thing::FileUrl,
            Source::Data { mime, .. }
                if mime.starts_with("image/") && !media::is_common_image(mime) =>
            {
                Thing::OddImage
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// The request, if the upstream can be asked for so many answers side by side.
///
/// # Errors
/// Where it gives one only, which is not what the client asked for.
pub fn takes_choices(request: &Request, way: Way) -> Result<(), Untranslatable> {
    let is_one = request.sampling.n.is_none_or(|n| n <= 1);
    if is_one || fate(Thing::Choices, way.upstream) != Refused {
        return Ok(());
    }
    let place = match way.client {
        Dialect::Gemini => "generationConfig.candidateCount",
        _ => "n",
    };
    Err(Untranslatable::new(
        place,
        refusal(Thing::Choices, way.upstream),
    ))
}

/// What a writer says that is asked for what the table refuses.
pub fn cannot(thing: Thing, upstream: Dialect) -> Untranslatable {
    Untranslatable::new("", refusal(thing, upstream))
}

/// Why a thing is refused, in words for the client.
fn refusal(thing: Thing, upstream: Dialect) -> String {
    let what = match thing {
        Thing::Choices => "a wish for more than one answer",
        Thing::Audio => "audio",
        Thing::Video => "video",
        Thing::OddImage => "an image that is neither JPEG, PNG, GIF nor WebP",
        Thing::KeptImage => "an image by the id of a file",
        Thing::FileUrl => "a file by its URL",
        Thing::Foreign => "a file that lies at another provider",
        _ => "this",
    };
    format!("{what} cannot be sent to a {} upstream", upstream.name())
}
