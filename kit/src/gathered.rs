//! A connection whose writes go out together, when its client turns to reading. For clients that flush each packet by itself, such as
//! acknowledgements, where nobody waits for one of them: a call of the system for each costs more than all the rest of it. What is written
//! over a connection like this was not yet sent when the client says so, so it is not for messages whose confirm is that they were written.

use bytes::{Buf, BytesMut};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes are written out even if the client does not read.
const MOST: usize = 16 * 1024;

/// A connection whose writes go out together.
#[derive(Debug)]
pub struct Gathered<S> {
    stream: S,
    held: BytesMut,
    /// Something was written and is not flushed.
    flushes: bool,
}

impl<S> Gathered<S> {
    /// Over `stream`.
    #[must_use]
    pub fn over(stream: S) -> Self {
        Self { stream, held: BytesMut::new(), flushes: false }
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.held))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.advance(written);
            self.flushes = true;
        }
        if self.flushes {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.flushes = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Without room the task is woken once there is some, and reads again.
        if let Poll::Ready(Err(error)) = this.poll_write_out(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut this.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.held.len() >= MOST {
            ready!(this.poll_write_out(context))?;
        }
        this.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_write_out(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn writes_go_out_together_when_the_client_reads() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut near, mut came) = (Gathered::over(near), [0; 16]);
            for part in [b"one ", b"two "] {
                near.write_all(part).await.unwrap();
                near.flush().await.unwrap();
            }
            assert!(far.read(&mut came).now_or_never().is_none(), "it was flushed one by one");
            assert!(near.read(&mut [0; 16]).now_or_never().is_none());
            assert_eq!(far.read(&mut came).await.unwrap(), 8);
            assert_eq!(&came[..8], b"one two ");
        });
    }

    #[test]
    fn more_than_the_connection_takes_goes_out_as_it_is_read() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut near, mut came) = (Gathered::over(near), vec![0; 1000]);
            near.write_all(&[7; 1000]).await.unwrap();
            let server = async {
                far.read_exact(&mut came).await.unwrap();
                far.write_all(b"!").await.unwrap();
            };
            let mut answer = [0; 1];
            let client = async { near.read_exact(&mut answer).await.unwrap() };
            assert_eq!(futures_util::future::join(client, server).await, (1, ()));
            assert_eq!((&answer, came), (b"!", vec![7; 1000]));
        });
    }

    #[test]
    fn what_is_held_is_written_before_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut near, mut came) = (Gathered::over(near), Vec::new());
            near.write_all(b"last").await.unwrap();
            near.shutdown().await.unwrap();
            far.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, b"last");
        });
    }
}
