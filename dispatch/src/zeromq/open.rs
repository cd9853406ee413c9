//! Makes and connects the sockets of all instances, and waits until publishers know their subscribers.

use super::{AllUnderWay, Peers, Ports, Source, Sources, UnderWay};
use drumpost_kit::prelude::*;
use futures_util::stream::unfold;
use std::collections::{BTreeSet, HashMap};
use tokio::time::timeout;
use zeromq::{
    Endpoint as Address, PubSocket, PullSocket, PushSocket, Socket, SocketRecv, SocketSend, SubSocket,
    ZmqMessage,
};

/// A port that the system chooses.
const ANY: &str = "tcp://127.0.0.1:0";
/// The number of a destination and of an instance that publishes to it.
type Publisher = (u16, u16);
/// How long a probe may take before the next is sent, and how many are sent.
const PROBE: (Duration, usize) = (Duration::from_millis(20), 500);
/// Half of what the crate holds for a peer.
const MOST: usize = 50_000;

/// Whether a frame is no message: a probe is shorter than any.
pub(super) const fn is_probe(frame: &[u8]) -> bool {
    frame.len() == 4
}

fn probe((destination, instance): Publisher) -> ZmqMessage {
    let [a, b] = destination.to_le_bytes();
    let [c, d] = instance.to_le_bytes();
    vec![a, b, c, d].into()
}

fn probed(message: &ZmqMessage) -> Option<Publisher> {
    let frame: [u8; 4] = message.get(0)?[..].try_into().ok()?;
    Some((u16::from_le_bytes([frame[0], frame[1]]), u16::from_le_bytes([frame[2], frame[3]])))
}

/// Messages of a socket as a stream. It ends with its first error.
fn stream(socket: impl SocketRecv + Send + 'static) -> Source {
    let next = |socket: Option<_>| async {
        let mut socket: Box<dyn SocketRecv + Send> = socket?;
        let received = socket.recv().await;
        let is_lost = received.is_err();
        Some((received, (!is_lost).then_some(socket)))
    };
    unfold(Some(Box::new(socket) as Box<dyn SocketRecv + Send>), next).boxed()
}

/// The ports of all instances, in order.
pub(super) async fn all(at: &Arc<At>, wiring: &Wiring) -> Result<Vec<Ports>, OpenError> {
    let layout = Layout::new(wiring, '.');
    let (mut heard, addresses) = bound(at, wiring, layout).await?;
    let mut publishers: HashMap<Publisher, (PubSocket, Address)> = HashMap::new();
    for (sent, me) in senders(wiring).filter(|(sent, _)| sent.intent == Intent::Event) {
        let mut socket = PubSocket::new();
        let address = at.step("bind a socket", socket.bind(ANY)).await?;
        publishers.insert((sent.id, me), (socket, address));
    }
    for me in 0..wiring.instance_count() {
        if let Some(socket) = subscribed(at, wiring, me, &mut publishers).await? {
            heard[usize::from(me)].push((stream(socket), false));
        }
    }
    // In a circle a limit of the transport could end in a deadlock.
    let counts = wiring.safe_window().is_none();
    let under_way = senders(wiring).filter(|(sent, _)| counts && sent.intent != Intent::Event);
    let under_way: AllUnderWay =
        under_way.map(|(sent, me)| ((sent.id, me), Arc::<UnderWay>::default())).collect();
    let under_way = Arc::new(under_way);
    let mut all = Vec::new();
    for (me, heard) in (0..wiring.instance_count()).zip(heard) {
        let (mut sends, line) = (Vec::new(), Line::to(at));
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let peers = Peers {
                push: pushers(at, layout, sent, &addresses).await?,
                publish: publishers.remove(&(sent.id, me)).map(|(socket, _)| socket),
                under_way: under_way.get(&(sent.id, me)).cloned(),
                most: wiring.capacity.clamp(1, MOST),
            };
            sends.push(Outbox::new(wiring, layout, sent, line.clone(), peers));
        }
        let (sources, apart): (Vec<_>, Vec<_>) = heard.into_iter().unzip();
        let pool = Arc::clone(&wiring.pool);
        let sources = Sources { all: sources, pool, under_way: Arc::clone(&under_way), line: line.clone() };
        all.push(Endpoint { inbox: Inbox::new(wiring, line, &apart, sources), sends });
    }
    Ok(all)
}

/// Every destination with every instance that sends to it.
fn senders(wiring: &Wiring) -> impl Iterator<Item = (&Destination, u16)> {
    let instances = |sent: &Destination| wiring.services[sent.sender].instances.clone();
    wiring.destinations.iter().flat_map(move |sent| instances(sent).map(move |me| (sent, me)))
}

/// What each instance hears by PULL, and the addresses by place.
type Bound = (Vec<Vec<(Source, bool)>>, HashMap<String, Vec<Address>>);

async fn bound(at: &Arc<At>, wiring: &Wiring, layout: Layout<'_>) -> Result<Bound, OpenError> {
    let (mut heard, mut addresses) = (Vec::new(), HashMap::<String, Vec<Address>>::new());
    for me in 0..wiring.instance_count() {
        let mut sources = Vec::new();
        for is_apart in [true, false] {
            let pulled =
                |place: &Heard<'_>| place.destination.intent != Intent::Event && place.is_apart == is_apart;
            let places: Vec<_> = layout.heard(me).filter(pulled).collect();
            if places.is_empty() {
                continue;
            }
            let mut socket = PullSocket::new();
            let address = at.step("bind a socket", socket.bind(ANY)).await?;
            for Heard { place, .. } in places {
                addresses.entry(place).or_default().push(address.clone());
            }
            sources.push((stream(socket), is_apart));
        }
        heard.push(sources);
    }
    Ok((heard, addresses))
}

/// The sockets to the places of one destination.
async fn pushers(
    at: &Arc<At>,
    layout: Layout<'_>,
    sent: &Destination,
    addresses: &HashMap<String, Vec<Address>>,
) -> Result<HashMap<String, PushSocket>, OpenError> {
    let mut all = HashMap::new();
    if sent.intent == Intent::Event {
        return Ok(all);
    }
    for (place, _, _) in layout.subscriptions(sent) {
        let mut socket = PushSocket::new();
        for address in addresses.get(&place).into_iter().flatten() {
            at.step("connect a socket", socket.connect(&address.to_string())).await?;
        }
        all.insert(place, socket);
    }
    Ok(all)
}

/// A socket that hears all events of an instance. Returns when their publishers know it.
async fn subscribed(
    at: &Arc<At>,
    wiring: &Wiring,
    me: u16,
    publishers: &mut HashMap<Publisher, (PubSocket, Address)>,
) -> Result<Option<SubSocket>, OpenError> {
    let service = wiring.service_of(me);
    let hears =
        |(sent, _): &(&Destination, u16)| sent.intent == Intent::Event && sent.receivers.contains(&service);
    let mut missing: BTreeSet<Publisher> =
        senders(wiring).filter(hears).map(|(sent, by)| (sent.id, by)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let mut socket = SubSocket::new();
    at.step("subscribe", socket.subscribe("")).await?;
    for publisher in &missing {
        let address = publishers[publisher].1.to_string();
        at.step("connect a socket", socket.connect(&address)).await?;
    }
    for _ in 0..PROBE.1 {
        for publisher in &missing {
            if let Some((socket, _)) = publishers.get_mut(publisher) {
                at.step("send a probe", socket.send(probe(*publisher))).await?;
            }
        }
        while let Ok(received) = timeout(PROBE.0, socket.recv()).await {
            let received = received.map_err(|error| at.failed("receive a probe", &error))?;
            probed(&received).map(|publisher| missing.remove(&publisher));
            if missing.is_empty() {
                return Ok(Some(socket));
            }
        }
    }
    Err(at.failed("subscribe", &"a publisher does not know its subscriber"))
}
