//! Checks the whole contract of a transport in one line.

#[test]
fn lantern_keeps_the_contract() {
    drumpost_core::contract::check(&lantern::entry(), &Default::default()).assert();
}
