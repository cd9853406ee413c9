//! Finds the process that listens on an address, and counts the connections of this process to one: `/proc/net/tcp` and `tcp6` give
//! the numbers of sockets, and the open files of processes give their owners.

use super::processes::Proc;
use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// The processes that listen on an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listeners {
    /// A socket of this machine listens on the address.
    pub any: bool,
    /// The processes that hold such a socket, as far as this user may see.
    pub pids: Vec<u64>,
}

/// Finds the processes that listen on one of `addresses`, without this one.
pub(super) fn listeners(proc: &Proc, addresses: &[SocketAddr]) -> Listeners {
    let is_asked = |socket: &Socket| {
        socket.state == LISTENS && addresses.iter().any(|address| takes(socket.local, *address))
    };
    let listening = tables(proc).flat_map(|text| sockets(&text)).filter(is_asked);
    let inodes: BTreeSet<u64> = listening.map(|socket| socket.inode).collect();
    let own = u64::from(std::process::id());
    let holds = |pid: &u64| held_by(proc, &pid.to_string()).any(|inode| inodes.contains(&inode));
    let pids = if inodes.is_empty() { Vec::new() } else { proc.pids() };
    let pids = pids.into_iter().filter(|pid| *pid != own && holds(pid)).collect();
    Listeners { any: !inodes.is_empty(), pids }
}

/// How many TCP connections this process has to one of `addresses`, open at both ends. `None` without an address, or if the system does
/// not list them.
pub(super) fn connections(proc: &Proc, addresses: &[SocketAddr]) -> Option<u64> {
    let lists: Vec<String> = tables(proc).collect();
    if addresses.is_empty() || lists.is_empty() {
        return None;
    }
    let own: BTreeSet<u64> = held_by(proc, "self").collect();
    let goes_there = |socket: &Socket| {
        let same = |address: &SocketAddr| {
            address.port() == socket.remote.port()
                && address.ip().to_canonical() == socket.remote.ip().to_canonical()
        };
        socket.state == CONNECTED && own.contains(&socket.inode) && addresses.iter().any(same)
    };
    Some(lists.iter().flat_map(|text| sockets(text)).filter(goes_there).count() as u64)
}

/// The system's lists of sockets for both protocols, those that can be read.
fn tables(proc: &Proc) -> impl Iterator<Item = String> {
    ["self/net/tcp", "self/net/tcp6"].into_iter().filter_map(|path| proc.read(path))
}

/// The numbers of the sockets that a process holds, as far as this user may see.
fn held_by(proc: &Proc, process: &str) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(proc.folder(&format!("{process}/fd"))).ok();
    entries.into_iter().flatten().flatten().filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
}

/// Whether a socket that listens on `on` takes connections to `to`. One on every address of IPv6 takes IPv4, too.
fn takes(on: SocketAddr, to: SocketAddr) -> bool {
    let same_kind = on.is_ipv6() || to.ip().to_canonical().is_ipv4();
    let every = on.ip().to_canonical().is_unspecified() && same_kind;
    on.port() == to.port() && (every || on.ip().to_canonical() == to.ip().to_canonical())
}

/// TCP_ESTABLISHED and TCP_LISTEN, as the kernel numbers the states of a socket.
const CONNECTED: u8 = 0x01;
const LISTENS: u8 = 0x0A;

/// One socket of the system's list.
struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u64,
}

fn sockets(text: &str) -> Vec<Socket> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some(Socket {
            local: parse(words.get(1)?)?,
            remote: parse(words.get(2)?)?,
            state: u8::from_str_radix(words.get(3)?, 16).ok()?,
            inode: words.get(9)?.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// `0100007F:1062`: words of 32 bits as they lie in memory, then the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word =
        |at: usize| Some(u32::from_str_radix(address.get(8 * at..8 * at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether an address belongs to this machine: only then can a socket be bound to it.
pub(super) fn is_local(address: SocketAddr) -> bool {
    address.ip().is_loopback() || UdpSocket::bind(SocketAddr::new(address.ip(), 0)).is_ok()
}

/// For messages: all addresses of this machine are the same to a reader.
pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    addresses.first().map_or_else(|| "no address".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::super::processes::tests::{process, stat};
    use super::*;
    use std::os::unix::fs::symlink;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:107E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
        1: 00000000:107F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n   \
        2: 0100007F:107E 0100007F:8326 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 20 4 30 10 -1\n";
    const TCP6: &str = "  sl  local_address                         remote_address\n   \
        0: 00000000000000000000000000000000:1080 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4714 1 0\n   \
        1: 00000000000000000000000001000000:1081 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4715 1 0\n   \
        2: 0000000000000000FFFF00000100007F:1082 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4716 1 0\n";

    fn found(address: &str) -> Listeners {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("self/net")).unwrap();
        fs::write(folder.path().join("self/net/tcp"), TCP).unwrap();
        fs::write(folder.path().join("self/net/tcp6"), TCP6).unwrap();
        for inode in 4711..=4715u64 {
            process(folder.path(), inode, "server", &stat(1, [0; 4], 1));
            symlink("/dev/null", folder.path().join(format!("{inode}/fd/0"))).unwrap();
            symlink(format!("socket:[{inode}]"), folder.path().join(format!("{inode}/fd/7"))).unwrap();
        }
        listeners(&Proc::at(folder.path()), &[address.parse().unwrap()])
    }

    /// Processes are numbered as their sockets. Ports: 4222 on loopback, 4223 everywhere, both by IPv4; 4224 everywhere,
    /// 4225 on loopback and 4226 on the loopback of IPv4, all by IPv6.
    #[test]
    #[cfg(target_endian = "little")]
    fn who_listens_is_found_by_address_and_port_in_both_protocols() {
        let pids = |address: &str| found(address).pids;
        assert_eq!(pids("127.0.0.1:4222"), [4711]);
        assert_eq!(pids("10.1.2.3:4222"), Vec::<u64>::new());
        assert_eq!(pids("10.1.2.3:4223"), [4712]);
        assert_eq!(pids("[::1]:4223"), Vec::<u64>::new());
        assert_eq!((pids("127.0.0.1:4224"), pids("[::1]:4224")), (vec![4714], vec![4714]));
        assert_eq!((pids("127.0.0.1:4225"), pids("[::1]:4225")), (vec![], vec![4715]));
        assert_eq!(found("127.0.0.1:9"), Listeners::default());
        // The process of this socket cannot be seen, as with another user's.
        assert_eq!(found("127.0.0.1:4226"), Listeners { any: true, pids: vec![] });
    }

    /// Of its two sockets to port 33574 this process holds one; the other is another process's.
    #[test]
    #[cfg(target_endian = "little")]
    fn connections_of_this_process_to_an_address_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let proc = Proc::at(folder.path());
        let count = |address: &str| connections(&proc, &[address.parse().unwrap()]);
        assert_eq!(count("127.0.0.1:33574"), None, "the system's list is not there");
        fs::create_dir_all(folder.path().join("self/net")).unwrap();
        fs::create_dir_all(folder.path().join("self/fd")).unwrap();
        let line = |at: u16, remote: &str, state: &str, inode: u16| {
            format!("{at}: 0100007F:107E {remote} {state} 0:0 0:0 0 0 0 {inode} 1 0\n")
        };
        let (there, mapped) = ("0100007F:8326", "0000000000000000FFFF00000100007F:8326");
        let tcp = [line(0, there, "01", 51), line(1, there, "01", 52), line(2, there, "06", 53)].concat();
        fs::write(folder.path().join("self/net/tcp"), format!("head\n{tcp}")).unwrap();
        fs::write(folder.path().join("self/net/tcp6"), format!("head\n{}", line(0, mapped, "01", 54)))
            .unwrap();
        for inode in [51, 53, 54] {
            symlink(format!("socket:[{inode}]"), folder.path().join(format!("self/fd/{inode}"))).unwrap();
        }
        assert_eq!(count("127.0.0.1:33574"), Some(2), "one by IPv4 and one by IPv6; one is closing");
        assert_eq!(count("127.0.0.1:33575"), Some(0));
        assert_eq!(connections(&proc, &[]), None);
        // The real system: a connection of this test to itself is one of its process.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        assert_eq!(connections(&Proc::of_host(), &[there]), Some(0));
        let _held = [(); 3].map(|()| std::net::TcpStream::connect(there).unwrap());
        assert_eq!(connections(&Proc::of_host(), &[there]), Some(3));
    }

    #[test]
    fn loopback_and_no_documentation_address_is_local() {
        let is = |text: &str| is_local(text.parse().unwrap());
        assert!(is("127.0.0.1:1") && is("127.8.8.8:1") && is("[::1]:1"));
        // RFC 5737: nobody has it.
        assert!(!is("203.0.113.7:1"));
    }
}
