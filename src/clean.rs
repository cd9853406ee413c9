//! `drumpost clean`: removes what runs left at servers because their process was killed.

use crate::{
    Exit,
    args::CleanArgs,
    exit::usage,
    output,
    servers::{self, Servers},
};
use drumpost_core::{
    registry::Registry,
    transport::{Cleaned, OpenError},
};
use drumpost_results::plain;

/// Asks every transport that needs a server, or those that are named or whose address is set.
pub(crate) fn clean(registry: &Registry, args: &CleanArgs) -> anyhow::Result<Exit> {
    let Servers { entries, options, is_said } =
        servers::asked(registry, &args.asked, args.server.as_deref(), &args.set)?;
    let (mut text, mut reached, mut failed) = (String::new(), false, false);
    for entry in entries {
        let mut dispatcher =
            entry.made(&options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        match dispatcher.clean() {
            Ok(Some(cleaned)) => (reached, text) = (true, text + &told(entry.name, &cleaned)),
            Ok(None) => reached = true,
            // Nothing can be written down here: said to those who ask for it.
            Err(OpenError::Refused(_)) if !is_said => {}
            Err(error) => {
                output::complain(&format!("{}: {error}", entry.name));
                failed = true;
            }
        }
    }
    output::result(&text)?;
    // If nobody said which server, one that is not there is no failure beside one that is.
    Ok(if failed && (is_said || !reached) { Exit::Failed } else { Exit::Ok })
}

fn told(transport: &str, Cleaned { at, removed, kept, elsewhere }: &Cleaned) -> String {
    let mut text = match removed.len() {
        0 if !kept.is_empty() => format!("{transport} at {at}: nothing was removed\n"),
        0 => format!("{transport} at {at}: nothing is left of killed runs, so there is nothing to remove\n"),
        count => format!("{transport} at {at}: removed {count}, left by killed runs:\n"),
    };
    removed.iter().for_each(|name| text += &format!("  {}\n", plain::line(name)));
    kept.iter().for_each(|what| text += &format!("  not removed: {}\n", plain::line(what)));
    elsewhere.iter().for_each(|what| text += &format!("  {}\n", plain::line(what)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nothing_is_there_is_said_only_if_everything_could_be_looked_at() {
        let texts = |one: &str| vec![one.to_owned()];
        let nothing = Cleaned { at: "mq://h".into(), ..Cleaned::default() };
        assert_eq!(
            told("mq", &nothing),
            "mq at mq://h: nothing is left of killed runs, so there is nothing to remove\n"
        );
        let hidden = Cleaned { kept: texts("a: it cannot be read"), ..nothing.clone() };
        assert_eq!(
            told("mq", &hidden),
            "mq at mq://h: nothing was removed\n  not removed: a: it cannot be read\n"
        );
        let elsewhere = Cleaned { removed: texts("b"), elsewhere: texts("not looked at: c"), ..nothing };
        assert_eq!(
            told("mq", &elsewhere),
            "mq at mq://h: removed 1, left by killed runs:\n  b\n  not looked at: c\n"
        );
    }
}
