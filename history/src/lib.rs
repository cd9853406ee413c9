//! The index of saved records: a SQLite file beside them that answers what was measured when.
//!
//! The records are the truth. The index is made of them, catches up with them before it answers, and can be made anew at any time. So a
//! broken index loses nothing, and failing to write it never changes a run. Lives here: the file and its schema (`open`, `schema`), which
//! files there are (`scan`), reading records into it (`fill`, `catch_up`, `note`), questions (`query`), and a full disk (`room`). Does not live here: what is known of a run, and
//! series with their changes (`drumpost_results::history`).

mod catch_up;
mod error;
mod fill;
mod note;
mod open;
mod query;
mod room;
mod scan;
mod schema;

pub use catch_up::CaughtUp;
pub use error::IndexError;
pub use note::note;
pub use open::Index;
pub use query::Filter;
pub use schema::FILE;

#[cfg(test)]
mod tests;
