//! Why an attempt over a network failed.

use std::error::Error;

use http::StatusCode;

/// Returns whether another attempt may succeed after an answer with this status.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}

/// Returns the innermost cause; the layers above repeat the address or say "error sending request".
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut causes = anyhow::Chain::new(error);
    causes.next_back().unwrap_or(error).to_string()
}
