//! A connection whose writes go out together: HTTP/2 writes an answer's data and its trailers apart, and each write is
//! a call of the system, a packet, and something for the other side to wake up for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

// Beyond these the other side is behind, or the answers are long: neither gains from waiting.
const MOST: usize = 64 << 10;
const AT_ONCE: usize = 32 << 10;

/// Holds what is written until its task comes by again, which is after those that were ready before it: with what they
/// answered meanwhile it is one write.
///
/// Its owner has to read from it whenever it is woken, as HTTP/2 does: there it is sent. A shutdown sends the rest.
#[derive(Debug)]
pub(super) struct Corked<S> {
    stream: S,
    held: Vec<u8>,
    sent: usize,
    is_flushed: bool,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), sent: 0, is_flushed: false }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.held.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.held.clear();
        (self.sent, self.is_flushed) = (0, false);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn hold(&mut self, bytes: &[u8]) -> usize {
        if self.held.capacity() == 0 {
            self.held.reserve(AT_ONCE);
        }
        let taken = bytes.len().min(MOST - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        taken
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_flushed
            && let Poll::Ready(Err(error)) = this.poll_send(cx)
        {
            return Poll::Ready(Err(error));
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        if read.is_pending() && this.held.is_empty() {
            // Most connections are silent most of the time.
            this.held = Vec::new();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.held.len() == MOST {
            ready!(this.poll_send(cx))?;
        }
        Poll::Ready(Ok(slices.iter().map(|slice| this.hold(slice)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.held.is_empty() && !this.is_flushed {
            this.is_flushed = true;
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl<S: Connected> Connected for Corked<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Both ends of a connection on which so many bytes may be under way.
    fn connected(room: usize) -> (Corked<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(room);
        (Corked::new(near), far)
    }

    /// What its owner does whenever it is woken; whether the other side said something.
    async fn comes_by(corked: &mut Corked<DuplexStream>) -> bool {
        let mut into = [0; 16];
        poll_fn(|cx| {
            let read = Pin::new(&mut *corked).poll_read(cx, &mut ReadBuf::new(&mut into));
            Poll::Ready(read.is_ready())
        })
        .await
    }

    async fn arrived(far: &mut DuplexStream) -> Option<Vec<u8>> {
        let mut got = vec![0; 4 * MOST];
        let read = poll_fn(|cx| {
            let mut into = ReadBuf::new(&mut got);
            let read = Pin::new(&mut *far).poll_read(cx, &mut into).map(|read| read.map(|()| into.filled().len()));
            Poll::Ready(if let Poll::Ready(Ok(read)) = read { Some(read) } else { None })
        });
        let read = read.await?;
        got.truncate(read);
        Some(got)
    }

    #[tokio::test]
    async fn what_is_flushed_goes_out_together_when_its_owner_comes_by_again() {
        let (mut corked, mut far) = connected(MOST);
        for part in [b"data", b"ends"] {
            corked.write_all(part).await.unwrap();
            corked.flush().await.unwrap();
        }
        assert_eq!(arrived(&mut far).await, None);
        assert!(!comes_by(&mut corked).await);
        assert_eq!(arrived(&mut far).await, Some(b"dataends".to_vec()));
        // Nothing is sent twice, and nothing before it is flushed.
        corked.write_all(b"more").await.unwrap();
        assert!(!comes_by(&mut corked).await);
        assert_eq!(arrived(&mut far).await, None);
    }

    #[tokio::test]
    async fn its_owner_is_woken_to_come_by() {
        let (mut corked, mut far) = connected(MOST);
        // As HTTP/2 does: it looks for what comes, then writes, and waits to be woken.
        let owner = tokio::spawn(async move {
            let (mut said, mut is_written) = ([0; 1], false);
            poll_fn(|cx| {
                let read = Pin::new(&mut corked).poll_read(cx, &mut ReadBuf::new(&mut said));
                if read.is_pending() && !is_written {
                    is_written = true;
                    assert!(Pin::new(&mut corked).poll_write(cx, b"data").is_ready());
                    assert!(Pin::new(&mut corked).poll_flush(cx).is_ready());
                }
                read
            })
            .await
        });
        let mut got = [0; 4];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"data");
        far.write_u8(7).await.unwrap();
        owner.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_shutdown_sends_the_rest() {
        let (mut corked, mut far) = connected(MOST);
        corked.write_all(b"the rest").await.unwrap();
        corked.shutdown().await.unwrap();
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"the rest");
    }

    #[tokio::test]
    async fn whoever_does_not_read_is_waited_for_and_gets_every_byte_in_order() {
        let (mut corked, mut far) = connected(1_000);
        let said: Vec<u8> = (0..10 * MOST).map(|at| (at % 251).to_le_bytes()[0]).collect();
        let all = said.clone();
        let writing = tokio::spawn(async move {
            for part in all.chunks(7_001) {
                corked.write_all(part).await.unwrap();
                corked.flush().await.unwrap();
                assert!(corked.held.len() <= MOST);
            }
            corked.shutdown().await.unwrap();
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!writing.is_finished());
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        writing.await.unwrap();
        assert!(got == said);
    }
}
