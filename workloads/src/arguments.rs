//! Reads the arguments of `name:word,value,key=value` one by one. Arguments that are left at the end are an error.

/// What is left of the arguments. Errors are the reason alone.
pub(crate) struct Arguments<'a> {
    name: &'a str,
    left: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    pub(crate) const fn new(name: &'a str, left: Vec<&'a str>) -> Self {
        Self { name, left }
    }

    /// Whether `word` is among them.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let at = self.left.iter().position(|argument| *argument == word);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// What `key=value` says, read by `read`.
    pub(crate) fn value<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let value = |argument: &'a str| {
            let (name, value) = argument.split_once('=')?;
            (name.trim_end() == key).then_some(value.trim_start())
        };
        let at = self.left.iter().position(|argument| value(argument).is_some());
        let text = at.and_then(|at| value(self.left.remove(at)));
        let text = text.ok_or_else(|| format!("`{}` needs `{key}=`", self.name))?;
        read(text).map_err(|reason| format!("{key}: {reason}"))
    }

    /// Those without a key, in order.
    pub(crate) fn plain(&mut self) -> Vec<&'a str> {
        let (keyed, plain) = self.left.iter().partition(|argument| argument.contains('='));
        self.left = keyed;
        plain
    }

    /// Refuses what nothing has taken.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(left) => Err(format!("`{}` does not take `{left}`, or takes it only once", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::count;

    #[test]
    fn arguments_are_taken_once_each() {
        let mut all = Arguments::new("x", vec!["a", "to = 3", "b", "to=4"]);
        assert!(all.word("a") && !all.word("a"));
        assert_eq!(all.value("to", count), Ok(3));
        assert_eq!(all.plain(), ["b"]);
        assert_eq!(all.end(), Err("`x` does not take `to=4`, or takes it only once".to_owned()));
        let mut none = Arguments::new("x", vec!["to=z"]);
        assert_eq!(none.value("at", count), Err("`x` needs `at=`".to_owned()));
        assert!(none.value("to", count).is_err_and(|reason| reason.starts_with("to: \"z\"")));
        assert_eq!(none.end(), Ok(()));
    }
}
