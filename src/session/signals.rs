//! The headers by which clients name their sessions.

/// Bytes of an id that are believed; longer ones are none.
const LONGEST: usize = 256;

/// What the headers of one request say. Of a repeated header the first valid value counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'h> {
    pub claude_code_session: Option<&'h str>,
    claude_code_agent: Option<&'h str>,
    /// Codex.
    pub session_id: Option<&'h str>,
    /// Older Codex, pi.
    pub session_id_underscored: Option<&'h str>,
    thread_id: Option<&'h str>,
    pub x_session_id: Option<&'h str>,
    pub parent_session_id: Option<&'h str>,
    pub amp_thread: Option<&'h str>,
    pub opencode_session: Option<&'h str>,
    pub session_affinity: Option<&'h str>,
    pub client_request_id: Option<&'h str>,
}

impl<'h> Signals<'h> {
    pub fn read(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut signals = Self::default();
        for (name, value) in headers {
            signals.note(name, value);
        }
        signals
    }

    fn note(&mut self, name: &str, value: &'h str) {
        if name.eq_ignore_ascii_case("x-session-id") {
            // Older than the rules for the others: whatever is there counts.
            if !value.is_empty() {
                self.x_session_id.get_or_insert(value);
            }
            return;
        }
        let slots = [
            ("x-claude-code-session-id", &mut self.claude_code_session),
            ("x-claude-code-agent-id", &mut self.claude_code_agent),
            ("session-id", &mut self.session_id),
            ("session_id", &mut self.session_id_underscored),
            ("thread-id", &mut self.thread_id),
            ("x-parent-session-id", &mut self.parent_session_id),
            ("x-amp-thread-id", &mut self.amp_thread),
            ("x-opencode-session", &mut self.opencode_session),
            ("x-session-affinity", &mut self.session_affinity),
            ("x-client-request-id", &mut self.client_request_id),
        ];
        let named = slots
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((_, slot)) = named
            && let Some(value) = valid(value)
        {
            slot.get_or_insert(value);
        }
    }

    /// Whether one of them is a session whatever the body says.
    pub fn is_strong(&self) -> bool {
        [
            self.claude_code_session,
            self.session_id,
            self.session_id_underscored,
            self.x_session_id,
            self.amp_thread,
            self.opencode_session,
            self.session_affinity,
        ]
        .iter()
        .any(Option::is_some)
    }

    /// Which of the agents of its session is talking, if it is not the main one.
    pub fn agent(&self) -> Option<&'h str> {
        if self.claude_code_session.is_some() {
            return self.claude_code_agent;
        }
        self.thread_id
            .filter(|thread| self.session_id.is_some_and(|session| session != *thread))
    }
}

/// An id without the space around it, if it can be one.
pub fn valid(text: &str) -> Option<&str> {
    let id = text.trim();
    let is_valid = (1..=LONGEST).contains(&id.len()) && !id.chars().any(char::is_control);
    is_valid.then_some(id)
}
