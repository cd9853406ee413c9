//! Which code a lane runs: the handler of a service, a method of the transport, or the harness. A lane notes it for [`crate::blame`], which
//! reads it when something went wrong.

use std::sync::atomic::{AtomicU8, Ordering};

macro_rules! acts {
    ($($name:ident, $text:literal;)*) => {
        /// Which code a lane is in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Act {
            $(#[doc = concat!("In ", $text, ".")] $name,)*
        }

        impl Act {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// The name of the method, as its author knows it.
            pub(crate) const fn method(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

acts! {
    Harness, "the harness";
    Handler, "handle";
    Offer, "offer";
    Full, "offer (full)";
    Drain, "drain";
    Wait, "wait";
    Confirmed, "confirmed";
    Acknowledge, "acknowledge";
    Reject, "reject";
    Flush, "flush";
    Finish, "finish";
    Open, "open";
    Drop, "drop";
}

/// The note of one lane about the code that it runs.
#[derive(Debug, Default)]
pub(crate) struct Doing(AtomicU8);

impl Doing {
    /// Says what the lane does from now on.
    #[inline(always)]
    pub(crate) fn set(&self, act: Act) {
        self.0.store(act as u8, Ordering::Relaxed);
    }

    /// The code that the lane is in. The lane may have left that code when the caller reads the note.
    pub(crate) fn get(&self) -> Act {
        Act::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or(Act::Harness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_read_as_it_was_set() {
        let doing = Doing::default();
        for act in Act::ALL {
            doing.set(*act);
            assert_eq!(doing.get(), *act);
        }
    }
}
