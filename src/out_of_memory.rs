//! What happens when the system gives no more memory: one sentence and exit code 1, in place of an abort with a backtrace.
//!
//! The standard library lets a program hook into failed allocations only with an unstable feature. A program may have an allocator of its
//! own, however, so this one hands every call on to the system's allocator and looks at what it gives. Does not live here: the
//! estimate before a run, which refuses what cannot fit (`run::memory` of the library).
//!
//! Only this program has it. A program that uses drumpost as a library chooses its own allocator, and is aborted as usual.

#![expect(
    unsafe_code,
    reason = "the trait of an allocator has no safe form; every call is handed on as it came"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{self, Cursor, Write as _},
};

/// A run that cannot go on has failed: `drumpost::Exit::Failed`.
const FAILED: i32 = 1;

/// The system's allocator. Where it has no memory left, the process ends.
pub(crate) struct OrEnd;

// SAFETY: the system's allocator keeps the contract, and this one gives back what that gave.
unsafe impl GlobalAlloc for OrEnd {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        given(unsafe { System.realloc(memory, layout, size) }, size)
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline]
fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        end(bytes);
    }
    memory
}

/// Ends the process. Nothing here allocates or waits for a lock, which another thread may hold.
#[cold]
#[inline(never)]
fn end(bytes: usize) -> ! {
    let mut line = [0_u8; 256];
    let mut at = Cursor::new(&mut line[..]);
    // What does not fit is left out.
    let _ = writeln!(
        at,
        "drumpost: out of memory: {bytes} bytes more could not be had; use smaller numbers (--capacity, --in-flight, --instances), or \
         allow the process more memory (ulimit -v)"
    );
    let length = at.position() as usize;
    // Nobody is left to be told if this fails.
    let _ = rustix::io::write(io::stderr(), &line[..length]);
    signal_hook::low_level::exit(FAILED)
}
