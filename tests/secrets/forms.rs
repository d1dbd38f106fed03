//! The encodings in which a secret may appear.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// `secret` in every encoding in which an upstream may repeat it, the plain one first.
pub fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.bytes();
    let json = inner(&serde_json::Value::from(secret).to_string());
    let escaped: String = secret
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let url: String = bytes.clone().map(|byte| format!("%{byte:02x}")).collect();
    let form: String = bytes
        .clone()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let mut all = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        inner(&serde_json::Value::from(json.as_str()).to_string()),
        inner(&serde_json::Value::from(escaped.as_str()).to_string()),
        escaped.to_ascii_uppercase().replace("\\U", "\\u"),
        escaped,
        json,
        url.to_ascii_uppercase(),
        url.replace('%', "%25"),
        url,
        form,
        bytes.clone().map(|byte| format!("{byte:02x}")).collect(),
        bytes.map(|byte| format!("{byte:02X}")).collect(),
        BASE64_STANDARD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        BASE64_STANDARD.encode(format!("Bearer {secret}")),
    ];
    // Shorter secrets cannot be distinguished from other text.
    if secret.len() > 5 {
        for before in ["u:", "use:", "user:"] {
            all.push(BASE64_STANDARD.encode(format!("{before}{secret}:more")));
            all.push(BASE64_URL_SAFE_NO_PAD.encode(format!("{before}{secret}")));
        }
    }
    all
}

fn inner(json: &str) -> String {
    json[1..json.len() - 1].to_owned()
}

/// A secret that must not appear.
pub struct Hidden {
    cores: Vec<String>,
}

impl Hidden {
    pub fn new(secret: &str) -> Self {
        let cores = forms(secret).into_iter().map(|form| {
            let form = form.trim_end_matches('=');
            // Base64 characters that encode other bytes too may stay; half of a long secret must not.
            match secret.len() > 100 && form.is_ascii() {
                true => form[12..form.len() / 2].to_owned(),
                false => form.to_owned(),
            }
        });
        Self {
            cores: cores.collect(),
        }
    }

    /// The encoding of the secret in `text`, if it appears.
    pub fn found_in(&self, text: &str) -> Option<&str> {
        let mut cores = self.cores.iter();
        cores.find(|core| text.contains(*core)).map(String::as_str)
    }
}
