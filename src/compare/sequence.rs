//! The order in which trials run: drawn anew for each comparison, or that of a record.

use crate::{environment, exit::usage};
use drumpost_results::model::{Record, Role};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

/// The roles of a pair, in the order of the runs of a row in a record.
pub(super) const ROLES: [Role; 3] = [Role::Base, Role::Head, Role::Control];

/// The trials of the same number: the rows in order, each with its roles in order.
type Round = Vec<(usize, Vec<Role>)>;

/// See the module.
#[derive(Debug)]
pub(super) enum Sequence {
    Random {
        random: Box<StdRng>,
        rows: usize,
        /// So many pairs have a control.
        controlled: usize,
    },
    Recorded(BTreeMap<u32, Round>),
}

/// The name of a run's place in the order of a record. It has the word of documents, `control`; people read `copy`.
pub(super) fn label(role: Role, row: &str) -> String {
    format!("{} {row}", role.word())
}

impl Sequence {
    /// An order that is drawn anew. That at most 1 of 100 comparisons of equal sides finds a change holds for coins that are thrown anew: with
    /// one order for all comparisons, a disturbance that comes back at the same place would give all of them the same false verdict.
    pub(super) fn drawn(rows: usize, controlled: usize) -> Self {
        Self::seeded(environment::random_seed(), rows, controlled)
    }

    fn seeded(seed: u64, rows: usize, controlled: usize) -> Self {
        Self::Random { random: Box::new(StdRng::seed_from_u64(seed)), rows, controlled }
    }

    /// The order of a record.
    ///
    /// # Errors
    /// It has none, or one that names rows that it does not have.
    pub(super) fn of(record: &Record, path: &Path) -> anyhow::Result<Self> {
        let wrong = |why: String| usage(format!("--replay {}: {why}", path.display()));
        let compared = record.comparison.as_ref();
        let compared = compared.ok_or_else(|| wrong("it is not the record of two sides".into()))?;
        let runs = compared.rows.iter().enumerate();
        let places: HashMap<String, (usize, Role)> =
            runs.flat_map(|(row, of)| ROLES.map(|role| (label(role, &of.name), (row, role)))).collect();
        if places.len() < ROLES.len() * compared.rows.len() {
            return Err(wrong("two of its rows have the same name".into()));
        }
        let mut rounds: BTreeMap<u32, Round> = BTreeMap::new();
        for (label, number) in record.pairing.iter().flat_map(|pairing| &pairing.order) {
            let known = places.get(label).copied();
            let (row, role) =
                known.ok_or_else(|| wrong(format!("its order has `{label}`, which is no row")))?;
            let round = rounds.entry(*number).or_default();
            match round.iter_mut().find(|(known, _)| *known == row) {
                Some((_, roles)) if roles.contains(&role) => {
                    return Err(wrong(format!("its order has `{label}` twice in pair {number}")));
                }
                Some((_, roles)) => roles.push(role),
                None => round.push((row, vec![role])),
            }
        }
        // Pairs are numbered from 0. Where one is missing, there would be nothing to run.
        if let Some((missing, _)) = (0..).zip(rounds.keys()).find(|(expected, number)| expected != *number) {
            return Err(wrong(format!("its order has no pair {missing}")));
        }
        if rounds.is_empty() {
            return Err(wrong("it has no pairs".into()));
        }
        Ok(Self::Recorded(rounds))
    }

    /// Whether a replay has no pairs from this number on.
    pub(super) fn is_over(&self, number: u32) -> bool {
        matches!(self, Self::Recorded(rounds) if rounds.range(number..).next().is_none())
    }

    /// The rows of a round, in order.
    pub(super) fn rows(&mut self, number: u32) -> Vec<usize> {
        match self {
            Self::Random { random, rows, .. } => {
                let mut order: Vec<usize> = (0..*rows).collect();
                order.shuffle(&mut **random);
                order
            }
            Self::Recorded(rounds) => {
                rounds.get(&number).into_iter().flatten().map(|(row, _)| *row).collect()
            }
        }
    }

    /// The trials of a row in a round, in order.
    pub(super) fn roles(&mut self, row: usize, number: u32) -> Vec<Role> {
        match self {
            Self::Random { random, controlled, .. } => {
                let is_controlled = (number as usize) < *controlled;
                let mut roles = ROLES.to_vec();
                roles.retain(|role| is_controlled || *role != Role::Control);
                roles.shuffle(&mut **random);
                roles
            }
            Self::Recorded(rounds) => {
                let mut of = rounds.get(&number).into_iter().flatten();
                of.find(|(known, _)| *known == row).map(|(_, roles)| roles.clone()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_results::{
        model::{Compared, ComparedRow, Pairing},
        stats,
    };

    fn roles(mut sequence: Sequence, pairs: u32) -> Vec<Vec<Role>> {
        (0..pairs).map(|number| sequence.roles(0, number)).collect()
    }

    #[test]
    fn each_comparison_has_an_order_of_its_own() {
        // One of 6^20 orders.
        assert_ne!(roles(Sequence::drawn(1, 20), 20), roles(Sequence::drawn(1, 20), 20));
    }

    /// Equal sides on a machine that slows the later trials of each pair down, and those of every third pair most. This comes back at the same place in
    /// each comparison. The sign test keeps its level, because the order that is drawn here decides which side is hit.
    #[test]
    fn what_depends_on_the_place_is_found_in_one_side_as_often_as_chance_allows() {
        const COMPARISONS: u64 = 4_000;
        const PAIRS: u32 = 60;
        let worsenings = |sequence: Sequence| -> Vec<f64> {
            let cost = |number: u32, place: usize| {
                let step = if number.is_multiple_of(3) { 4.0 } else { 1.0 };
                step * place as f64
            };
            let of_pair = |(number, roles): (u32, Vec<Role>)| {
                let of = |role: Role| roles.iter().position(|known| *known == role).unwrap_or_default();
                cost(number, of(Role::Head)) - cost(number, of(Role::Base))
            };
            (0..).zip(roles(sequence, PAIRS)).map(of_pair).collect()
        };
        let is_alarm = |seed: &u64| stats::sign_test(&worsenings(Sequence::seeded(*seed, 1, 20))) <= 0.01;
        let alarms = (0..COMPARISONS).filter(is_alarm).count();
        // 40 at most are expected, with a standard deviation of 6.
        assert!((1..=60).contains(&alarms), "{alarms} of {COMPARISONS}");
    }

    #[test]
    fn the_order_is_random_and_a_record_gives_it_again() {
        let names = ["a", "b"];
        let mut random = Sequence::seeded(3, 2, 5);
        let (mut order, mut expected) = (Vec::new(), Vec::new());
        for number in 0..20 {
            for row in random.rows(number) {
                let roles = random.roles(row, number);
                assert_eq!(roles.len(), if number < 5 { 3 } else { 2 });
                order.extend(roles.iter().map(|role| (label(*role, names[row]), number)));
                expected.push((number, row, roles));
            }
        }
        let first: Vec<Role> = expected.iter().map(|(_, _, roles)| roles[0]).collect();
        assert!(ROLES.iter().all(|role| first.contains(role)), "each is first now and then: {first:?}");
        let rows = names.map(|name| ComparedRow { name: name.into(), ..ComparedRow::default() }).into();
        let record = Record {
            pairing: Some(Pairing { id: "x".into(), order }),
            comparison: Some(Compared { rows, ..Compared::default() }),
            ..Record::default()
        };
        let mut again = Sequence::of(&record, Path::new("r.json")).unwrap();
        let mut replayed = Vec::new();
        for number in 0..20 {
            for row in again.rows(number) {
                replayed.push((number, row, again.roles(row, number)));
            }
        }
        assert_eq!(replayed, expected);
        let order = |order: &[(&str, u32)]| {
            let order = order.iter().map(|(label, number)| ((*label).to_owned(), *number)).collect();
            let pairing = Some(Pairing { id: "x".into(), order });
            Sequence::of(&Record { pairing, ..record.clone() }, Path::new("r.json")).unwrap_err().to_string()
        };
        // It would count up to that number.
        assert_eq!(order(&[("base a", 0), ("base a", u32::MAX)]), "--replay r.json: its order has no pair 1");
        let twice = order(&[("base a", 0), ("head a", 0), ("base a", 0)]);
        assert_eq!(twice, "--replay r.json: its order has `base a` twice in pair 0");
        let error = Sequence::of(&Record::default(), Path::new("r.json")).unwrap_err().to_string();
        assert_eq!(error, "--replay r.json: it is not the record of two sides");
    }
}
