//! drumpost-results
