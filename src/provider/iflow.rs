//! iFlow.

use super::request::Request;
use super::target::Call;
use crate::failure::Failure;

pub fn request<'a>(_call: &Call<'a>) -> Result<Request<'a>, Failure> {
    Err(Failure::unsupported("this channel"))
}
