//! The shell at a terminal: a pseudo-terminal that Python opens, and types into.

use crate::support::python;

/// Types lines once the prompt is there; gives all that the terminal showed, without its control sequences.
const TYPE: &str = r#"
    import os, pty, re, select, sys, time
    program, folder, *lines = sys.argv[1:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm", HOME=folder, NO_COLOR="1")
        os.execv(program, [program, "sql"])
    shown = b""
    def wait(mark, seconds=60):
        global shown
        start, end = len(shown), time.time() + seconds
        while time.time() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    part = os.read(terminal, 65536)
                except OSError:
                    return
                if not part:
                    return
                shown += part
            elif mark and mark in shown[start:]:
                return
        sys.exit(f"waited in vain for {mark}: {shown!r}")
    wait(b"tieout> ")
    for line in lines:
        os.write(terminal, b"\x03" if line == "^C" else line.encode() + b"\r")
        wait(b"> " if line.endswith(",") else b"tieout> ") if line != lines[-1] else wait(None)
    _, status = os.waitpid(pid, 0)
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown).decode().replace("\r", "")
    print(text)
    print("exit", os.waitstatus_to_exitcode(status))
"#;

#[test]
fn a_session() {
    let tieout = super::project();
    let program = env!("CARGO_BIN_EXE_tieout");
    let lines =
        ["\\d", "SELECT id,", "name FROM bank ORDER BY id;", "SELECT nme FROM bank;", "^C", "\\d bank", "\\x", "\\q"];
    let args = [program, tieout.dir().to_str().unwrap()].into_iter().chain(lines);
    let shown = python::run(TYPE, args);
    for part in
        ["bank", "ledger", " 2  Bob", "(3 rows)", "error: there is no column `nme`", "there is no command `\\x`"]
    {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(shown.ends_with("exit 0"), "{shown}");
    let history = std::fs::read_to_string(tieout.path(".local/share/tieout/history")).unwrap();
    assert!(history.contains("name FROM bank ORDER BY id;"), "{history}");
}
