//! drumpost-core
