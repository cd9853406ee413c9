//! The known name that is most like a misspelt one. The package `drumpost-results` compares names, because goals name figures, too.

pub(crate) use drumpost_results::similar::{closest, unknown};
