//! The report in Chromium: that it runs nothing and asks for nothing, can be sorted, filtered, read on a phone, and printed.

use serde_json::{Value, json};

use super::{csv, hostile, project, run};
use crate::support::browser::Browser;
use crate::support::tieout::Tieout;

const ROWS: usize = 40;

/// Forty divergences of three kinds over three runs, and a rule that is reconciled.
fn drifting(tieout: &Tieout) -> std::path::PathBuf {
    project(tieout, "orders: {source: s, target: t, key: id}\n  none: {source: s, target: s, key: id}");
    let rows = |of: &mut dyn Iterator<Item = (usize, String)>| {
        of.map(|(id, v)| format!("{id},{v}")).collect::<Vec<_>>().join("\n")
    };
    let source = rows(&mut (0..100).map(|id| (id, format!("v{id}"))));
    for broken in [10, 20, 30] {
        let target = rows(&mut (0..105).filter(|id| !(95..100).contains(id)).map(|id| {
            (
                id,
                match id < broken {
                    true => format!("v{}", 1000 - id),
                    false => format!("v{id}"),
                },
            )
        }));
        csv(tieout, &source, &target);
        run(tieout, 1);
    }
    tieout.run(["report", "-o", "r.html"]).exits(0);
    tieout.path("r.html")
}

/// The texts of a column of the rows that are shown, in their order.
fn column(browser: &mut Browser, at: usize) -> Vec<String> {
    let script = format!(
        "[...document.querySelectorAll('#rule-1 table.divergences tbody')].filter(b => !b.hidden)
            .map(b => b.rows[0].cells[{at}].textContent.trim())"
    );
    browser.ask(&script).as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

fn nothing_wrong(browser: &Browser) {
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    let foreign: Vec<&String> =
        browser.requests.iter().filter(|url| !url.starts_with("file://") && *url != "about:blank").collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(browser.requests.iter().filter(|url| url.starts_with("file://")).count(), 1, "{:?}", browser.requests);
}

#[test]
fn rows_are_sorted_and_filtered() {
    let tieout = Tieout::new();
    let path = drifting(&tieout);
    let mut browser = Browser::start();
    browser.open(&path);
    let ids = column(&mut browser, 0);
    assert_eq!(ids.len(), ROWS);
    let status = "document.querySelector('#rule-1 [role=status]').textContent";
    assert_eq!(browser.ask(status), format!("{ROWS} of {ROWS} rows shown"));

    // By number: 9 before 10; then the other way round; then as it was.
    let click = |name: &str| {
        format!(
            "[...document.querySelectorAll('#rule-1 th[data-sort] button')].find(b => b.textContent === '{name}').click()"
        )
    };
    let sorted = "document.querySelector('#rule-1 th[data-sort]').getAttribute('aria-sort')";
    let mut by_number: Vec<usize> = ids.iter().map(|id| id.parse().unwrap()).collect();
    by_number.sort_unstable();
    let numbers =
        |browser: &mut Browser| -> Vec<usize> { column(browser, 0).iter().map(|id| id.parse().unwrap()).collect() };
    assert_eq!(browser.ask(sorted), "none");
    browser.ask(&click("id"));
    assert_eq!((numbers(&mut browser), browser.ask(sorted)), (by_number.clone(), json!("ascending")));
    browser.ask(&click("id"));
    by_number.reverse();
    assert_eq!((numbers(&mut browser), browser.ask(sorted)), (by_number, json!("descending")));
    browser.ask(&click("id"));
    assert_eq!((column(&mut browser, 0), browser.ask(sorted)), (ids, json!("none")));
    browser.ask(&click("kind"));
    let kinds = column(&mut browser, 1);
    assert!(kinds.is_sorted() && kinds[0] == "missing_in_source", "{kinds:?}");
    assert_eq!(browser.ask(sorted), "none", "only one column is the sorted one");

    let set = |control: &str, value: &str| {
        format!(
            "{{ const c = document.querySelector('#rule-1 .controls .{control}'); c.value = '{value}'; c.dispatchEvent(new Event('input', {{bubbles: true}})); }}"
        )
    };
    browser.ask(&set("kind", "missing_in_target"));
    assert_eq!(column(&mut browser, 1), ["missing_in_target"; 5]);
    browser.ask(&set("kind", ""));
    browser.ask(&set("state", "persisting"));
    // 20 values that differ were there before, and all that is missing.
    assert_eq!(column(&mut browser, 0).len(), 30);
    browser.ask(&set("find", "V1000"));
    assert_eq!(column(&mut browser, 0), ["0"]);
    assert_eq!(browser.ask(status), format!("1 of {ROWS} rows shown"));
    browser.ask(&set("find", "no such row"));
    assert_eq!(column(&mut browser, 0).len(), 0);
    nothing_wrong(&browser);
}

#[test]
fn keys_alone_are_enough() {
    let tieout = Tieout::new();
    let path = drifting(&tieout);
    let mut browser = Browser::start();
    browser.open(&path);
    let focus = "(e => e === document.body ? 'body' : e.className || e.textContent.trim() || e.tagName)(document.activeElement)";
    let mut met: Vec<Value> = Vec::new();
    let mut seen_outline = true;
    for _ in 0..40 {
        browser.press("Tab");
        let at = browser.ask(focus);
        seen_outline &= browser.ask("getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement.tagName === 'SUMMARY'") == true;
        let done = at == "id";
        met.push(at);
        if done {
            break;
        }
    }
    assert_eq!(met[0], "skip", "{met:?}");
    for wanted in ["find", "kind", "state", "id"] {
        assert!(met.iter().any(|at| at == wanted), "{wanted} is not reached: {met:?}");
    }
    assert!(seen_outline, "{met:?}");
    browser.press("Enter");
    assert_eq!(browser.ask("document.activeElement.parentElement.getAttribute('aria-sort')"), "ascending");
    assert_eq!(column(&mut browser, 0)[..3], ["0", "1", "2"]);
    // What a screen reader goes by.
    let one =
        |browser: &mut Browser, selector: &str| browser.ask(&format!("document.querySelectorAll('{selector}').length"));
    for (selector, n) in [
        ("main", 1),
        ("body > header", 1),
        ("nav[aria-label]", 1),
        ("h1", 1),
        ("html[lang]", 1),
        ("section[aria-labelledby]", 2),
    ] {
        assert_eq!(one(&mut browser, selector), n, "{selector}");
    }
    let bare = "[...document.querySelectorAll('table')].filter(t => !t.caption || t.querySelector('th:not([scope])')).length
        + [...document.querySelectorAll('svg:not([aria-hidden]):not([aria-label])')].filter(s => !s.querySelector('title') || !s.querySelector('desc')).length
        + [...document.querySelectorAll('input, select')].filter(c => !c.closest('label')).length
        + [...document.querySelectorAll('[id]')].filter(e => document.querySelectorAll('#' + e.id).length > 1).length";
    assert_eq!(browser.ask(bare), 0);
    nothing_wrong(&browser);
}

#[test]
fn nothing_in_the_data_becomes_markup_or_runs() {
    let tieout = Tieout::new();
    let path = hostile(&tieout);
    let mut browser = Browser::start();
    browser.open(&path);
    for selector in [
        "img",
        "iframe",
        "b",
        "u",
        "svg[onload]",
        "[onclick]",
        "[onerror]",
        "[onmouseover]",
        "a:not([href^=\"#\"])",
        "style ~ style",
        "title ~ title",
    ] {
        assert_eq!(browser.ask(&format!("document.querySelectorAll('{selector}').length")), 0, "{selector}");
    }
    assert_eq!(browser.ask("document.scripts.length"), 1);
    assert_eq!(browser.ask("getComputedStyle(document.querySelector('main')).display"), "block");
    // It is there to be read, and what steers the eye is spelled out.
    let text = browser.ask("document.body.textContent");
    let text = text.as_str().unwrap();
    for shown in [
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(2)</script>",
        "{{ 7 * 7 }}",
        "&lt;b&gt;",
        "\\u{202e}gnp.exe",
        "\\u{1b}[31mred\\u{7}",
        "cut: 5,002 characters in all",
    ] {
        assert!(text.contains(shown), "{shown}");
    }
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{1b}', '\u{7}']));
    nothing_wrong(&browser);
    // Even if a script came in, it would not run.
    let forced = "{ const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);
        const d = document.createElement('div'); d.setAttribute('onclick', 'window.ran = true'); document.body.append(d); d.click(); typeof window.ran }";
    assert_eq!(browser.ask(forced), "undefined");
    let fetched = browser.ask("fetch('https://example.org/').then(() => 'fetched', () => 'refused')");
    assert_eq!(fetched, "refused");
    assert!(
        browser.complaints.iter().any(|complaint| complaint.contains("Content Security Policy")),
        "{:?}",
        browser.complaints
    );
}

#[test]
fn it_fits_a_phone_and_both_schemes() {
    let (tieout, odd) = (Tieout::new(), Tieout::new());
    let mut browser = Browser::start();
    for path in [drifting(&tieout), hostile(&odd)] {
        for width in [375, 768, 1280] {
            browser.width(width);
            browser.open(&path);
            let wide = browser.ask("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} at {width}");
        }
    }
    let ground = "getComputedStyle(document.body).backgroundColor";
    browser.dark(false);
    assert_eq!(browser.ask(ground), "rgb(255, 255, 255)");
    browser.dark(true);
    assert_eq!(browser.ask(ground), "rgb(21, 24, 28)");
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

#[test]
fn all_of_it_is_printed() {
    let tieout = Tieout::new();
    let path = drifting(&tieout);
    let mut browser = Browser::start();
    browser.open(&path);
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let hidden = "[...document.querySelectorAll('#rule-1 tbody tr')].filter(r => r.offsetHeight === 0 && !r.closest('details')).length";
    assert_eq!(browser.ask(hidden), 0);
    let cut = "[...document.querySelectorAll('.scroll')].filter(s => getComputedStyle(s).overflow !== 'visible' || getComputedStyle(s).maxHeight !== 'none').length";
    assert_eq!(browser.ask(cut), 0);
    // What is folded on the screen is not on paper.
    assert_eq!(browser.ask("[...document.querySelectorAll('details > :not(summary)')].filter(e => e.checkVisibility({contentVisibilityAuto: true}) === false).length"), 0);
    assert_eq!(browser.ask("getComputedStyle(document.querySelector('.controls')).display"), "none");
    let height = browser.ask("document.documentElement.scrollHeight").as_f64().unwrap();
    let bytes = decoded(&browser.print());
    assert!(bytes.starts_with(b"%PDF"));
    let text = String::from_utf8_lossy(&bytes);
    let pages = text.matches("/Type /Page\n").count();
    // A page of paper holds 1,100 pixels or so; were the tables cut, one or two pages would do.
    assert!(pages as f64 >= (height / 1400.0).floor() && pages > 1, "{pages} pages for {height} pixels");
}

fn decoded(base64: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = base64.bytes().filter(|letter| *letter != b'=').map(value).collect();
    let bytes = |four: &[u8]| {
        let bits = four.iter().fold(0u32, |bits, letter| bits << 6 | u32::from(*letter)) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    letters.chunks(4).flat_map(bytes).collect()
}
