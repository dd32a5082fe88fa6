//! The bytes of one connection of a proxy. In each direction one thread reads, and one writes when it is time: bytes that wait
//! do not keep those behind them from being read.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use super::{CORRUPT, Connection, Fault, Line, State};

/// How many chunks may wait, each of up to 64 KiB.
const WINDOW: usize = 1024;
const CHUNK: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    FromServer,
}

/// Bytes, and when they are to be passed on. None is the end.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

pub fn start(line: &Arc<Line>, connection: &Arc<Connection>) {
    let Connection { client, server, .. } = &**connection;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    for way in [Way::ToServer, Way::FromServer] {
        let (sender, receiver) = sync_channel(WINDOW);
        let (reads, writes) = (line.clone(), line.clone());
        let (from, to) = (connection.clone(), connection.clone());
        std::thread::spawn(move || read(&reads, &from, way, &sender));
        std::thread::spawn(move || write(&writes, &to, way, &receiver));
    }
}

fn read(line: &Line, connection: &Connection, way: Way, sender: &SyncSender<Chunk>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        // A connection that breaks ends.
        let read = way.source(connection).read(&mut buffer).unwrap_or(0);
        if way == Way::ToServer && read > 0 {
            connection.asked.store(true, Relaxed);
        }
        let due = Instant::now() + line.state().delay;
        if sender.send(Chunk { due, bytes: buffer[..read].to_vec() }).is_err() || read == 0 {
            return;
        }
    }
}

fn write(line: &Line, connection: &Connection, way: Way, receiver: &Receiver<Chunk>) {
    for Chunk { due, mut bytes } in receiver {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut to = way.sink(connection);
        if bytes.is_empty() {
            drop(line.wait());
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            let (passes, cut) = line.pass(connection, way, rest);
            let written = to.write_all(&rest[..passes]);
            if cut {
                line.cut();
            }
            if written.is_err() || cut {
                return connection.end();
            }
            rest = &mut rest[passes..];
        }
    }
}

impl Line {
    /// Until it does not hang.
    fn wait(&self) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.state(), |state| state.hangs).unwrap()
    }

    /// How many of these bytes pass now, and whether all connections are to be cut then. They are counted, and may be changed.
    fn pass(&self, connection: &Connection, way: Way, bytes: &mut [u8]) -> (usize, bool) {
        let mut state = self.wait();
        if way == Way::ToServer {
            state.traffic.to_server += bytes.len() as u64;
            return (bytes.len(), false);
        }
        let (mut passes, mut cut) = (bytes.len(), false);
        let (received, came) = (connection.received.load(Relaxed), state.traffic.from_server);
        let within = |from: u64, to: u64| to.checked_sub(from).map(|at| at as usize).filter(|at| *at <= bytes.len());
        match state.fault {
            Some(Fault::Corrupt { offset }) if within(received, offset).is_some_and(|at| at < bytes.len()) => {
                let (_, turned) = bytes.split_at_mut((offset - received) as usize);
                connection.turns.store(CORRUPT, Relaxed);
                connection.turn(turned);
                state.fault = None;
            }
            Some(Fault::Cut { after, refuse }) if within(came, after).is_some() => {
                (passes, cut) = ((after - came) as usize, true);
                state.refuses |= refuse;
                state.fault = None;
            }
            Some(Fault::Hang { after }) if within(came, after).is_some() => {
                (passes, state.hangs) = ((after - came) as usize, true);
                state.fault = None;
            }
            _ => connection.turn(bytes),
        }
        connection.received.fetch_add(passes as u64, Relaxed);
        state.traffic.from_server += passes as u64;
        if passes > 0 && connection.asked.swap(false, Relaxed) {
            state.traffic.round_trips += 1;
        }
        (passes, cut)
    }
}

impl Connection {
    /// The next bytes, some of which may have to be others.
    fn turn(&self, bytes: &mut [u8]) {
        let turns = self.turns.load(Relaxed).min(bytes.len());
        bytes[..turns].iter_mut().for_each(|byte| *byte ^= 1);
        self.turns.fetch_sub(turns, Relaxed);
    }
}

impl Way {
    fn source(self, connection: &Connection) -> &TcpStream {
        match self {
            Way::ToServer => &connection.client,
            Way::FromServer => &connection.server,
        }
    }

    fn sink(self, connection: &Connection) -> &TcpStream {
        match self {
            Way::ToServer => &connection.server,
            Way::FromServer => &connection.client,
        }
    }
}
