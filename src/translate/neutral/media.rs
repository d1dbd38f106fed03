//! Media types, and media inside URLs.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;

/// Media type and data of a `data:` URL (RFC 2397), without parameters.
pub fn data_url(url: &str) -> Option<(Option<String>, &str)> {
    let (scheme, rest) = url.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = rest.split_once(',')?;
    let mime = head.split(';').next().unwrap_or_default();
    Some(((!mime.is_empty()).then(|| mime.to_owned()), data))
}

/// The media type of base64 data by its first bytes.
pub fn sniffed(data: &str) -> Option<&'static str> {
    [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi0", "application/pdf"),
    ]
    .into_iter()
    .find_map(|(start, mime)| data.starts_with(start).then_some(mime))
}

/// The name of a media type that vendors accept (RFC 6838 4.2: names are case-insensitive). Some clients use other names
/// for common types, and add parameters, which no vendor accepts.
pub fn type_of(mut name: String) -> String {
    const OTHERS: [(&str, &str); 7] = [
        ("image/jpg", "image/jpeg"),
        ("image/pjpeg", "image/jpeg"),
        ("image/x-png", "image/png"),
        ("audio/x-wav", "audio/wav"),
        ("audio/wave", "audio/wav"),
        ("audio/mp3", "audio/mpeg"),
        ("application/x-pdf", "application/pdf"),
    ];
    if let Some(end) = name.find(';') {
        name.truncate(end);
    }
    let plain = name.trim().to_ascii_lowercase();
    let known = OTHERS.iter().find(|(other, _)| *other == plain);
    known.map_or(plain, |(_, name)| (*name).to_owned())
}

/// Whether every vendor accepts this type of image.
pub fn is_common_image(mime: &str) -> bool {
    ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&mime)
}

/// Whether a file id is a URL of Gemini's file storage.
pub fn is_gemini_file(id: &str) -> bool {
    id.contains("generativelanguage.googleapis.com/")
}

/// The media type of a file by the extension in its name or URL.
pub fn of_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit_once('.')?;
    EXTENSIONS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(extension))
        .map(|(_, mime)| *mime)
}

const EXTENSIONS: [(&str, &str); 22] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("xml", "text/xml"),
    ("rtf", "text/rtf"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mpeg", "video/mpeg"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
];

/// OpenAI's names of audio formats, and their media types (OpenAI's OpenAPI document, `input_audio`).
const AUDIO: [(&str, &str); 9] = [
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("aac", "audio/aac"),
    ("webm", "audio/webm"),
    ("pcm16", "audio/pcm"),
    ("g711_ulaw", "audio/basic"),
    ("g711_alaw", "audio/basic"),
];

pub fn of_audio_format(format: &str) -> String {
    match AUDIO.iter().find(|(known, _)| *known == format) {
        Some((_, mime)) => (*mime).to_owned(),
        None if format.is_empty() => "audio/wav".to_owned(),
        None => format!("audio/{format}"),
    }
}

pub fn audio_format(mime: &str) -> &str {
    AUDIO
        .iter()
        .find(|(_, known)| *known == mime)
        .map_or(mime.strip_prefix("audio/").unwrap_or("wav"), |(name, _)| {
            name
        })
}

/// A name for a file without one.
pub fn name_for(mime: &str) -> String {
    let known = EXTENSIONS.iter().find(|(_, known)| *known == mime);
    format!(
        "document.{}",
        known.map_or("pdf", |(extension, _)| extension)
    )
}

/// A `data:` URL of base64 text.
pub fn url_of(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// `bytes` in base64 (RFC 4648 4).
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The text in base64 data, if it is UTF-8.
pub fn text_of_base64(data: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_name() {
        for (given, expected) in [
            ("image/jpg", "image/jpeg"),
            ("IMAGE/JPEG", "image/jpeg"),
            (" image/PNG; charset=binary", "image/png"),
            ("audio/x-wav", "audio/wav"),
            ("text/plain;charset=utf-8", "text/plain"),
            ("application/x-unknown", "application/x-unknown"),
            ("", ""),
        ] {
            assert_eq!(type_of(given.to_owned()), expected);
        }
    }

    #[test]
    fn extensions_give_types() {
        assert_eq!(of_name("a/report.PDF"), Some("application/pdf"));
        assert_eq!(of_name("https://h/x.jpeg?width=3"), Some("image/jpeg"));
        assert_eq!(of_name("nothing"), None);
        assert_eq!(audio_format(&of_audio_format("mp3")), "mp3");
        assert_eq!(of_audio_format("opus"), "audio/opus");
    }
}
