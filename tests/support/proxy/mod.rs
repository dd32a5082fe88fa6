//! A network that can be made bad: a [`Proxy`] on loopback before a server of this machine, in threads of this process.
//!
//! What it does can be changed while connections are open. Bytes count what the server sends from the setting on, over all
//! connections; an offset is one of a connection. Of the settings that have one, the last counts. [`Proxy::heal`] takes back
//! all but the delay.

mod pump;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

pub struct Proxy {
    port: u16,
    line: Arc<Line>,
}

/// What went through a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub from_server: u64,
    pub to_server: u64,
    pub connections: u64,
    /// How often a client got an answer to something that it had sent since the last one: how often it had to wait for the
    /// network. Over all connections.
    pub round_trips: u64,
}

/// All connections of a proxy, and what is done to them.
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    delay: Duration,
    refuses: bool,
    /// Nothing passes, in either direction.
    hangs: bool,
    fault: Option<Fault>,
    traffic: Traffic,
    connections: Vec<Weak<Connection>>,
    /// The proxy is no more.
    gone: bool,
}

/// Bytes that are turned.
const CORRUPT: usize = 16;

#[derive(Clone, Copy)]
enum Fault {
    /// On the first connection that comes to this offset.
    Corrupt {
        offset: u64,
    },
    /// When so many bytes in all have come from the server.
    Cut {
        after: u64,
        refuse: bool,
    },
    Hang {
        after: u64,
    },
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// The client sent something since it got the last answer.
    asked: AtomicBool,
    /// How many bytes came from the server.
    received: AtomicU64,
    /// How many of the next ones are to be turned.
    turns: AtomicUsize,
}

impl Proxy {
    /// Before a server on 127.0.0.1, which need not run yet.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line { state: Mutex::default(), changed: Condvar::new() });
        let accepting = line.clone();
        std::thread::spawn(move || accepting.accept(&listener, server));
        Self { port, line }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What arrives from now on is passed on so much later, in each direction; as much passes in a second as before. To
    /// connect takes no longer.
    pub fn set_delay(&self, delay: Duration) {
        self.line.state().delay = delay;
    }

    /// All connections end after so many more bytes from the server, and new ones are refused.
    pub fn cut_after(&self, bytes: u64) {
        self.line.plan(|now| Fault::Cut { after: now + bytes, refuse: true });
    }

    /// All connections end after so many more bytes from the server; new ones are left alone.
    pub fn cut_once_after(&self, bytes: u64) {
        self.line.plan(|now| Fault::Cut { after: now + bytes, refuse: false });
    }

    /// Nothing passes any more after so many more bytes from the server.
    pub fn hang_after(&self, bytes: u64) {
        self.line.plan(|now| Fault::Hang { after: now + bytes });
    }

    /// The bytes from this offset on of what the server sends on a connection, the first that gets so far, are others: their
    /// lowest bits are turned. So many that some of a row is among them: single bytes of a protocol mean nothing, such as the
    /// unused bits before a row's NULLs.
    pub fn corrupt_at(&self, offset: u64) {
        self.line.plan(|_| Fault::Corrupt { offset });
    }

    /// All connections end now; new ones are left alone.
    pub fn cut(&self) {
        self.line.cut();
    }

    /// New connections end as soon as they are made. Those that are open stay.
    pub fn refuse(&self) {
        self.line.state().refuses = true;
    }

    /// Connections are made, but nothing passes; what is held passes when it heals.
    pub fn hang(&self) {
        self.line.state().hangs = true;
    }

    /// A good network again, but for the delay. What was planned and did not happen yet will not.
    pub fn heal(&self) {
        let mut state = self.line.state();
        (state.refuses, state.hangs, state.fault) = (false, false, None);
        self.line.changed.notify_all();
    }

    pub fn traffic(&self) -> Traffic {
        self.line.state().traffic
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.heal();
        self.line.state().gone = true;
        self.line.cut();
        // For the thread that waits for someone to come.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What is planned may depend on how many bytes came by now.
    fn plan(&self, fault: impl FnOnce(u64) -> Fault) {
        let mut state = self.state();
        state.fault = Some(fault(state.traffic.from_server));
    }

    fn cut(&self) {
        for connection in self.state().connections.drain(..).filter_map(|connection| connection.upgrade()) {
            connection.end();
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, server: u16) {
        for client in listener.incoming().flatten() {
            let refuses = match &*self.state() {
                State { gone: true, .. } => return,
                state => state.refuses,
            };
            // What is dropped is closed: also where the server refuses.
            let server = (!refuses).then(|| TcpStream::connect(("127.0.0.1", server)));
            if let Some(Ok(server)) = server {
                let connection = Arc::new(Connection {
                    client,
                    server,
                    asked: AtomicBool::new(false),
                    received: AtomicU64::new(0),
                    turns: AtomicUsize::new(0),
                });
                let mut state = self.state();
                state.traffic.connections += 1;
                state.connections.retain(|connection| connection.strong_count() > 0);
                state.connections.push(Arc::downgrade(&connection));
                pump::start(self, &connection);
            }
        }
    }
}

impl Connection {
    /// Both sides see the end after what they were sent.
    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
