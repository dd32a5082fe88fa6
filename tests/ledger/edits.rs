//! Files of an output that somebody changed: `verify` finds every one, and names it.

use std::fs;
use std::path::{Path, PathBuf};

use tieout::ledger::{Expected, Head, Ledger, Verified, verify};

use super::{project, size};

const EDITS: (&str, usize) = ("TIEOUT_LEDGER_EDITS", 200);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// All that the ledger answers for, by path below the output.
fn files(out: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["ledger", "runs", "divergences", "open", "acks"].map(|name| out.join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(out).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

fn verified(out: &Path, expected: &Expected) -> Verified {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = async { verify(&Ledger::at(out.to_str().unwrap()).await?, expected).await };
    runtime.block_on(work).unwrap()
}

/// Edits one thing; what it was, and which paths are to be named.
fn edit(out: &Path, files: &[String], dice: &mut Dice) -> (String, Vec<String>) {
    let any = files[dice.below(files.len())].clone();
    let path = out.join(&any);
    let bytes = fs::read(&path).unwrap();
    match dice.below(5) {
        0 => {
            let mut bytes = bytes;
            let (at, bit) = (dice.below(bytes.len()), dice.below(8));
            bytes[at] ^= 1 << bit;
            fs::write(&path, bytes).unwrap();
            (format!("bit {bit} of byte {at} of {any} flipped"), vec![any])
        }
        1 => {
            let length = dice.below(bytes.len());
            fs::write(&path, &bytes[..length]).unwrap();
            (format!("{any} cut to {length} bytes"), vec![any])
        }
        2 => {
            fs::remove_file(&path).unwrap();
            (format!("{any} removed"), vec![any])
        }
        3 => {
            let other = loop {
                let other = files[dice.below(files.len())].clone();
                // Empty tables of one rule may be alike.
                if fs::read(out.join(&other)).unwrap() != bytes {
                    break other;
                }
            };
            fs::write(&path, fs::read(out.join(&other)).unwrap()).unwrap();
            fs::write(out.join(&other), bytes).unwrap();
            (format!("{any} and {other} swapped"), vec![any, other])
        }
        _ => {
            let number = files.iter().filter(|file| file.starts_with("ledger/")).count() + 1 + dice.below(3);
            let name = match dice.below(5) {
                0 => format!("ledger/{number:012}.json"),
                1 => "ledger/note.txt".to_string(),
                2 => format!("runs/01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a{:02}.parquet", dice.below(100)),
                3 => format!(
                    "divergences/rule=lines/run=01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77/part-{}.parquet",
                    dice.below(9)
                ),
                _ => match Path::new(&any).parent().unwrap().display().to_string().as_str() {
                    folder if folder.starts_with("divergences") => format!("{folder}/part-1.parquet"),
                    folder => format!("{folder}/copy.parquet"),
                },
            };
            fs::create_dir_all(out.join(&name).parent().unwrap()).unwrap();
            fs::write(out.join(&name), bytes).unwrap();
            (format!("{any} copied to {name}"), vec![name])
        }
    }
}

#[test]
fn every_edit_is_found_and_named() {
    let tieout = project();
    for _ in 0..2 {
        tieout.run(["run", "-q"]).exits(1);
    }
    // Somebody acknowledges some, takes one back, and a run finds that others have ended.
    let ack = |condition: &str, more: &[&str]| {
        let args = ["ack", "--rule", "lines", "--where", condition, "--note", "known"];
        tieout.run(args.iter().chain(more)).exits(0);
    };
    ack("id < '3'", &[]);
    ack("id = '2'", &["--withdraw"]);
    let csv = fs::read_to_string(tieout.path("b.csv")).unwrap();
    fs::write(tieout.path("b.csv"), csv + "14,more\n").unwrap();
    tieout.run(["run", "-q"]).exits(1);
    let (out, whole) = (tieout.path("out"), tieout.path("whole"));
    crate::support::copy_dir(&out, &whole);
    let all = files(&out);
    assert_eq!(all.len(), 9 + 3 + 6 + 3 + 3);
    let newest = verified(&out, &Expected::default());
    assert_eq!(newest.wrong, []);
    let newest = Head { number: newest.head, hash: newest.hash };
    let last = format!("ledger/{:012}.json", newest.number);
    let expected = Expected { heads: vec![newest], ..Expected::default() };
    let clock = std::time::Instant::now();
    let mut dice = Dice(7);
    let edits = size(EDITS.0, EDITS.1);
    for n in 0..edits {
        let (what, names) = edit(&out, &all, &mut dice);
        let found = verified(&out, &Expected::default()).wrong;
        assert!(!found.is_empty(), "edit {n} was not found: {what}");
        // That the newest entry was cut off is known by name only to who holds its hash.
        let held = verified(&out, &expected).wrong;
        for name in names {
            assert!(held.iter().any(|wrong| wrong.path == name), "edit {n}, {what}: {held:#?}");
            assert!(name == last || found.iter().any(|wrong| wrong.path == name), "edit {n}, {what}: {found:#?}");
        }
        fs::remove_dir_all(&out).unwrap();
        crate::support::copy_dir(&whole, &out);
    }
    assert_eq!(verified(&out, &expected).wrong, []);
    println!("{edits} edits: {:?}", clock.elapsed());
}

/// An entry whose sum was made anew is found by what follows on it, and one line tells it.
#[test]
fn an_entry_that_was_forged_well() {
    let tieout = project();
    for _ in 0..2 {
        tieout.run(["run", "-q"]).exits(1);
    }
    let file = super::entry(&tieout, 3);
    let text = fs::read_to_string(&file).unwrap();
    let body = format!("{}}}", &text[..text.len() - 75]).replace("\"ann\"", "\"bob\"");
    let sum = tieout::ledger::sha256(body.as_bytes());
    fs::write(&file, format!("{},\"sum\":\"{sum}\"}}\n", &body[..body.len() - 1])).unwrap();
    let ended = tieout.run(["ledger", "verify"]).exits(1);
    let words = "ledger/000000000004.json: does not follow on ledger/000000000003.json: one of the two was replaced\n";
    assert!(ended.stdout.starts_with(words), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 2);
}
