//! The JSON schema of a suite's file, for editors. It is made from the keys that the reader of the file uses.

use super::{
    file::TOP,
    goals,
    keys::{self, Keys, LOAD, SEED, SET},
};
use clap::Arg;
use drumpost_core::{
    options::{Grammar, OptionEntry},
    registry::Registry,
};
use serde_json::{Map, Value, json};

/// The schema, indented, with a final line end.
pub(super) fn text(registry: &Registry) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&schema(&Keys::new(registry)))?))
}

fn schema(keys: &Keys) -> Value {
    let [name, assert, fail_on, defaults, matrix] = TOP;
    let goals_of = |whose: &str| {
        let mut goals = one_or_more(&json!({ "type": "string" }));
        goals["description"] =
            format!("Goals {whose} have to keep, such as 'p99<2ms, lost=0' or 'message: p99<2ms'").into();
        goals
    };
    let name_schema = json!({
        "description": "Letters, digits, `-`, `_` and `.`",
        "type": "string",
        "pattern": "^[^.][\\p{L}\\p{N}._-]*$"
    });
    let mut of_defaults = properties(keys, &keys.names());
    of_defaults.insert(SEED.into(), described(keys, SEED, |scalar| scalar));
    let mut of_matrix = properties(keys, &keys.names());
    of_matrix.remove(SEED);
    of_matrix.insert(name.into(), name_schema.clone());
    of_matrix.insert(assert.into(), goals_of("that the rows of this block"));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A suite of drumpost: lists are multiplied, and keys of [[matrix]] replace those of [defaults]",
        "type": "object",
        "additionalProperties": false,
        "required": [matrix],
        "properties": {
            name: name_schema,
            assert: goals_of("that all rows of the suite"),
            fail_on: {
                "description": "The suite ends with exit code 6 if a run has this verdict or a worse one [default: invalid]",
                "enum": goals::verdicts()
            },
            defaults: closed(of_defaults),
            matrix: { "type": "array", "minItems": 1, "items": closed(of_matrix) }
        },
        "definitions": {
            "load": closed(keys_of(keys, &keys.load_names())),
            "options": {
                "description": "Options of transports and scenarios by name; a name with dots may be nested tables",
                "type": "object",
                "properties": options(keys),
                "additionalProperties": {
                    "anyOf": [one_or_more(&json!({ "type": ["string", "number", "boolean"] })), { "$ref": "#/definitions/options" }]
                }
            }
        }
    })
}

/// What a block may hold: the keys of `run`, groups of them that make a load, and options.
fn properties(keys: &Keys, names: &[&str]) -> Map<String, Value> {
    let mut properties = keys_of(keys, names);
    let load = json!({ "$ref": "#/definitions/load" });
    let mut loads = one_or_more(&load);
    loads["description"] = "Keys of a load that belong together; a list has several loads".into();
    properties.insert(LOAD.into(), loads);
    properties.insert(SET.into(), json!({ "$ref": "#/definitions/options" }));
    properties
}

/// The options that every build has, by family and then by the rest of the name. Those of other builds may be written all
/// the same, so that the schema does not depend on the features of the build that prints it.
fn options(keys: &Keys) -> Map<String, Value> {
    let mut families: Map<String, Value> = Map::new();
    for option in keys.options().iter().filter(|option| !option.secret && is_in_every_build(option)) {
        let Some((family, rest)) = option.name.split_once('.') else { continue };
        let scalar = match option.grammar {
            Grammar::Word(words) => json!({ "enum": words }),
            Grammar::Count { min, max } if max <= u64::from(u32::MAX) => {
                json!({ "anyOf": [{ "type": "integer", "minimum": min, "maximum": max }, { "type": "string" }] })
            }
            _ => json!({ "type": ["string", "number"] }),
        };
        let mut value = one_or_more(&scalar);
        value["description"] = format!("{} [default: {}]", option.summary, option.unset).into();
        let family = families
            .entry(family)
            .or_insert_with(|| json!({ "type": "object", "properties": {}, "additionalProperties": true }));
        family["properties"][rest] = value;
    }
    families
}

/// Whether an option is read by something that every build has.
fn is_in_every_build(option: &OptionEntry) -> bool {
    let always = drumpost_dispatch::KNOWN.iter().filter(|known| known.feature.is_none());
    let always: Vec<&str> = always.map(|known| known.name).collect();
    let has = |options: &[OptionEntry]| options.iter().any(|other| other.name == option.name);
    let mut transports = drumpost_dispatch::transports().into_iter();
    transports.any(|entry| always.contains(&entry.name) && has(entry.options))
        || drumpost_workloads::scenarios().into_iter().any(|entry| has(entry.options))
}

fn keys_of(keys: &Keys, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), described(keys, name, |scalar| one_or_more(&scalar))))
        .collect()
}

fn described(keys: &Keys, name: &str, shape: impl Fn(Value) -> Value) -> Value {
    let Some(arg) = keys.find(name) else { return Value::Bool(true) };
    let mut value = shape(scalar(arg));
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        help += &format!(" [default: {}]", defaults.join(","));
    }
    value["description"] = help.into();
    value
}

fn scalar(arg: &Arg) -> Value {
    let named: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if is_switch(arg) {
        json!({ "type": "boolean" })
    } else if named.is_empty() || keys::name(arg) == keys::SCENARIO {
        json!({ "type": ["string", "number"] })
    } else {
        json!({ "enum": named })
    }
}

/// Whether a field is done or not.
fn is_switch(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| matches!(names, [name] if name.as_str() == "true|false"))
}

fn one_or_more(of: &Value) -> Value {
    json!({ "anyOf": [of, { "type": "array", "items": of, "minItems": 1, "uniqueItems": true }] })
}

fn closed(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}
