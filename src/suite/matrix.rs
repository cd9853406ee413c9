//! From axes to combinations: lists multiply, a block's keys stand before the defaults.

use super::{
    file::{Axis, Block, SuiteFile},
    keys::{DISPATCH, Keys, LOAD, Pair, SET},
};

/// One point of a block: what a command line of `run` would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Combination {
    pub matrix: String,
    /// Line of the block, from 1.
    pub line: usize,
    /// In the order of the help.
    pub pairs: Vec<Pair>,
}

/// All combinations of a file, block by block.
pub(super) fn expand(file: &SuiteFile, keys: &Keys) -> Vec<Combination> {
    file.blocks.iter().flat_map(|block| of_block(block, &file.defaults, keys)).collect()
}

fn of_block(block: &Block, defaults: &[Axis], keys: &Keys) -> Vec<Combination> {
    let mut all = Vec::new();
    for own in product(&block.axes) {
        let beside = defaults.iter().filter(|axis| is_left(axis, block, &own, keys)).cloned();
        for defaults in product(&beside.collect::<Vec<_>>()) {
            let mut pairs = [own.clone(), defaults].concat();
            pairs.sort_by_key(|pair| keys.rank(&pair.key));
            all.push(Combination { matrix: block.name.clone(), line: block.line, pairs });
        }
    }
    let mut axes: Vec<&Axis> = block.axes.iter().chain(defaults).collect();
    axes.sort_by_key(|axis| match axis.key.as_str() {
        // What is compared stands side by side.
        DISPATCH => usize::MAX,
        LOAD => keys.rank("rate"),
        key => keys.rank(key).min(usize::MAX - 1),
    });
    let place = |axis: &Axis, of: &Combination| {
        axis.points.iter().position(|point| point.iter().all(|pair| of.pairs.contains(pair)))
    };
    all.sort_by_cached_key(|of| axes.iter().map(|axis| place(axis, of)).collect::<Vec<_>>());
    all
}

/// Whether a default stays beside the keys of a block: not if one of these takes its place or cannot stand beside it. A
/// default `load` is given up as a whole, since half a load is not what was meant.
fn is_left(axis: &Axis, block: &Block, own: &[Pair], keys: &Keys) -> bool {
    let clashes = |pair: &Pair| {
        own.iter().any(|own| {
            let replaces = own.key == pair.key && own.key != SET;
            replaces || keys.conflict(&own.key, &pair.key)
        })
    };
    block.axes.iter().all(|other| other.key != axis.key) && !axis.points.iter().flatten().any(clashes)
}

/// One pair of each axis in all combinations, the last axis fastest. Of no axes: one empty combination.
pub(super) fn product(axes: &[Axis]) -> Vec<Vec<Pair>> {
    axes.iter().fold(vec![Vec::new()], |all, axis| {
        let with = |before: &Vec<Pair>| -> Vec<Vec<Pair>> {
            axis.points.iter().map(|point| [before.clone(), point.clone()].concat()).collect()
        };
        all.iter().flat_map(with).collect()
    })
}

/// The keys whose values are not the same in all combinations, in the order of the help; of an option its own name.
pub(super) fn varying(combinations: &[Combination], keys: &Keys) -> Vec<String> {
    let mut names: Vec<(usize, String)> = Vec::new();
    for pair in combinations.iter().flat_map(|combination| &combination.pairs) {
        let name = label(pair).0;
        let known = names.iter().any(|(_, known)| known == name);
        let value = |of: &Combination| {
            of.pairs.iter().map(label).find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
        };
        if !known && combinations.iter().any(|of| value(of) != Some(label(pair).1.to_owned())) {
            names.push((keys.rank(&pair.key), name.to_owned()));
        }
    }
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// Name and value for people: of the option `a.b=1` these are `a.b` and `1`.
pub(super) fn label(pair: &Pair) -> (&str, &str) {
    match pair.value.split_once('=') {
        Some((option, value)) if pair.key == SET => (option, value),
        _ => (&pair.key, &pair.value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, path::Path};

    fn cells(text: &str) -> Vec<Combination> {
        let keys = Keys::new();
        expand(&parse(Path::new("suite.toml"), text, &keys).unwrap(), &keys)
    }

    fn said(cells: &[Combination]) -> Vec<Vec<String>> {
        let keys = Keys::new();
        cells.iter().map(|cell| keys.arguments_of(&cell.pairs)).collect()
    }

    #[test]
    fn cells_are_in_the_order_of_the_help_with_dispatches_side_by_side() {
        let text = "[defaults]\nscenario = ['stream', 'ping']\npayload = ['1B', '2B']\n[[matrix]]\ndispatch = ['a', 'b']\n";
        let said = said(&cells(text));
        assert_eq!(said[0], ["stream", "--dispatch=a", "--payload=1B"]);
        assert_eq!(said[1], ["stream", "--dispatch=b", "--payload=1B"]);
        assert_eq!(said[2], ["stream", "--dispatch=a", "--payload=2B"]);
        assert_eq!(said[4], ["ping", "--dispatch=a", "--payload=1B"]);
    }

    #[test]
    fn the_last_key_of_the_help_runs_fastest() {
        let cells = cells("[[matrix]]\npayload = ['1B', '2B']\nbatch = [1, 64]\nscenario = 'stream'\n");
        let expected = [
            ["stream", "--batch=1", "--payload=1B"],
            ["stream", "--batch=1", "--payload=2B"],
            ["stream", "--batch=64", "--payload=1B"],
            ["stream", "--batch=64", "--payload=2B"],
        ];
        assert_eq!(said(&cells), expected);
    }

    #[test]
    fn a_block_stands_before_the_defaults_and_what_cannot_stand_beside_it_goes() {
        let text =
            "[defaults]\nin-flight = [8, 16]\nbatch = 2\n[[matrix]]\nrate = '1k/s'\n[[matrix]]\nbatch = 3\n";
        let expected: [&[&str]; 3] = [
            &["--batch=2", "--rate=1k/s"],
            &["--batch=3", "--in-flight=8"],
            &["--batch=3", "--in-flight=16"],
        ];
        assert_eq!(said(&cells(text)), expected);
    }

    #[test]
    fn a_load_is_keys_that_go_together() {
        let text = "[[matrix]]\nload = [{ in-flight = [1, 2] }, { rate = '1k/s', arrivals = 'poisson' }]\n";
        let expected: [&[&str]; 3] =
            [&["--in-flight=1"], &["--in-flight=2"], &["--rate=1k/s", "--arrivals=poisson"]];
        assert_eq!(said(&cells(text)), expected);
        let with_default = format!("[defaults]\nrate = '5k/s'\n{text}");
        assert_eq!(said(&cells(&with_default)), expected);
    }

    #[test]
    fn options_multiply_with_quotes_or_without() {
        let text = "[[matrix]]\n[matrix.set]\nfan-out.subscribers = [1, 2]\n'a.b' = 'x'\n";
        let expected: [&[&str]; 2] = [
            &["--set=a.b=x", "--set=fan-out.subscribers=1"],
            &["--set=a.b=x", "--set=fan-out.subscribers=2"],
        ];
        assert_eq!(said(&cells(text)), expected);
        assert_eq!(varying(&cells(text), &Keys::new()), ["fan-out.subscribers"]);
        let over = "[defaults.set]\na.b = 1\nc.d = 2\n[[matrix]]\nset.a.b = 3\n";
        assert_eq!(said(&cells(over)), [["--set=a.b=3", "--set=c.d=2"]]);
    }

    proptest! {
        #[test]
        fn lists_multiply_without_duplicates_in_any_order_of_keys(
            lens in proptest::collection::vec(1usize..4, 5),
            order in Just(vec![0usize, 1, 2, 3, 4]).prop_shuffle(),
            in_defaults in proptest::collection::vec(any::<bool>(), 5),
        ) {
            let keys = ["batch", "capacity", "payload", "trials", "instances"];
            let line = |i: usize| {
                let values: Vec<String> = (1..=lens[i]).map(|n| match keys[i] {
                    "payload" => format!("'{n}B'"),
                    "instances" => format!("'payment={n}'"),
                    _ => n.to_string(),
                }).collect();
                format!("{} = [{}]\n", keys[i], values.join(", "))
            };
            let text = |order: &[usize]| {
                let part = |of: bool| order.iter().filter(|i| in_defaults[**i] == of).map(|i| line(*i)).collect::<String>();
                format!("[defaults]\n{}[[matrix]]\n{}", part(true), part(false))
            };
            let (a, b) = (said(&cells(&text(&[0, 1, 2, 3, 4]))), said(&cells(&text(&order))));
            prop_assert_eq!(a.len(), lens.iter().product::<usize>());
            let set = |all: &[Vec<String>]| all.iter().cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(set(&a).len(), a.len());
            prop_assert_eq!(set(&a), set(&b));
        }
    }
}
