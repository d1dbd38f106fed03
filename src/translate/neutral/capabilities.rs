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
pub enum Support {
    Native,
    /// Native in other words: a mark as a sentence, a setting as another one that comes to the same.
    Reworded,
    Dropped,
    Refused,
}

/// A thing that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
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

use Support::{Dropped, Native, Refused, Reworded};

/// What becomes of each thing: for Chat, Responses, Messages, Gemini.
pub const TABLE: [(Feature, [Support; 4]); 66] = [
    // 1.1
    (Feature::MaxTokens, [Native, Native, Native, Native]),
    (Feature::Temperature, [Native, Native, Native, Native]),
    (Feature::TopP, [Native, Native, Native, Native]),
    // The vendor's models take one of the two.
    (
        Feature::TopPWithTemperature,
        [Native, Native, Dropped, Native],
    ),
    (Feature::TopK, [Native, Dropped, Native, Native]),
    (Feature::Penalties, [Native, Dropped, Dropped, Native]),
    (Feature::Seed, [Native, Dropped, Dropped, Native]),
    (Feature::Choices, [Native, Refused, Refused, Native]),
    (Feature::Verbosity, [Native, Native, Dropped, Dropped]),
    (Feature::Modalities, [Native, Dropped, Dropped, Native]),
    (Feature::ImageShape, [Native, Dropped, Dropped, Native]),
    (Feature::GoogleOnly, [Dropped, Dropped, Dropped, Native]),
    // 1.2
    (Feature::SystemText, [Native, Native, Native, Native]),
    (Feature::Attribution, [Dropped, Dropped, Native, Dropped]),
    (Feature::SystemTurn, [Native, Native, Reworded, Reworded]),
    // 1.3
    (Feature::Words, [Native, Native, Native, Native]),
    (Feature::Refusal, [Reworded, Native, Reworded, Reworded]),
    // 1.4
    (Feature::Image, [Native, Native, Native, Native]),
    (Feature::ImageUrl, [Native, Native, Native, Native]),
    (Feature::ImageDetail, [Native, Native, Dropped, Dropped]),
    (Feature::OddImage, [Native, Native, Refused, Native]),
    (Feature::KeptImage, [Refused, Native, Native, Native]),
    // 1.5
    (Feature::Audio, [Native, Refused, Refused, Native]),
    (Feature::Video, [Native, Refused, Refused, Native]),
    // 1.6
    (Feature::File, [Native, Native, Native, Native]),
    (Feature::FileName, [Native, Native, Native, Dropped]),
    (Feature::FileUrl, [Refused, Native, Native, Native]),
    (Feature::KeptFile, [Native, Native, Native, Native]),
    (Feature::Foreign, [Refused, Refused, Refused, Refused]),
    // 1.7
    (Feature::Tool, [Native, Native, Native, Native]),
    (Feature::ToolDescription, [Native, Native, Native, Native]),
    (Feature::Strict, [Native, Native, Native, Dropped]),
    // In a chat, a function with one text; as it is where the provider is known to take it.
    (Feature::TextTool, [Reworded, Native, Reworded, Reworded]),
    // 1.10, 1.11
    (Feature::ForcedTool, [Native, Native, Native, Native]),
    (Feature::AllowedTools, [Native, Native, Reworded, Native]),
    (Feature::OptionalTools, [Native, Native, Reworded, Reworded]),
    (Feature::ForcedSearch, [Dropped, Native, Native, Dropped]),
    (Feature::Parallel, [Native, Native, Native, Dropped]),
    // 1.12
    (Feature::Call, [Native, Native, Native, Native]),
    (Feature::CallResult, [Native, Native, Native, Native]),
    (Feature::FailedResult, [Reworded, Reworded, Native, Native]),
    (Feature::ShownResult, [Reworded, Native, Native, Reworded]),
    // 1.13
    (Feature::JsonObject, [Native, Native, Reworded, Native]),
    (Feature::JsonSchema, [Native, Native, Native, Native]),
    (Feature::SchemaName, [Native, Native, Dropped, Dropped]),
    (
        Feature::SchemaDescription,
        [Native, Native, Dropped, Dropped],
    ),
    (Feature::SchemaStrict, [Native, Native, Dropped, Dropped]),
    // 1.14
    (Feature::Stop, [Native, Dropped, Native, Native]),
    (Feature::User, [Native, Native, Native, Dropped]),
    // A label on what is stored, and nothing is: OpenAI refuses it then.
    (Feature::Metadata, [Dropped, Dropped, Dropped, Dropped]),
    // Whose cache it is stands for whose request it is.
    (Feature::CacheKey, [Native, Native, Reworded, Dropped]),
    // 1.15
    (Feature::DefaultTier, [Native, Native, Native, Native]),
    (Feature::FlexTier, [Native, Native, Dropped, Native]),
    (Feature::PriorityTier, [Native, Native, Dropped, Native]),
    (Feature::CacheMark, [Dropped, Dropped, Native, Dropped]),
    // 1.16
    (Feature::Search, [Native, Native, Native, Native]),
    (Feature::SearchWithTools, [Native, Native, Native, Dropped]),
    (Feature::SearchDomains, [Dropped, Native, Native, Dropped]),
    (
        Feature::SearchBlockedDomains,
        [Dropped, Dropped, Native, Dropped],
    ),
    (Feature::SearchMost, [Dropped, Dropped, Native, Dropped]),
    (Feature::SearchLocation, [Native, Native, Native, Dropped]),
    (Feature::SearchContext, [Native, Native, Dropped, Dropped]),
    (Feature::CodeExecution, [Dropped, Native, Native, Native]),
    (Feature::PageFetch, [Dropped, Dropped, Native, Native]),
    // But where it is at home.
    (Feature::HostedTool, [Dropped, Dropped, Dropped, Dropped]),
    (Feature::HostedWithTools, [Dropped, Native, Native, Dropped]),
];

pub fn fate(thing: Feature, upstream: Dialect) -> Support {
    let row = TABLE.iter().find(|(known, _)| *known == thing);
    row.map_or(Native, |(_, fates)| at(fates, upstream))
}

fn at(fates: &[Support; 4], upstream: Dialect) -> Support {
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
        Feature::CodeExecution,
        Feature::PageFetch,
        Feature::HostedTool,
        Feature::HostedWithTools,
        Feature::SearchWithTools,
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

fn leave_out(thing: Feature, request: &mut Request, upstream: Dialect) {
    let sampling = &mut request.sampling;
    let search = request.web_search.as_mut();
    let is_tier = |tier| move |known: &mut Tier| *known == tier;
    match thing {
        Feature::TopPWithTemperature if sampling.temperature.is_some() => sampling.top_p = None,
        Feature::TopK => sampling.top_k = None,
        Feature::Penalties => {
            sampling.frequency_penalty = None;
            sampling.presence_penalty = None;
        }
        Feature::Seed => sampling.seed = None,
        Feature::Verbosity => request.verbosity = None,
        Feature::Modalities => request.modalities.clear(),
        Feature::ImageShape => request.image_shape = ImageShape::default(),
        Feature::GoogleOnly => request.google = Google::default(),
        Feature::Stop => request.stop.clear(),
        Feature::User => request.user_id = None,
        Feature::Metadata => request.metadata = None,
        Feature::CacheKey => request.cache_key = None,
        Feature::FlexTier => drop(request.service_tier.take_if(is_tier(Tier::Flex))),
        Feature::PriorityTier => drop(request.service_tier.take_if(is_tier(Tier::Priority))),
        Feature::Parallel => request.parallel = None,
        Feature::Strict => request.tools.iter_mut().for_each(|tool| tool.strict = None),
        Feature::ForcedSearch => {
            let is_forced = |choice: &mut ToolChoice| *choice == ToolChoice::WebSearch;
            request.tool_choice.take_if(is_forced);
        }
        Feature::CodeExecution | Feature::PageFetch | Feature::HostedTool => {
            let kind = |tool: &Hosted| match tool.common() {
                Some(Common::CodeExecution) => Feature::CodeExecution,
                Some(Common::PageFetch) => Feature::PageFetch,
                None => Feature::HostedTool,
            };
            let stays = |tool: &Hosted| tool.home == upstream || kind(tool) != thing;
            request.hosted.retain(stays);
        }
        Feature::HostedWithTools if !request.tools.is_empty() => request.hosted.clear(),
        Feature::SearchWithTools if !request.tools.is_empty() => request.web_search = None,
        Feature::SearchDomains => search.into_iter().for_each(|s| s.allowed_domains.clear()),
        Feature::SearchBlockedDomains => search.into_iter().for_each(|s| s.blocked_domains.clear()),
        Feature::SearchMost => search.into_iter().for_each(|s| s.max_uses = None),
        Feature::SearchLocation => search.into_iter().for_each(|s| s.location.clear()),
        Feature::SearchContext => search.into_iter().for_each(|s| s.context_size = None),
        Feature::SchemaName | Feature::SchemaDescription | Feature::SchemaStrict => {
            if let Output::JsonSchema {
                name,
                description,
                strict,
                ..
            } = &mut request.output
            {
                match thing {
                    Feature::SchemaName => *name = None,
                    Feature::SchemaDescription => *description = None,
                    _ => *strict = None,
                }
            }
        }
        Feature::Attribution => {
            let is_it = |text: &Text| text.text.starts_with("x-anthropic-billing-header:");
            request.system.retain(|text| !is_it(text));
        }
        Feature::CacheMark => {
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
        Feature::ImageDetail => each_part(request, &mut |part| {
            if let Part::Image { detail, .. } = part {
                *detail = None;
            }
        }),
        Feature::FileName => each_part(request, &mut |part| {
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
pub struct Direction {
    pub client: Dialect,
    pub upstream: Dialect,
}

impl Direction {
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
    way: Direction,
}

impl Place {
    pub fn new(list: &str, index: usize, way: Direction) -> Self {
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
fn thing_of(part: &Part, way: Direction) -> Option<Feature> {
    let is_googles = |id: &str| way.upstream == Dialect::Gemini && media::is_googles(id);
    let kept = |id: &str, thing| match way.is_one_vendor() || is_googles(id) {
        true => thing,
        false => Feature::Foreign,
    };
    Some(match part {
        Part::Audio { .. } => Feature::Audio,
        Part::Video(Source::FileId(id)) => kept(id, Feature::Video),
        Part::Video(_) => Feature::Video,
        Part::Image { source, .. } => match source {
            Source::FileId(id) => kept(id, Feature::KeptImage),
            Source::Data { mime, .. } if !media::is_common_image(mime) => Feature::OddImage,
            _ => return None,
        },
        Part::File { source, .. } => match source {
            Source::FileId(id) => kept(id, Feature::KeptFile),
            Source::Url(_) => Feature::FileUrl,
            Source::Data { mime, .. }
                if mime.starts_with("image/") && !media::is_common_image(mime) =>
            {
                Feature::OddImage
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
pub fn takes_choices(request: &Request, way: Direction) -> Result<(), Untranslatable> {
    let is_one = request.sampling.n.is_none_or(|n| n <= 1);
    if is_one || fate(Feature::Choices, way.upstream) != Refused {
        return Ok(());
    }
    let place = match way.client {
        Dialect::Gemini => "generationConfig.candidateCount",
        _ => "n",
    };
    Err(Untranslatable::new(
        place,
        refusal(Feature::Choices, way.upstream),
    ))
}

/// What a writer says that is asked for what the table refuses.
pub fn cannot(thing: Feature, upstream: Dialect) -> Untranslatable {
    Untranslatable::new("", refusal(thing, upstream))
}

/// Why a thing is refused, in words for the client.
fn refusal(thing: Feature, upstream: Dialect) -> String {
    let what = match thing {
        Feature::Choices => "a wanted for more than one answer",
        Feature::Audio => "audio",
        Feature::Video => "video",
        Feature::OddImage => "an image that is neither JPEG, PNG, GIF nor WebP",
        Feature::KeptImage => "an image by the id of a file",
        Feature::FileUrl => "a file by its URL",
        Feature::Foreign => "a file that lies at another provider",
        _ => "this",
    };
    format!("{what} cannot be sent to a {} upstream", upstream.name())
}
