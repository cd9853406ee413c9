//! The scripts that get and start private servers, as they are in `scripts/`, for a program that is alone on a machine.

/// The name of the script that starts and ends servers; it calls the others, which lie beside it.
pub const MAIN: &str = "brokers";

/// Each script: its name and its text.
pub const SCRIPTS: &[(&str, &str)] = &[
    (MAIN, include_str!("../../scripts/brokers")),
    ("nats-server", include_str!("../../scripts/nats-server")),
    ("redis-server", include_str!("../../scripts/redis-server")),
    ("rabbitmq-server", include_str!("../../scripts/rabbitmq-server")),
    ("kafka-server", include_str!("../../scripts/kafka-server")),
    ("mosquitto-server", include_str!("../../scripts/mosquitto-server")),
    ("elasticmq-server", include_str!("../../scripts/elasticmq-server")),
    ("moto-server", include_str!("../../scripts/moto-server")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs};

    #[test]
    fn every_server_that_has_a_script_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<String> =
            names.filter(|name| name == MAIN || name.ends_with("-server")).collect();
        let carried: BTreeSet<String> = SCRIPTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, there);
    }
}
