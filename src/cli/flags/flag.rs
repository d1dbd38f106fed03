//! Flags and commands, as the table has them.

/// What a flag means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Config,
    Check,
    Strict,
    Format,
    Explain,
    PrintEffective,
    Schema,
    Help,
    Version,
    Host,
    Port,
    Provider,
    BaseUrl,
    KeyEnv,
    Client,
    Json,
    LocalModel,
    Header,
    Password,
    /// Sign in, as the command `login` for a channel.
    Login(SignIn),
    NoBrowser,
    CallbackPort,
    Device,
    Cookie,
    Project,
    Vertex,
    Prefix,
    Location,
    /// Recognised but not implemented: see [`Flag::support`].
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Works,
    /// An option of CLIProxyAPI for what is a command here.
    Elsewhere,
    /// Accepted for compatibility, without effect.
    Ignored,
    /// Refused with a message, because the feature is not implemented.
    Refused,
}

/// A way of signing in that CLIProxyAPI has an option for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub channel: &'static str,
    pub by: By,
}

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The channel's usual way.
    Usual,
    Device,
    Cookie,
}

/// The values of a flag, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// A switch: it takes no value.
    None,
    Any,
    Files,
    Words(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub id: Id,
    pub long: &'static str,
    pub short: Option<char>,
    /// The placeholder for its value; empty for a switch.
    pub value: &'static str,
    pub values: Values,
    /// One line.
    pub help: &'static str,
    /// Further text for the manual; often empty.
    pub more: &'static str,
    pub support: Support,
    /// Not shown in help, completions or manual.
    pub is_hidden: bool,
}

/// A command. The one with an empty name runs when no command is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    pub action: Action,
    pub name: &'static str,
    /// Its positional arguments: `NAME`, or `[NAME]` if optional.
    pub words: &'static str,
    /// The values that the argument can have; empty for any.
    pub choices: &'static [&'static str],
    pub help: &'static str,
    pub more: &'static str,
    pub flags: &'static [Flag],
    /// A command line and what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Serve,
    Check,
    Doctor,
    Explain,
    Init,
    Help,
    Version,
    #[cfg(feature = "demo")]
    Demo,
    Identify,
    Login,
    Import,
    Credentials,
    Refresh,
    Completions,
    Manual,
}

impl Command {
    /// Its command line without options.
    pub fn call(&self) -> String {
        let parts = ["holdfast", self.name, self.words];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }

    pub fn shown(&self, support: Support) -> impl Iterator<Item = &'static Flag> {
        let flags = self.flags.iter();
        flags.filter(move |flag| flag.support == support && !flag.is_hidden)
    }
}

impl Flag {
    pub const fn takes_value(&self) -> bool {
        !self.value.is_empty()
    }

    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    pub const fn more(mut self, text: &'static str) -> Self {
        self.more = text;
        self
    }

    pub const fn files(mut self) -> Self {
        self.values = Values::Files;
        self
    }

    pub const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.values = Values::Words(words);
        self
    }

    pub const fn refused(mut self) -> Self {
        self.support = Support::Refused;
        self
    }

    pub const fn ignored(mut self) -> Self {
        self.support = Support::Ignored;
        self
    }

    pub const fn elsewhere(mut self) -> Self {
        self.support = Support::Elsewhere;
        self
    }

    pub const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }
}

pub const fn switch(id: Id, long: &'static str, help: &'static str) -> Flag {
    Flag {
        id,
        long,
        short: None,
        value: "",
        values: Values::None,
        help,
        more: "",
        support: Support::Works,
        is_hidden: false,
    }
}

pub const fn value(id: Id, long: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag {
        value,
        values: Values::Any,
        ..switch(id, long, help)
    }
}
