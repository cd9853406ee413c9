//! Families of counts that a record and a run that goes on have under the same names.

use super::{Family, Kind, Labels};
use crate::model::{Audit, Flows};

/// Flows by how far they came, with a label `state`.
pub fn flows<'a>(rows: impl IntoIterator<Item = (&'a Labels, Flows)>) -> Family {
    let mut family = Family::new(Kind::Counter, "drumpost_flows", "", "Flows by how far they came.");
    for (labels, of) in rows {
        let Flows { due, started, ended, unfinished, lost, refused, dead, shed, dropped, .. } = of;
        let states = [
            ("due", due),
            ("started", started),
            ("ended", ended),
            ("unfinished", unfinished),
            ("lost", lost),
            ("refused", refused),
            ("dead", dead),
            ("shed", shed),
            ("dropped", dropped),
        ];
        for (state, n) in states {
            family.add(&labels.with("state", state), n as f64);
        }
    }
    family
}

/// Messages as the audit counts them, with a label `state`.
pub fn messages<'a>(rows: impl IntoIterator<Item = (&'a Labels, Audit)>) -> Family {
    let mut family =
        Family::new(Kind::Counter, "drumpost_messages", "", "Messages as the audit counts them.");
    for (labels, audit) in rows {
        let Audit {
            sent,
            expected,
            delivered,
            unique,
            lost,
            unknown,
            duplicated,
            reordered,
            corrupted,
            dead,
            ..
        } = audit;
        let states = [
            ("sent", Some(sent)),
            ("expected", Some(expected)),
            ("delivered", Some(delivered)),
            ("unique", Some(unique)),
            ("lost", Some(lost)),
            ("unknown", Some(unknown)),
            ("duplicated", Some(duplicated)),
            ("reordered", Some(reordered)),
            ("corrupted", Some(corrupted)),
            ("dead", Some(dead)),
            ("redelivered", audit.redelivered),
            ("confirmed", audit.confirmed),
            ("refused", audit.refused),
            ("unconfirmed", audit.unconfirmed),
        ];
        for (state, n) in states.into_iter().filter_map(|(state, n)| Some((state, n?))) {
            family.add(&labels.with("state", state), n as f64);
        }
    }
    family
}
