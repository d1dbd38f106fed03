//! The settings that point clients at the gateway, to copy.

/// A known client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    ClaudeCode,
    Codex,
    GeminiCli,
    OpenCode,
    OpenAiSdk,
    AnthropicSdk,
    GoogleSdk,
    VercelAiSdk,
}

impl Client {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "claude-code" => Self::ClaudeCode,
            "codex" => Self::Codex,
            "gemini-cli" => Self::GeminiCli,
            "opencode" => Self::OpenCode,
            "openai-sdk" => Self::OpenAiSdk,
            "anthropic-sdk" => Self::AnthropicSdk,
            "google-sdk" => Self::GoogleSdk,
            "vercel-ai-sdk" => Self::VercelAiSdk,
            _ => return None,
        })
    }

    /// Its settings for a gateway at `base` (`http://127.0.0.1:8317`) and a client key.
    pub fn settings(self, base: &str, key: &str) -> String {
        match self {
            Self::ClaudeCode => format!(
                "export ANTHROPIC_BASE_URL={base}\nexport ANTHROPIC_AUTH_TOKEN={key}\nclaude\n"
            ),
            Self::Codex => format!(
                r#"# in ~/.codex/config.toml
model_provider = "holdfast"

[model_providers.holdfast]
name = "holdfast"
base_url = "{base}/v1"
wire_api = "responses"
env_key = "HOLDFAST_KEY"

# in the shell
export HOLDFAST_KEY={key}
codex
"#
            ),
            Self::GeminiCli => format!(
                "export GOOGLE_GEMINI_BASE_URL={base}\nexport GEMINI_API_KEY={key}\ngemini\n"
            ),
            Self::OpenCode => format!(
                r#"# in opencode.json, with the models that you want to use
{{
  "provider": {{
    "holdfast": {{
      "npm": "@ai-sdk/openai-compatible",
      "options": {{"baseURL": "{base}/v1", "apiKey": "{key}"}},
      "models": {{"claude-sonnet-4-5": {{}}}}
    }}
  }}
}}
"#
            ),
            Self::OpenAiSdk => {
                format!("export OPENAI_BASE_URL={base}/v1\nexport OPENAI_API_KEY={key}\n")
            }
            Self::AnthropicSdk => {
                format!("export ANTHROPIC_BASE_URL={base}\nexport ANTHROPIC_API_KEY={key}\n")
            }
            Self::GoogleSdk => {
                format!("export GOOGLE_GEMINI_BASE_URL={base}\nexport GEMINI_API_KEY={key}\n")
            }
            Self::VercelAiSdk => format!(
                r#"createOpenAI({{ baseURL: "{base}/v1", apiKey: "{key}" }})
createAnthropic({{ baseURL: "{base}/v1", apiKey: "{key}" }})
createGoogleGenerativeAI({{ baseURL: "{base}/v1beta", apiKey: "{key}" }})
"#
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::CLIENTS;

    #[test]
    fn every_client_of_the_command_line_has_settings_with_address_and_key() {
        for name in CLIENTS {
            let text = Client::named(name)
                .unwrap()
                .settings("http://h:1", "the-key");
            assert!(
                text.contains("http://h:1") && text.contains("the-key"),
                "{name}"
            );
            assert!(text.ends_with('\n'), "{name}");
        }
        assert_eq!(Client::named("vim"), None);
    }
}
