//! How much a model thinks.

/// The reasoning that a client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningRequest {
    pub effort: Option<Effort>,
    /// The effort stands for "on", its amount being the provider's choice.
    pub is_soft: bool,
    /// Whether the client gets the thoughts, where it says so.
    pub is_shown: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    None,
    Auto,
    Level(Level),
    /// Tokens.
    Budget(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Level {
    const ALL: [(Self, &'static str, u64); 6] = [
        (Self::Minimal, "minimal", 512),
        (Self::Low, "low", 1024),
        (Self::Medium, "medium", 8192),
        (Self::High, "high", 24_576),
        (Self::XHigh, "xhigh", 32_768),
        (Self::Max, "max", 128_000),
    ];

    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The token budget of a level.
    pub fn budget(self) -> u64 {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, u64) {
        let row = Self::ALL.iter().find(|(level, ..)| *level == self);
        row.copied().unwrap_or((self, "medium", 8192))
    }

    pub fn of_name(name: &str) -> Option<Self> {
        let row = Self::ALL
            .iter()
            .find(|(_, known, _)| known.eq_ignore_ascii_case(name));
        row.map(|(level, ..)| *level)
    }

    /// The level of a token budget; never `max`.
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            ..=512 => Self::Minimal,
            513..=1024 => Self::Low,
            1025..=8192 => Self::Medium,
            8193..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }
}

impl Effort {
    /// Reads a level's name, `none` or `auto`, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("none") {
            return Some(Self::None);
        }
        if name.eq_ignore_ascii_case("auto") {
            return Some(Self::Auto);
        }
        Level::of_name(name).map(Self::Level)
    }

    /// Reads a budget as the vendors write it: 0 is none, -1 is the model's choice, anything lower is invalid.
    pub fn of_budget(tokens: i64) -> Option<Self> {
        match tokens {
            -1 => Some(Self::Auto),
            0 => Some(Self::None),
            tokens => u64::try_from(tokens).ok().map(Self::Budget),
        }
    }

    /// Reads the value of a suffix `model(value)`; `None` for an invalid one.
    pub fn of_suffix(value: &str) -> Option<Self> {
        if value == "-1" {
            return Some(Self::Auto);
        }
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::of_budget(value.parse().ok()?);
        }
        Self::of_name(value)
    }
}
