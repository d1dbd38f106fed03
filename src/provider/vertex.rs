//! Vertex AI with an API key.

use super::gemini::google;
use super::request::Request;
use super::target::Call;
use crate::failure::Failure;

const BASE: &str = "https://aiplatform.googleapis.com";

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    google(call, BASE, "/v1/publishers/google/models/")
}
