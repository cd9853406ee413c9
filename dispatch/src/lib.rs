//! drumpost-dispatch
