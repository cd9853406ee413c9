//! The protocol of NATS as a server speaks it, read where it lies. What a server sends is not trusted: lines and messages have a limit,
//! so that a buffer for them has one, and what does not keep to the protocol is an error and never a panic.

use std::fmt;

/// The longest line. A server's own limit for lines of clients is 4 KiB; only the list of a cluster's addresses may be longer.
const LINE_LEN: usize = 32 * 1024;

/// One operation of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message for a subscription.
    Message {
        /// The number that the subscription was given.
        subscription: u64,
        /// The subject that it was published to.
        subject: &'a [u8],
        /// Its headers, from `NATS/1.0` to the empty line. Empty if it has none.
        headers: &'a [u8],
        /// Its payload.
        payload: &'a [u8],
    },
    /// The server asks whether the client is there.
    Ping,
    /// The server is there, and has read all that came before the client's ping.
    Pong,
    /// The server took what was asked for. Said to clients that want to hear it.
    Taken,
    /// An error, as the server words it.
    Error(&'a [u8]),
    /// What the server says of itself, in JSON.
    Info(&'a [u8]),
}

/// What came is no operation of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A line that no server sends.
    Line,
    /// A line without an end.
    LineLen,
    /// A message of so many bytes, headers included: more than may come.
    MessageLen(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str("it does not speak the protocol of NATS"),
            Self::LineLen => write!(f, "a line has more than {LINE_LEN} bytes"),
            Self::MessageLen(len) => {
                write!(
                    f,
                    "a message has {len} bytes, more than any of this run; does another program publish there?"
                )
            }
        }
    }
}

/// The first operation in `bytes`, and how long it is; `None` if a part of it is missing. A message may have `longest` bytes, headers
/// included.
///
/// # Errors
/// What is there is no operation.
#[inline]
pub fn parse(bytes: &[u8], longest: usize) -> Result<Option<(Frame<'_>, usize)>, Malformed> {
    let within = &bytes[..bytes.len().min(LINE_LEN)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_LEN { Ok(None) } else { Err(Malformed::LineLen) };
    };
    let line = within[..end].strip_suffix(b"\r").ok_or(Malformed::Line)?;
    let line_len = end + 1;
    let frame = match line {
        [b'M', b'S', b'G', b' ', fields @ ..] => return message(bytes, fields, line_len, longest, false),
        [b'H', b'M', b'S', b'G', b' ', fields @ ..] => {
            return message(bytes, fields, line_len, longest, true);
        }
        b"PING" => Frame::Ping,
        b"PONG" => Frame::Pong,
        b"+OK" => Frame::Taken,
        [b'-', b'E', b'R', b'R', b' ', said @ ..] => Frame::Error(said.trim_ascii()),
        [b'I', b'N', b'F', b'O', b' ', said @ ..] => Frame::Info(said),
        _ => return Err(Malformed::Line),
    };
    Ok(Some((frame, line_len)))
}

/// `SUBJECT SID [REPLY] [HEADERS_LEN] LEN`, and the message behind it.
#[inline]
fn message<'a>(
    bytes: &'a [u8],
    fields: &'a [u8],
    line_len: usize,
    longest: usize,
    has_headers: bool,
) -> Result<Option<(Frame<'a>, usize)>, Malformed> {
    let mut words = fields.split(|byte| *byte == b' ');
    let mut word = || words.next().ok_or(Malformed::Line);
    let (subject, subscription) = (word()?, number(word()?)?);
    // From here on it is known by the number of words whether a subject for replies is among them.
    let mut rest = [&b""[..]; 3];
    let mut count = 0;
    for word in words {
        *rest.get_mut(count).ok_or(Malformed::Line)? = word;
        count += 1;
    }
    let numbers = if has_headers { 2 } else { 1 };
    if count != numbers && count != numbers + 1 {
        return Err(Malformed::Line);
    }
    let len = number(rest[count - 1])? as usize;
    let headers_len = if has_headers { number(rest[count - 2])? as usize } else { 0 };
    if len > longest {
        return Err(Malformed::MessageLen(len));
    }
    if headers_len > len || subject.is_empty() {
        return Err(Malformed::Line);
    }
    let Some(body) = bytes[line_len..].get(..len + 2) else { return Ok(None) };
    let (message, end) = body.split_at(len);
    if end != b"\r\n" {
        return Err(Malformed::Line);
    }
    let (headers, payload) = message.split_at(headers_len);
    Ok(Some((Frame::Message { subscription, subject, headers, payload }, line_len + body.len())))
}

/// A number of at most nine digits, which no length that is taken has more of.
#[inline]
fn number(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || digits.len() > 9 {
        return Err(Malformed::Line);
    }
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + u64::from(digit - b'0')),
        _ => Err(Malformed::Line),
    })
}

#[cfg(test)]
mod tests;
