//! iFlow, which is compatible with OpenAI. Its key is derived from the login.

use super::compat;
use super::request::{self, Request};
use super::target::{Action, Call};
use crate::failure::Failure;

const BASE: &str = "https://apis.iflow.cn/v1";

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    if call.action == Action::Compact {
        return Err(call.action.unsupported());
    }
    let mut call = *call;
    call.target.base_url = call.target.base_or(BASE);
    let mut request = compat::request(&call)?;
    // It refuses an empty list.
    for member in request::members_with(&call, "tools")? {
        let tools = request::raw(&call, &member);
        if member.key == "tools" && tools.iter().all(|byte| b"[] \n\r\t".contains(byte)) {
            request.body.remove(&member);
        }
    }
    Ok(request)
}
