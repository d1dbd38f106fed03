//! Which features of a request each dialect supports: one table.
//!
//! A feature that only tunes an answer is dropped where it is not supported. One whose loss would change the meaning is
//! refused, with its place in the client's body. The writers leave out what the table drops, the readers refuse what it
//! refuses. Reasoning signatures have rules of their own; see [`super::signature`].

use super::hosted::{Common, Hosted};
use super::json_text::Json;
use super::part::{Part, Text, ToolResult};
use super::request::{Google, ImageShape, Output, Request, Tier, ToolChoice};
use super::untranslatable::Untranslatable;
use crate::wire::Dialect;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Native,
    /// Expressed in another way: as a sentence, or by another setting of the same effect.
    Reworded,
    Dropped,
    Refused,
}

/// A feature of requests.
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
    /// Gemini's own settings in a chat.
    GeminiOnly,
    Parallel,
    CacheKey,
    CacheMark,
    User,
    Metadata,
    DefaultTier,
    FlexTier,
    PriorityTier,
    SystemText,
    /// A line of system text that tells Anthropic which client it is.
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
    /// Tools that a vendor defines or runs.
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
    SearchMaxUses,
    SearchLocation,
    SearchContext,
    Text,
    Refusal,
    Image,
    ImageDetail,
    /// An image that is not JPEG, PNG, GIF or WebP.
    UncommonImage,
    ImageUrl,
    Audio,
    Video,
    File,
    FileName,
    FileUrl,
    /// An image by the id of a file at the upstream's vendor.
    StoredImage,
    StoredFile,
    /// A file stored at another vendor.
    ForeignFile,
    Call,
    CallResult,
    FailedResult,
    /// A result that holds an image.
    ImageResult,
}

use Support::{Dropped, Native, Refused, Reworded};

/// The support for each feature by Chat, Responses, Messages and Gemini.
pub const TABLE: [(Feature, [Support; 4]); 66] = [
    (Feature::MaxTokens, [Native, Native, Native, Native]),
    (Feature::Temperature, [Native, Native, Native, Native]),
    (Feature::TopP, [Native, Native, Native, Native]),
    // Newer models of Anthropic accept only one of the two.
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
    (Feature::GeminiOnly, [Dropped, Dropped, Dropped, Native]),
    (Feature::SystemText, [Native, Native, Native, Native]),
    (Feature::Attribution, [Dropped, Dropped, Native, Dropped]),
    (Feature::SystemTurn, [Native, Native, Reworded, Reworded]),
    (Feature::Text, [Native, Native, Native, Native]),
    (Feature::Refusal, [Reworded, Native, Reworded, Reworded]),
    (Feature::Image, [Native, Native, Native, Native]),
    (Feature::ImageUrl, [Native, Native, Native, Native]),
    (Feature::ImageDetail, [Native, Native, Dropped, Dropped]),
    (Feature::UncommonImage, [Native, Native, Refused, Native]),
    (Feature::StoredImage, [Refused, Native, Native, Native]),
    (Feature::Audio, [Native, Refused, Refused, Native]),
    (Feature::Video, [Native, Refused, Refused, Native]),
    (Feature::File, [Native, Native, Native, Native]),
    (Feature::FileName, [Native, Native, Native, Dropped]),
    (Feature::FileUrl, [Refused, Native, Native, Native]),
    (Feature::StoredFile, [Native, Native, Native, Native]),
    (Feature::ForeignFile, [Refused, Refused, Refused, Refused]),
    (Feature::Tool, [Native, Native, Native, Native]),
    (Feature::ToolDescription, [Native, Native, Native, Native]),
    (Feature::Strict, [Native, Native, Native, Dropped]),
    // In a chat, a function with one string; as it is where the provider is known to accept it.
    (Feature::TextTool, [Reworded, Native, Reworded, Reworded]),
    (Feature::ForcedTool, [Native, Native, Native, Native]),
    (Feature::AllowedTools, [Native, Native, Reworded, Native]),
    (Feature::OptionalTools, [Native, Native, Reworded, Reworded]),
    (Feature::ForcedSearch, [Dropped, Native, Native, Dropped]),
    (Feature::Parallel, [Native, Native, Native, Dropped]),
    (Feature::Call, [Native, Native, Native, Native]),
    (Feature::CallResult, [Native, Native, Native, Native]),
    (Feature::FailedResult, [Reworded, Reworded, Native, Native]),
    (Feature::ImageResult, [Reworded, Native, Native, Reworded]),
    (Feature::JsonObject, [Native, Native, Reworded, Native]),
    (Feature::JsonSchema, [Native, Native, Native, Native]),
    (Feature::SchemaName, [Native, Native, Dropped, Dropped]),
    (
        Feature::SchemaDescription,
        [Native, Native, Dropped, Dropped],
    ),
    (Feature::SchemaStrict, [Native, Native, Dropped, Dropped]),
    (Feature::Stop, [Native, Dropped, Native, Native]),
    (Feature::User, [Native, Native, Native, Dropped]),
    // It labels stored answers; OpenAI refuses it where nothing is stored.
    (Feature::Metadata, [Dropped, Dropped, Dropped, Dropped]),
    // In Messages it becomes the user id.
    (Feature::CacheKey, [Native, Native, Reworded, Dropped]),
    (Feature::DefaultTier, [Native, Native, Native, Native]),
    (Feature::FlexTier, [Native, Native, Dropped, Native]),
    (Feature::PriorityTier, [Native, Native, Dropped, Native]),
    (Feature::CacheMark, [Dropped, Dropped, Native, Dropped]),
    (Feature::Search, [Native, Native, Native, Native]),
    (Feature::SearchWithTools, [Native, Native, Native, Dropped]),
    (Feature::SearchDomains, [Dropped, Native, Native, Dropped]),
    (
        Feature::SearchBlockedDomains,
        [Dropped, Dropped, Native, Dropped],
    ),
    (Feature::SearchMaxUses, [Dropped, Dropped, Native, Dropped]),
    (Feature::SearchLocation, [Native, Native, Native, Dropped]),
    (Feature::SearchContext, [Native, Native, Dropped, Dropped]),
    (Feature::CodeExecution, [Dropped, Native, Native, Native]),
    (Feature::PageFetch, [Dropped, Dropped, Native, Native]),
    // Except in its own dialect.
    (Feature::HostedTool, [Dropped, Dropped, Dropped, Dropped]),
    (Feature::HostedWithTools, [Dropped, Native, Native, Dropped]),
];

/// How `upstream` supports a feature.
pub fn support(feature: Feature, upstream: Dialect) -> Support {
    let row = TABLE.iter().find(|(known, _)| *known == feature);
    row.map_or(Native, |(_, row)| column(row, upstream))
}

fn column(row: &[Support; 4], upstream: Dialect) -> Support {
    let [chat, responses, messages, gemini] = *row;
    match upstream {
        Dialect::Chat => chat,
        Dialect::Responses => responses,
        Dialect::Messages => messages,
        Dialect::Gemini => gemini,
    }
}

/// The request without the features that the upstream's dialect drops.
pub fn without_dropped(mut request: Request<'_>, upstream: Dialect) -> Request<'_> {
    let dropped = TABLE
        .iter()
        .filter(|(_, row)| column(row, upstream) == Dropped);
    for (feature, _) in dropped {
        remove(*feature, &mut request, upstream);
    }
    request
}

/// Removes the hosted tools that the upstream's dialect does not have. Returns them.
pub fn remove_hosted_tools(request: &mut Request, upstream: Dialect) -> Vec<Hosted> {
    let mut before = request.hosted.clone();
    if request.web_search.is_some() {
        before.push(Hosted {
            kind: "web_search".to_owned(),
            name: None,
            dialect: upstream,
            definition: Json::default(),
        });
    }
    for feature in [
        Feature::CodeExecution,
        Feature::PageFetch,
        Feature::HostedTool,
        Feature::HostedWithTools,
        Feature::SearchWithTools,
    ] {
        if support(feature, upstream) == Dropped {
            remove(feature, request, upstream);
        }
    }
    before.retain(|tool| match tool.kind.as_str() {
        "web_search" => request.web_search.is_none(),
        _ => !request.hosted.contains(tool),
    });
    before
}

fn remove(feature: Feature, request: &mut Request, upstream: Dialect) {
    let sampling = &mut request.sampling;
    let search = request.web_search.as_mut();
    let is_tier = |tier| move |known: &mut Tier| *known == tier;
    match feature {
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
        Feature::GeminiOnly => request.google = Google::default(),
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
            let stays = |tool: &Hosted| tool.dialect == upstream || kind(tool) != feature;
            request.hosted.retain(stays);
        }
        Feature::HostedWithTools if !request.tools.is_empty() => request.hosted.clear(),
        Feature::SearchWithTools if !request.tools.is_empty() => request.web_search = None,
        Feature::SearchDomains => search.into_iter().for_each(|s| s.allowed_domains.clear()),
        Feature::SearchBlockedDomains => search.into_iter().for_each(|s| s.blocked_domains.clear()),
        Feature::SearchMaxUses => search.into_iter().for_each(|s| s.max_uses = None),
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
                match feature {
                    Feature::SchemaName => *name = None,
                    Feature::SchemaDescription => *description = None,
                    _ => *strict = None,
                }
            }
        }
        Feature::Attribution => {
            let is_attribution = |text: &Text| text.text.starts_with("x-anthropic-billing-header:");
            request.system.retain(|text| !is_attribution(text));
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
        // No other feature is dropped by any dialect.
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

/// The error of a writer for a feature that the table refuses.
pub fn unsupported(feature: Feature, upstream: Dialect) -> Untranslatable {
    Untranslatable::new("", refusal(feature, upstream))
}

/// Why a feature is refused, for the client.
pub fn refusal(feature: Feature, upstream: Dialect) -> String {
    let what = match feature {
        Feature::Choices => "a request for more than one answer",
        Feature::Audio => "audio",
        Feature::Video => "video",
        Feature::UncommonImage => "an image that is neither JPEG, PNG, GIF nor WebP",
        Feature::StoredImage => "an image by the id of a file",
        Feature::FileUrl => "a file by its URL",
        Feature::ForeignFile => "a file that is stored at another provider",
        _ => "this",
    };
    format!("{what} cannot be sent to a {} upstream", upstream.name())
}
