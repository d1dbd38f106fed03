//! Calling the filter of an embedding program.

use super::context::Generation;
use super::hooks::{Denied, Incoming};
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::logs::mask;
use crate::wire::problem::{ErrorStatus, Problem};

impl Generation<'_> {
    /// # Errors
    /// When the filter refuses the request.
    pub(super) fn filter(
        &self,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
    ) -> Result<(), Box<Problem>> {
        match &self.services.filter {
            Some(filter) => {
                let headers = inbound.headers.iter();
                let headers: Vec<_> = headers
                    .filter(|(name, _)| !mask::is_secret_header(name))
                    .collect();
                filter(&Incoming {
                    dialect: self.operation.dialect,
                    model: &request.model,
                    stream: request.stream,
                    session: request.identity.primary.as_deref(),
                    peer: inbound.peer,
                    headers: &headers,
                    body: inbound.upstream_body(),
                })
                .map_err(|denied| problem(denied).into())
            }
            None => Ok(()),
        }
    }
}

fn problem(denied: Denied) -> Problem {
    let status = match denied.status {
        400..=599 => denied.status,
        _ => 403,
    };
    Problem::new(ErrorStatus::from_upstream(status), denied.message)
}
