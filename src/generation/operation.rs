//! What a request asks of an upstream, by its route.

use std::borrow::Cow;

use crate::http::query::Query;
use crate::http::route::{GeminiMethod, Route};
use crate::provider::Action;
use crate::translate::Form;
use crate::wire::Dialect;

#[derive(Clone, Debug)]
pub struct Operation<'t> {
    pub dialect: Dialect,
    pub form: Form,
    pub action: Action<'static>,
    /// Gemini's paths contain the model, and whether the answer is a stream.
    pub(super) path: Option<(Cow<'t, str>, bool)>,
    pub(super) alt: Option<Cow<'t, str>>,
    /// Whether a stream is one JSON array instead of events.
    pub(super) is_array: bool,
    /// Whether answers have the envelope of Code Assist.
    pub(super) is_enveloped: bool,
}

impl<'t> Operation<'t> {
    pub fn of(route: &Route<'t>, query: Query<'t>) -> Self {
        let action = match route {
            Route::CountTokens
            | Route::InputTokens
            | Route::Gemini {
                method: GeminiMethod::CountTokens,
                ..
            } => Action::Count,
            Route::Compact => Action::Compact,
            _ => Action::Generate,
        };
        let path = match route {
            Route::Gemini { model, method } => Some((
                model.clone(),
                *method == GeminiMethod::StreamGenerateContent,
            )),
            _ => None,
        };
        Self {
            dialect: route.dialect(),
            form: match route {
                Route::Completions => Form::Completions,
                _ => Form::Usual,
            },
            action,
            path,
            alt: query.alt(),
            is_array: route.answers_array(query),
            is_enveloped: false,
        }
    }

    /// A request of Gemini CLI, which has the model in its body.
    pub(super) fn of_gemini_cli(model: String, method: GeminiMethod) -> Self {
        let is_count = method == GeminiMethod::CountTokens;
        let streams = method == GeminiMethod::StreamGenerateContent;
        Self {
            dialect: Dialect::Gemini,
            form: Form::Usual,
            action: match is_count {
                true => Action::Count,
                false => Action::Generate,
            },
            path: Some((Cow::Owned(model), streams)),
            alt: None,
            is_array: false,
            is_enveloped: !is_count,
        }
    }

    /// Whether the route asks for a stream.
    pub(super) fn streams_by_path(&self) -> bool {
        self.path.as_ref().is_some_and(|(_, streams)| *streams)
    }
}
