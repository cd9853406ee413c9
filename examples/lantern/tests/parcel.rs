//! Runs the scenario as a user would: over the own transport and a built-in one, in both styles. A run whose audit fails, or in
//! which a flow does not end, has another exit code.

use drumpost::Exit;

fn run(line: &str) -> Exit {
    let mut registry = drumpost::builtin();
    registry.transports.push(lantern::entry());
    registry.scenarios.push(lantern::parcel::entry());
    let words = line.split_whitespace().map(Into::into);
    drumpost::run(registry, words.collect::<Vec<std::ffi::OsString>>())
}

#[test]
fn parcels_arrive_in_both_styles() {
    let load = "--count 2000 --warmup 0s --trials 1 --no-tui --out /dev/null";
    for rest in ["", "--with tracker", "--reply await --dispatch message/lantern", "--set parcel.limit=0"] {
        let dispatch = if rest.contains("--dispatch") {
            ""
        } else {
            "--dispatch message/lantern,event/lantern,message/crossbeam"
        };
        assert_eq!(run(&format!("drumpost run parcel {load} {dispatch} {rest}")), Exit::Ok, "{rest}");
    }
}

#[test]
fn an_option_out_of_range_is_refused() {
    assert_eq!(run("drumpost run parcel --set parcel.limit=101 --no-tui"), Exit::Usage);
}
