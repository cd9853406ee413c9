//! Tests of the schema of a suite's file. Every example is valid by it.

use super::{json, place, refused};
use crate::support::Place;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The texts of all suites in `examples/suites`, of the one that the own gate measures, and of those in the documents.
fn examples() -> Vec<(String, String)> {
    let mut examples = Vec::new();
    for entry in fs::read_dir(repository("examples/suites")).unwrap() {
        let path = entry.unwrap().path();
        examples.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }
    let gate = "scripts/gate.toml";
    examples.push((gate.to_owned(), fs::read_to_string(repository(gate)).unwrap()));
    for page in ["README.md", "METHODOLOGY.md", "FORMAT.md", "docs/suites.md"] {
        let text = fs::read_to_string(repository(page)).unwrap();
        let fenced = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
        examples.extend(fenced.map(|example| (page.to_owned(), example)));
    }
    assert!(examples.len() >= 3, "{examples:?}");
    examples
}

#[test]
fn the_schema_is_up_to_date() {
    let made = Place::new().run("suite --schema").with_code(0).stdout;
    let kept = fs::read_to_string(repository("docs/suite.schema.json")).unwrap();
    assert!(made == kept, "write it again: drumpost suite --schema > docs/suite.schema.json");
}

#[test]
fn examples_are_valid_by_the_schema_and_by_the_reader() {
    let schema = json(&repository("docs/suite.schema.json"));
    for (name, text) in examples() {
        place(&text).run("suite suite.toml --list").with_code(0);
        let value: toml::Value = toml::from_str(&text).unwrap();
        let value = serde_json::to_value(value).unwrap();
        valid(&schema, &schema, &value, &name).unwrap();
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = json(&repository("docs/suite.schema.json"));
    for text in [
        "name = 'x'",
        "[defaults]\ndurration = '1s'\n[[matrix]]",
        "[[matrix]]\nreply = 'never'",
        "[[matrix]]\nseed = 3",
        "[[matrix]]\npayload = []",
        "[[matrix]]\nload = { batch = 3 }",
        "[[matrix]]\nout = 'x'",
        "[[matrix]]\nbatch = true",
        "[[matrix]]\nset.fan-out.subscribers = 0",
        "assert = []\n[[matrix]]",
        "fail-on = 'valid'\n[[matrix]]",
        "[[matrix]]\nassert = 3",
        "[defaults]\nassert = 'lost=0'\n[[matrix]]",
        "[[matrix]]\nfail-on = 'suspect'",
    ] {
        refused(&place(text), "suite suite.toml", &[]);
        let value = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        assert!(valid(&schema, &schema, &value, "it").is_err(), "{text}");
    }
}

/// Checks a value by the part of JSON schema that the schema of suites uses; anything else in it is a failure.
fn valid(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (word, rule) in schema.as_object().expect("a schema is an object") {
        let is_met = match word.as_str() {
            "$schema" | "title" | "description" | "definitions" | "pattern" => true,
            "$ref" => {
                let target = rule.as_str().unwrap().strip_prefix('#').unwrap();
                valid(root, root.pointer(target).unwrap(), value, at)?;
                true
            }
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    other => panic!("type {other}"),
                };
                rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
            }
            "enum" => rule.as_array().unwrap().contains(value),
            "anyOf" => rule.as_array().unwrap().iter().any(|one| valid(root, one, value, at).is_ok()),
            "required" => rule.as_array().unwrap().iter().all(|key| !value[key.as_str().unwrap()].is_null()),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "uniqueItems" => value
                .as_array()
                .is_none_or(|items| items.iter().enumerate().all(|(i, item)| !items[..i].contains(item))),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    valid(root, rule, item, at)?;
                }
                true
            }
            "properties" | "additionalProperties" => {
                properties(root, schema, value, at)?;
                true
            }
            other => panic!("the schema says {other}, which this check does not know"),
        };
        if !is_met {
            return Err(format!("{at}: {value} against {word} {rule}"));
        }
    }
    Ok(())
}

fn properties(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (key, value) in value.as_object().into_iter().flatten() {
        let rule = schema.pointer(&format!("/properties/{key}")).or(schema.get("additionalProperties"));
        match rule {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(format!("{at}: {key} is not known")),
            Some(rule) => valid(root, rule, value, &format!("{at}.{key}"))?,
        }
    }
    Ok(())
}
