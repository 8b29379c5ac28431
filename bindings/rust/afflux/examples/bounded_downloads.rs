// SPDX-License-Identifier: MIT OR Apache-2.0
//! Downloads forty files from a local server, four at a time, and checks on the server's side that
//! it never saw more.
//!
//!     cargo run --example bounded_downloads

use afflux::{Priority, Semaphore, Statistics};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const FILES: usize = 40;
const AT_ONCE: usize = 4;

/// Answers each connection by one file, a little at a time. Tells the most that were open at once.
async fn serve(listener: TcpListener, most: Arc<AtomicUsize>) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (mut stream, _) = listener.accept().await?;
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        tokio::spawn(async move {
            let now = open.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            let mut request = [0; 1024];
            let n = stream.read(&mut request).await?;
            let file: usize = String::from_utf8_lossy(&request[..n])
                .trim_start_matches("GET /")
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0);
            let body = vec![b'x'; 10_000 * (1 + file % 5)];
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            for piece in body.chunks(4_096) {
                stream.write_all(piece).await?;
                tokio::task::yield_now().await;
            }
            // Before the client can see the end, and begin the next.
            open.fetch_sub(1, Ordering::SeqCst);
            stream.shutdown().await
        });
    }
}

/// The size of one file.
async fn download(address: std::net::SocketAddr, file: usize) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /{file} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let head = head.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no header"))?;
    Ok(answer.len() - head - 4)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let most = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(serve(listener, Arc::clone(&most)));

    let limit = Arc::new(
        Semaphore::builder(AT_ONCE)
            .name("downloads")
            .statistics(Statistics::Full)
            .ledger(AT_ONCE as u32)
            .build()?,
    );
    let mut tasks = Vec::new();
    for file in 0..FILES {
        let limit = Arc::clone(&limit);
        tasks.push(tokio::spawn(async move {
            // Every tenth is wanted sooner.
            let priority = if file % 10 == 9 { Priority::High } else { Priority::Normal };
            let tag = format!("file {file}");
            let permit = limit
                .request()
                .priority(priority)
                .timeout(Duration::from_secs(60))
                .tag(&tag)
                .acquire_token()
                .await?;
            let size = download(address, file).await?;
            permit.release()?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(size)
        }));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await??;
    }
    server.abort();

    let stats = limit.stats();
    println!("{FILES} files, {bytes} bytes, at most {} at once", most.load(Ordering::SeqCst));
    println!(
        "{} waited, half of them {:?} or less; held for {:?} on average",
        stats.granted,
        limit.wait_times()?.quantile(0.5),
        limit.hold_times()?.sum() / FILES as u32,
    );
    assert_eq!(bytes, (0..FILES).map(|file| 10_000 * (1 + file % 5)).sum::<usize>());
    assert!(most.load(Ordering::SeqCst) <= AT_ONCE && stats.peak_held <= AT_ONCE as u64);
    assert_eq!((stats.held, stats.waiters), (0, 0));
    Ok(())
}
