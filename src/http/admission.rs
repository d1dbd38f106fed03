//! Admission of a request by its head alone: route, client, and whether it is served.

use std::net::SocketAddr;

use super::client_key::{AuthError, Client, ClientAuth};
use super::fixed;
use super::query::Query;
use super::reply::Reply;
use super::route::{self, KnownPath, Resolved, Route};
use crate::wire::problem::Problem;

/// The head of a request, and its connection's addresses.
#[derive(Clone, Copy, Debug)]
pub struct Head<'r, 't, H> {
    pub method: &'r str,
    pub target: &'t str,
    /// All header lines, names and values.
    pub headers: H,
    pub peer: SocketAddr,
    /// The gateway's listening addresses, or the one that received the request.
    pub local: &'r [SocketAddr],
}

/// A request that is served.
#[derive(Debug)]
pub struct Admitted<'t, 'k> {
    pub route: Route<'t>,
    pub query: Query<'t>,
    pub client: Client<'k>,
}

/// Resolves and authenticates a request. Not inlined, to keep the stack of workers small.
///
/// # Errors
/// The answer to a request that is not served; preflights and redirects are among them.
#[inline(never)]
pub fn admit<'t, 'k, 'h, H>(
    head: &Head<'_, 't, H>,
    auth: &'k ClientAuth,
) -> Result<Admitted<'t, 'k>, Box<Reply>>
where
    H: Iterator<Item = (&'h str, &'h str)> + Clone,
{
    let header = |name: &str| {
        let mut headers = head.headers.clone();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let resolved = route::resolve(head.method, head.target);
    let route = match &resolved {
        Resolved::Serve { route, .. } => Some(route),
        Resolved::NotAllowed(known) | Resolved::Preflight { known: Some(known) } => {
            Some(&known.route)
        }
        Resolved::Preflight { known: None } | Resolved::Redirect { .. } | Resolved::NotFound => {
            None
        }
    };
    let dialect = route.map(|route| route.dialect_for(header));
    let query = Query::new(head.target.split_once('?').unwrap_or_default().1);
    let is_array = route.is_some_and(|route| route.answers_array(query));
    let refuse = |refused: AuthError| {
        let problem = refused.problem();
        let reply = match dialect {
            Some(dialect) => Reply::problem(dialect, &problem).in_array_if(is_array),
            None => Reply::plain_problem(&problem),
        };
        Box::new(match refused.allows_cors() {
            true => reply,
            false => reply.without_cors(),
        })
    };
    let authority = route::authority(head.target);
    auth.check_anonymous(head.peer, head.local, authority, head.headers.clone())
        .map_err(refuse)?;
    let (route, query) = match resolved {
        Resolved::Serve { route, query } => (route, query),
        other => {
            // An invalid key is reported before the unknown path; a missing one is not.
            let is_wrong = matches!(other, Resolved::NotFound)
                && auth.authenticate(header, query) == Err(AuthError::InvalidKey);
            return Err(match is_wrong {
                true => refuse(AuthError::InvalidKey),
                false => Box::new(unserved(other, header, is_array)),
            });
        }
    };
    let client = match route.needs_no_key() {
        true => Client::Anonymous,
        false => auth.authenticate(header, query).map_err(refuse)?,
    };
    Ok(Admitted {
        route,
        query,
        client,
    })
}

/// The answer to a request without a route.
fn unserved<'h>(
    resolved: Resolved<'_>,
    header: impl Fn(&str) -> Option<&'h str>,
    is_array: bool,
) -> Reply {
    match resolved {
        Resolved::Preflight { known: None } => Reply::preflight(),
        Resolved::Preflight { known: Some(known) } => {
            Reply::preflight().with_header("Allow", known.allow)
        }
        Resolved::Redirect { status, location } => Reply::redirect(status, location),
        Resolved::NotAllowed(KnownPath { route, allow }) => {
            let problem = Problem::method_not_allowed(allow);
            Reply::problem(route.dialect_for(header), &problem)
                .in_array_if(is_array)
                .with_header("Allow", allow)
        }
        Resolved::Serve { .. } | Resolved::NotFound => Reply::fixed(fixed::NOT_FOUND),
    }
}
