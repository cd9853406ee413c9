//! drumpost-tui
