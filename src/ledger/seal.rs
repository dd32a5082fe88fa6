//! Seals: the newest entry, and with it all before it, signed with Ed25519. Whoever holds the public key and what `seal` told can
//! find that the ledger was written anew, or its end cut off.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::ledger::entry::Event;

const KIND: &str = "ed25519:";

/// A public key: `ed25519:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(Vec<u8>);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND}{}", hex::encode(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes = hex::decode(text.strip_prefix(KIND).unwrap_or(text)).ok().filter(|bytes| bytes.len() == 32);
        let error = || {
            Error::new(ErrorKind::Usage, "this is no public key")
                .hint("a public key is `ed25519:` and 64 hexadecimal digits, or a file that holds them (NAME.pub)")
        };
        bytes.map(Self).ok_or_else(error)
    }
}

/// What is signed: it says of what format it is, so that it is a signature of nothing else.
fn signed_text(number: u64, hash: &str) -> String {
    format!("tieout ledger seal, version 1\nentry {number}\nsha256 {hash}\n")
}

/// Whether the signature is that key's, over that entry.
pub fn holds(key: &PublicKey, signature: &str, number: u64, hash: &str) -> bool {
    signed_by(key, signature, signed_text(number, hash).as_bytes())
}

/// Whether the signature, in hexadecimal digits, is that key's, over that text.
pub fn signed_by(key: &PublicKey, signature: &str, text: &[u8]) -> bool {
    let Ok(signature) = hex::decode(signature) else { return false };
    if key.is_of_small_order() {
        return false;
    }
    UnparsedPublicKey::new(&ED25519, &key.0).verify(text, &signature).is_ok()
}

/// The points of small order, without their sign: <https://eprint.iacr.org/2020/1244>, table 1.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

impl PublicKey {
    /// Nobody holds a private key to it, and anybody can make signatures that hold: such as one of nothing but zeros, which somebody
    /// wrote because there is no key yet.
    fn is_of_small_order(&self) -> bool {
        let mut point = self.0.clone();
        if let Some(last) = point.last_mut() {
            *last &= 0x7f;
        }
        SMALL_ORDER.contains(&hex::encode(point).as_str())
    }

    /// Of its 32 bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// Writes a new private key to `file` and its public key to `file`.pub. Neither may be there.
pub fn new_keys(file: &Path) -> Result<PublicKey> {
    let failed = |_| Error::new(ErrorKind::Internal, "a key cannot be made");
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
        .map_err(|_| Error::new(ErrorKind::Internal, "a key cannot be made"))?;
    let public = PublicKey(pair.public_key().as_ref().to_vec());
    let beside = public_file(file);
    if beside.exists() {
        return Err(taken(&beside));
    }
    write_new(file, document.as_ref(), 0o600)?;
    write_new(&beside, format!("{public}\n").as_bytes(), 0o644)?;
    Ok(public)
}

/// `FILE.pub`.
fn public_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn taken(file: &Path) -> Error {
    Error::new(ErrorKind::Usage, format!("{} is there already", file.display()))
        .hint("keys are never written over: choose another name")
}

fn write_new(file: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(file).and_then(|mut open| open.write_all(bytes).and_then(|()| open.sync_all()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(file),
        _ => Error::new(ErrorKind::Output, format!("{} cannot be written", file.display())).source(error),
    })
}

/// A private key that `new_keys` has written.
pub fn read_private(file: &Path) -> Result<Ed25519KeyPair> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, error))?;
    Ed25519KeyPair::from_pkcs8(&bytes).map_err(|_| {
        Error::new(ErrorKind::Usage, format!("{} holds no private key", file.display()))
            .hint("`tieout keys new FILE` makes one; what is sealed with is FILE, not FILE.pub")
    })
}

/// A public key, or the name of a file that holds one.
pub fn read_public(text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let held = std::fs::read_to_string(text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::Usage, format!("{text} holds no public key")).hint("what is checked with is NAME.pub")
        }
        _ => unreadable(Path::new(text), error),
    })?;
    held.parse().map_err(|error: Error| error.context("key", text))
}

fn unreadable(file: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::NotFound, format!("the key {} cannot be read", file.display()))
        .hint(
            "give a file, or a public key as `ed25519:` and 64 hexadecimal digits; `tieout keys new FILE` makes a pair",
        )
        .source(error)
}

/// What was sealed. `number:hash` is what `verify --expect` takes.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Sealed {
    pub number: u64,
    pub hash: String,
    pub public_key: String,
}

/// Signs the newest entry, and appends that.
pub async fn seal(ledger: &Ledger, pair: &Ed25519KeyPair) -> Result<Sealed> {
    let mut head = ledger.head().await?;
    if head.number == 0 {
        let message = format!("{} has no ledger yet: there is nothing to seal", ledger.display());
        return Err(
            Error::new(ErrorKind::NotFound, message).hint("the first run begins it; name the output with --out")
        );
    }
    let (number, hash) = (head.number, head.hash.clone());
    let public_key = PublicKey(pair.public_key().as_ref().to_vec()).to_string();
    let signature = hex::encode(pair.sign(signed_text(number, &hash).as_bytes()).as_ref());
    let event = Event::Sealed { number, hash: hash.clone(), public_key: public_key.clone(), signature };
    ledger.append(&mut head, event, |_| Ok(())).await?;
    Ok(Sealed { number, hash, public_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the identity as the public key, and as the point of the signature, whose number is 0, the equation holds for any text.
    #[test]
    fn keys_that_sign_everything_sign_nothing() {
        let identity = SMALL_ORDER[1];
        let signature = format!("{identity}{}", "00".repeat(32));
        let bytes = hex::decode(identity).unwrap();
        let holds = UnparsedPublicKey::new(&ED25519, &bytes).verify(b"any text", &hex::decode(&signature).unwrap());
        assert!(holds.is_ok(), "the forgery is one");
        for point in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut bytes = hex::decode(point).unwrap();
                bytes[31] |= sign;
                let key = PublicKey::of(&bytes);
                assert!(key.is_of_small_order(), "{point}");
                assert!(!signed_by(&key, &signature, b"any text"), "{point}");
            }
        }
    }
}
