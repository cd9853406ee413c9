//! Makes combinations from lists: lists are multiplied, and a block's keys replace the defaults.

use super::{
    file::{Axis, Block, SuiteFile},
    keys::{DISPATCH, Keys, LOAD, Pair, SET},
};
use std::collections::BTreeMap;

/// One point of a block: what a command line of `run` would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Combination {
    pub matrix: String,
    /// Line of the block, from 1.
    pub line: usize,
    /// In the order of the help.
    pub pairs: Vec<Pair>,
}

/// The most cells of a suite, and of a list in it. A suite of so many cells that take a second each runs for three hours
/// without repeating one.
pub(super) const MAX_CELLS: usize = 10_000;

/// All combinations of a file, block by block. Lists are multiplied as numbers first, so that a short file cannot take all
/// memory there is.
///
/// # Errors
/// There are more than [`MAX_CELLS`]: the block that goes beyond, and a sentence.
pub(super) fn expand<'a>(file: &'a SuiteFile, keys: &Keys) -> Result<Vec<Combination>, (&'a Block, String)> {
    let mut all = Vec::new();
    for block in &file.blocks {
        let room = MAX_CELLS - all.len();
        all.extend(
            of_block(block, &file.defaults, keys, room).map_err(|count| (block, too_many(block, count)))?,
        );
    }
    Ok(all)
}

fn too_many(block: &Block, count: u128) -> String {
    let lists = block.axes.iter().filter(|axis| axis.points.len() > 1);
    let lists: Vec<String> = lists.map(|axis| format!("{} {}", axis.points.len(), axis.key)).collect();
    let by = if lists.is_empty() { String::new() } else { format!(" ({})", lists.join(" × ")) };
    format!(
        "the block{by} gives {count} cells or more, but a suite has at most {MAX_CELLS}: shorten its lists, or write \
         several suites"
    )
}

/// How many combinations [`product`] would make.
pub(super) fn count(axes: &[Axis]) -> u128 {
    axes.iter().fold(1, |product: u128, axis| product.saturating_mul(axis.points.len() as u128))
}

/// The error is how many there are, at least.
fn of_block(block: &Block, defaults: &[Axis], keys: &Keys, room: usize) -> Result<Vec<Combination>, u128> {
    let own_count = count(&block.axes);
    if own_count > room as u128 {
        return Err(own_count);
    }
    let mut all = Vec::new();
    for own in product(&block.axes) {
        let beside: Vec<Axis> = defaults.iter().filter(|axis| is_left(axis, block, &own)).cloned().collect();
        let with_defaults = count(&beside).saturating_add(all.len() as u128);
        if with_defaults > room as u128 {
            return Err(with_defaults.max(count(&beside).saturating_mul(own_count)));
        }
        for defaults in product(&beside) {
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
    Ok(all)
}

/// Whether a default stays beside the keys of a block: not if one of these takes its place or cannot stand beside it. A
/// default `load` is given up as a whole, since half a load is not what was meant.
fn is_left(axis: &Axis, block: &Block, own: &[Pair]) -> bool {
    let clashes = |pair: &Pair| {
        own.iter().any(|own| {
            let replaces = own.key == pair.key && own.key != SET;
            replaces || Keys::conflict(&own.key, &pair.key)
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
    // Each name once: there are thousands of combinations, and few names.
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for pair in combinations.iter().flat_map(|combination| &combination.pairs) {
        names.insert(label(pair).0, &pair.key);
    }
    let value = |of: &'_ Combination, name: &str| {
        of.pairs.iter().map(label).find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    };
    let varies = |name: &str| combinations.windows(2).any(|two| value(&two[0], name) != value(&two[1], name));
    let varying = names.into_iter().filter(|(name, _)| varies(name));
    let mut ranked: Vec<(usize, &str)> = varying.map(|(name, key)| (keys.rank(key), name)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, name)| name.to_owned()).collect()
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
        let keys = Keys::new(&crate::builtin());
        expand(&parse(Path::new("suite.toml"), text, &keys).unwrap(), &keys).unwrap()
    }

    fn said(cells: &[Combination]) -> Vec<Vec<String>> {
        let keys = Keys::new(&crate::builtin());
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
        let text = "[[matrix]]\n[matrix.set]\nfan-out.subscribers = [1, 2]\n'sim' = 'servers=2'\n";
        let expected: [&[&str]; 2] = [
            &["--set=fan-out.subscribers=1", "--set=sim=servers=2"],
            &["--set=fan-out.subscribers=2", "--set=sim=servers=2"],
        ];
        assert_eq!(said(&cells(text)), expected);
        assert_eq!(varying(&cells(text), &Keys::new(&crate::builtin())), ["fan-out.subscribers"]);
        let over = "[defaults.set]\n'fan-out.subscribers' = 1\nsim = 'servers=2'\n[[matrix]]\nset.fan-out.subscribers = 3\n";
        assert_eq!(said(&cells(over)), [["--set=fan-out.subscribers=3", "--set=sim=servers=2"]]);
    }

    #[test]
    fn a_short_file_of_many_cells_is_refused_before_any_is_made() {
        let keys = Keys::new(&crate::builtin());
        let list: Vec<String> = (1..=99).map(|n| n.to_string()).collect();
        let list = list.join(",");
        let line = |key: &str| format!("{key} = [{list}]\n");
        let five = ["batch", "capacity", "trials", "payload", "in-flight"].map(line).concat();
        for text in
            [format!("[[matrix]]\n{five}"), format!("[defaults]\n{five}[[matrix]]\nscenario = 'ping'\n")]
        {
            let file =
                parse(Path::new("s.toml"), &text.replace("payload = [1,", "payload = ["), &keys).unwrap();
            let (block, said) = expand(&file, &keys).unwrap_err();
            assert!(said.contains("cells or more, but a suite has at most 10000"), "{said}");
            assert_eq!(block.name, "matrix-1");
        }
        let hundred: String = (1..=100).map(|n| format!("{n},")).collect();
        let fits = format!("[[matrix]]\nbatch = [{hundred}]\ncapacity = [{hundred}]\n");
        assert_eq!(cells(&fits).len(), MAX_CELLS);
        let load = format!(
            "[[matrix]]\nload = {{ rate = [{}], window = [{hundred}], senders = [{hundred}] }}\n",
            (1..=100).map(|n| format!("'{n}/s',")).collect::<String>()
        );
        let said = parse(Path::new("s.toml"), &load, &keys).unwrap_err().to_string();
        assert!(said.contains("`load`") && said.contains("1000000 combinations"), "{said}");
        let long: String = (1..=10_001).map(|n| format!("{n},")).collect();
        let said = parse(Path::new("s.toml"), &format!("[[matrix]]\ncapacity = [{long}]\n"), &keys);
        assert!(said.unwrap_err().to_string().contains("10001 values"));
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
