//! What built the sides of a comparison, and whether both were built alike.
//!
//! A copy of A as a control cannot show this: it is the same program as A. Does not live here: which facts a side has of its build
//! (`model::Side`).

use std::collections::BTreeSet;

use crate::model::{Run, Side};

/// A sentence for each fact in which the builds of the sides differ. A fact that one side does not tell, such as a drumpost that
/// is older than the fact, is no difference.
pub(super) fn differences(rows: &[(&Run, &Run)]) -> Vec<String> {
    let sides = rows.iter().filter_map(|(a, b)| Some((a.side.as_ref()?, b.side.as_ref()?)));
    let mut sentences = BTreeSet::new();
    for (a, b) in sides {
        for fact in Side::BUILD_FACTS {
            match (a.built.get(fact), b.built.get(fact)) {
                (Some(of_a), Some(of_b)) if of_a != of_b => {
                    sentences.insert(format!(
                        "the sides were not built alike: {fact} A {of_a}, B {of_b}. A difference between them may come from that and \
                         not from the change"
                    ));
                }
                _ => {}
            }
        }
    }
    sentences.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;
    use std::collections::BTreeMap;

    fn run(role: Role, facts: &[(&str, &str)]) -> Run {
        let facts: BTreeMap<String, String> =
            facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let side = Side {
            role,
            row: "r".into(),
            name: "x".into(),
            revision: None,
            tool_version: String::new(),
            built: BTreeMap::new(),
        };
        Run { side: Some(side.told("1".into(), &facts)), ..Run::default() }
    }

    #[test]
    fn other_compilers_and_flags_are_told_once() {
        let a = run(Role::Base, &[("toolchain", "rustc 1.94"), ("rustflags", "none"), ("kernel", "6.1")]);
        let b = run(
            Role::Head,
            &[("toolchain", "rustc 1.95"), ("rustflags", "-C target-cpu=native"), ("kernel", "6.2")],
        );
        let said = differences(&[(&a, &b), (&a, &b)]);
        assert_eq!(said.len(), 2, "once for all rows, and the kernel is no fact of a build: {said:?}");
        assert!(said[0].contains("rustflags A none, B -C target-cpu=native"), "{said:?}");
        assert!(said[1].contains("toolchain A rustc 1.94, B rustc 1.95"), "{said:?}");
        assert!(differences(&[(&a, &a)]).is_empty());
        let older = run(Role::Base, &[("toolchain", "rustc 1.95")]);
        assert!(differences(&[(&older, &b)]).is_empty(), "an older program tells no flags");
    }
}
