//! drumpost
fn main() {}
