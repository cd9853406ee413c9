//! CSV for change-point tools: one line for a row, with a time, a revision and a column for each metric.
//!
//! The form is that of Apache Otava's CSV importer (<https://github.com/apache/otava/blob/master/docs/CSV.md>): a head with the names of columns, a time that
//! its `time_column` names, attributes as they are, and metrics as numbers. A series of change points is about one thing, so a text
//! holds one row. Lines of later runs are added below without their head. The test in `otava.yaml` is then:
//!
//! ```yaml
//! tests:
//!   nats:
//!     type: csv
//!     file: nats.csv
//!     time_column: time
//!     attributes: [commit, record]
//!     metrics:
//!       throughput: { column: throughput_per_s, direction: 1 }
//!       p99: { column: response_ns_p99, direction: -1 }
//! ```
//!
//! Does not live here: the metrics themselves (`compare`), and the time series of a run (`csv`).

use super::csv::quoted;
use super::formats::unfit;
use super::{ExportError, Expresses, Format, Source, Text, flags, listed};
use crate::compare::Metric;
use crate::rows::Row;

/// The format `otava`.
#[derive(Debug)]
pub(super) struct Otava;

impl Format for Otava {
    fn name(&self) -> &'static str {
        "otava"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn expresses(&self) -> Expresses {
        Expresses::default()
    }

    /// A head and a line. A figure that does not exist is empty; Otava cannot read a column with such a field.
    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let format = self.name();
        let of = source.of_record(format)?;
        let rows = of.rows()?;
        let [row] = &rows[..] else {
            let flags = flags(rows.iter().map(|row| (row.role(), row.called())));
            let has = match flags {
                "--dispatch" => listed(rows.iter().map(Row::called)),
                _ => listed(rows.iter().map(|row| row.name.as_str())),
            };
            return Err(ExportError::OneRow { format, flags, has });
        };
        let measured = row.measured().filter(|_| unfit(row).is_none());
        let Some(run) = measured else {
            let left_out = unfit(row).unwrap_or_else(|| format!("{} (nothing was measured)", row.name));
            return Err(ExportError::Unfit { format, left_out });
        };
        let Some(time) = &of.record.started_at else { return Err(ExportError::NoDate { format }) };
        let mut head: Vec<&str> = vec!["time", "commit", "record", "scenario", "dispatch", "trials"];
        let trials = run.counted_trials().count().to_string();
        let texts =
            [time, of.revision.unwrap_or_default(), &of.record.id, row.scenario, row.dispatch, &trials];
        let mut fields: Vec<String> = texts.into_iter().map(quoted).collect();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for metric in Metric::ALL {
            head.push(metric.name());
            fields.push(number(metric.of_run(run).filter(|value| value.is_finite())));
        }
        let audit = run.audit();
        for (name, count) in [("lost", audit.lost), ("duplicated", audit.duplicated)] {
            head.push(name);
            fields.push(count.to_string());
        }
        head.push("kept_per_s");
        fields.push(number(row.kept_per_s));
        Ok(format!("{}\n{}\n", head.join(","), fields.join(",")).into())
    }
}
