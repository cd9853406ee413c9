//! The least that a paced client of NATS can be: a yardstick for what drumpost's own machinery costs. `scripts/paced` runs both in turn.
//!
//! One producer sends a message when it is due, at an even rate, and one consumer receives it. Each has a connection of its own, as
//! drumpost's instances have. A message is as long as drumpost's would be, and holds when it was due, when it was sent, and its number.
//! The consumer checks the number and notes two times in histograms: since the message was sent, and since it was due. Nothing else is
//! done: no checksums, no audit, no live figures, no scenario.
//!
//! - `library` uses the client library `async-nats` as its documentation shows it. The consumer is a task of the runtime, which has as
//!   many workers as there are cores. The producer has a thread of its own, because timers of the runtime tick in milliseconds.
//! - `framing` writes and parses the protocol itself, over two blocking sockets on two threads. The consumer polls before it reads.
//!
//! The producer sleeps until a message is due and does not poll the clock before that, so a message is sent some 50 µs late. What the
//! sleeps cost is measured apart, as drumpost does with what its load waits. The figures are of the messages after the warm-up of a
//! second; the processor time is that of the process (getrusage) from the first of them to the last. The output is one line of JSON.
#![expect(clippy::print_stdout, reason = "the figures are the output of this program")]

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    thread::{clock_nanosleep_absolute, set_current_timer_slack},
    time::{ClockId, clock_gettime},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    num::NonZeroU64,
    thread,
    time::Duration,
};

const USAGE: &str = "usage: paced_nats library|framing HOST:PORT RATE SECONDS MESSAGE_LEN";
const SUBJECT: &str = "paced.nats";
const WARMUP_S: u64 = 1;
/// Bytes of the three stamps with which each message begins: when it was due, when it was sent, and its number.
const STAMPS_LEN: usize = 24;
/// A consumer that hears nothing for so long gives up.
const SILENCE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [side, address, rate, seconds, len] = &arguments[..] else { bail!(USAGE) };
    let number = |text: &str| text.parse::<u64>().with_context(|| format!("`{text}` is no number; {USAGE}"));
    let plan = Plan { rate: number(rate)?, seconds: number(seconds)?, len: number(len)? as usize };
    ensure!(plan.rate > 0 && plan.seconds > 0 && plan.len >= STAMPS_LEN, USAGE);
    let (sent, received) = match &**side {
        "library" => library(address, plan)?,
        "framing" => framing(address, plan)?,
        other => bail!("`{other}` is not a side; {USAGE}"),
    };
    let [since_sent, since_due] =
        received.times.map(|times| (times.value_at_quantile(0.5), times.value_at_quantile(0.99)));
    println!(
        "{{\"messages\": {}, \"cpu_ns\": {}, \"wait_ns\": {}, \"service_p50_ns\": {}, \"service_p99_ns\": {}, \
         \"response_p50_ns\": {}, \"response_p99_ns\": {}}}",
        plan.measured(),
        sent.cpu_ns,
        sent.wait_ns,
        since_sent.0,
        since_sent.1,
        since_due.0,
        since_due.1,
    );
    Ok(())
}

/// The load: its rate in messages a second, its length in seconds after the warm-up, and the length of a message in bytes.
#[derive(Clone, Copy)]
struct Plan {
    rate: u64,
    seconds: u64,
    len: usize,
}

impl Plan {
    const fn warmup(self) -> u64 {
        WARMUP_S * self.rate
    }

    const fn measured(self) -> u64 {
        self.seconds * self.rate
    }

    const fn all(self) -> u64 {
        self.warmup() + self.measured()
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Processor time, user and system.
fn cpu_ns(of: UsageWho) -> Result<u64> {
    let usage = getrusage(of)?;
    let us = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok((us[0] + us[1]) as u64 * 1_000)
}

/// Processor time over the measured messages.
struct Sent {
    cpu_ns: u64,
    /// Of it: what the producer used to fall asleep and to wake up.
    wait_ns: u64,
}

/// Sends each message when it is due.
fn produce(plan: Plan, mut send: impl FnMut(&[u8]) -> Result<()>) -> Result<Sent> {
    // Sleeps end on time, and not up to 50 µs later so that the system can wake several threads at once.
    set_current_timer_slack(NonZeroU64::new(1))?;
    let thread_ns = || {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64
    };
    let (mut message, begins_ns) = (vec![0; plan.len], now_ns() + 1_000_000);
    let (mut before_ns, mut wait_ns) = (0, 0);
    for number in 0..plan.all() {
        if number == plan.warmup() {
            (before_ns, wait_ns) = (cpu_ns(UsageWho::RUSAGE_SELF)?, 0);
        }
        let due_ns = begins_ns + number * 1_000_000_000 / plan.rate;
        let awake_ns = thread_ns();
        let until =
            Timespec { tv_sec: (due_ns / 1_000_000_000) as i64, tv_nsec: (due_ns % 1_000_000_000) as i64 };
        // A message that is late already does not wait.
        clock_nanosleep_absolute(rustix::thread::ClockId::Monotonic, &until)?;
        wait_ns += thread_ns() - awake_ns;
        for (place, stamp) in message.chunks_exact_mut(8).zip([due_ns, now_ns(), number]) {
            place.copy_from_slice(&stamp.to_le_bytes());
        }
        send(&message)?;
    }
    Ok(Sent { cpu_ns: cpu_ns(UsageWho::RUSAGE_SELF)? - before_ns, wait_ns })
}

/// The notes of the consumer: the number of the message that has to come next, and its two histograms of latencies.
struct Received {
    plan: Plan,
    next: u64,
    /// Since messages were sent, and since they were due.
    times: [Histogram<u64>; 2],
}

impl Received {
    fn new(plan: Plan) -> Result<Self> {
        let times = || Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Self { plan, next: 0, times: [times()?, times()?] })
    }

    fn is_done(&self) -> bool {
        self.next == self.plan.all()
    }

    fn note(&mut self, message: &[u8]) -> Result<()> {
        let now_ns = now_ns();
        ensure!(message.len() == self.plan.len, "a message has {} bytes", message.len());
        let mut stamps =
            message.chunks_exact(8).map(|stamp| u64::from_le_bytes(stamp.try_into().unwrap_or_default()));
        let [due_ns, sent_ns, number] = [(); 3].map(|()| stamps.next().unwrap_or_default());
        ensure!(number == self.next, "message {} came where {} was next", number, self.next);
        self.next += 1;
        if number >= self.plan.warmup() {
            self.times[0].record(now_ns.saturating_sub(sent_ns))?;
            self.times[1].record(now_ns.saturating_sub(due_ns))?;
        }
        Ok(())
    }
}

fn library(address: &str, plan: Plan) -> Result<(Sent, Received)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (producer, consumer, mut inbox) = runtime.block_on(async {
        let (producer, consumer) = (async_nats::connect(address).await?, async_nats::connect(address).await?);
        let inbox = consumer.subscribe(SUBJECT).await?;
        consumer.flush().await?;
        anyhow::Ok((producer, consumer, inbox))
    })?;
    thread::sleep(Duration::from_millis(100));
    let mut received = Received::new(plan)?;
    let receiving = runtime.spawn(async move {
        while !received.is_done() {
            let message =
                tokio::time::timeout(SILENCE, inbox.next()).await?.context("the connection closed")?;
            received.note(&message.payload)?;
        }
        drop(consumer);
        anyhow::Ok(received)
    });
    let sent = produce(plan, |message| {
        let message = bytes::Bytes::copy_from_slice(message);
        Ok(runtime.block_on(producer.publish(SUBJECT, message))?)
    })?;
    Ok((sent, runtime.block_on(receiving)??))
}

fn framing(address: &str, plan: Plan) -> Result<(Sent, Received)> {
    let (mut producer, mut consumer) = (connect(address)?, connect(address)?);
    consumer.write_all(format!("SUB {SUBJECT} 1\r\nPING\r\n").as_bytes())?;
    until_pong(&consumer)?;
    let receiving = thread::spawn(move || receive(consumer, plan));
    let mut frame = Vec::with_capacity(plan.len + 64);
    let sent = produce(plan, |message| {
        frame.clear();
        write!(frame, "PUB {SUBJECT} {}\r\n", message.len())?;
        frame.extend_from_slice(message);
        frame.extend_from_slice(b"\r\n");
        Ok(producer.write_all(&frame)?)
    })?;
    let Ok(received) = receiving.join() else { bail!("the consumer panicked") };
    Ok((sent, received?))
}

fn connect(address: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("no server at {address}"))?;
    stream.set_nodelay(true)?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\"}\r\nPING\r\n")?;
    until_pong(&stream)?;
    Ok(stream)
}

/// Reads line by line until the server has answered a ping. Nothing follows that answer yet, so no byte is read too many.
fn until_pong(stream: &TcpStream) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while lines.next().context("the connection closed")?? != "PONG" {}
    Ok(())
}

fn receive(mut stream: TcpStream, plan: Plan) -> Result<Received> {
    let (mut received, mut input, mut len) = (Received::new(plan)?, vec![0; 64 * 1024], 0);
    let silence = Timespec::try_from(SILENCE)?;
    while !received.is_done() {
        let ready = poll(&mut [PollFd::new(&stream, PollFlags::IN)], Some(&silence))?;
        ensure!(ready > 0, "nothing came for {SILENCE:?}; {} messages came", received.next);
        let read = stream.read(&mut input[len..])?;
        ensure!(read > 0, "the connection closed");
        len += read;
        let mut at = 0;
        while let Some(frame_len) = parse(&input[at..len], &mut received, &mut stream)? {
            at += frame_len;
        }
        input.copy_within(at..len, 0);
        len -= at;
    }
    Ok(received)
}

/// The first operation in `bytes`: says how long it is, if all of it is there.
fn parse(bytes: &[u8], received: &mut Received, stream: &mut TcpStream) -> Result<Option<usize>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let (line, rest) = (str::from_utf8(&bytes[..end])?.trim_end(), &bytes[end + 1..]);
    if line == "PING" {
        stream.write_all(b"PONG\r\n")?;
        return Ok(Some(end + 1));
    }
    ensure!(line.starts_with("MSG "), "the server said: {line}");
    let len: usize = line.rsplit(' ').next().unwrap_or_default().parse()?;
    let Some(message) = rest.get(..len).filter(|_| rest.len() >= len + 2) else { return Ok(None) };
    received.note(message)?;
    Ok(Some(end + 1 + len + 2))
}
