//! Takes secrets out of locations and of other people's error messages: user info (`user:pass@`) and the values of a
//! query (`?sig=...`), which is where signed URLs carry them.

/// A location as it may be shown. A path that is no URL stays as it is.
pub(super) fn location(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_string() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // In `abfss://container@account...` the part before `@` is the container; a password still goes.
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if scheme.starts_with("abfs") && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => host.to_string(),
        None => authority.to_string(),
    };
    let tail = if scheme.starts_with("http") { without_query(tail) } else { tail.to_string() };
    format!("{scheme}://{authority}{tail}")
}

fn without_query(tail: &str) -> String {
    let tail = tail.split('#').next().unwrap_or(tail);
    match tail.split_once('?') {
        None => tail.to_string(),
        Some((path, query)) => {
            let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or("")).collect();
            let shown: Vec<String> = names.iter().map(|name| format!("{name}=...")).collect();
            format!("{path}?{}", shown.join("&"))
        }
    }
}

/// A message that may quote URLs, each of them shown without secrets.
pub(super) fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("http://").into_iter().chain(rest.find("https://")).min() {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| c.is_whitespace() || "\"'<>()`".contains(c)).unwrap_or(from.len());
        out.push_str(before);
        out.push_str(&location(&from[..end]));
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_and_query_values_go() {
        assert_eq!(location("https://u:p@h.org/a.csv?sig=secret&x=1"), "https://h.org/a.csv?sig=...&x=...");
        assert_eq!(location("https://h/a?token"), "https://h/a?token=...");
        assert_eq!(location("s3://key:secret@bucket/a?b#c"), "s3://bucket/a?b#c");
        assert_eq!(location("abfss://c@acc.dfs.core.windows.net/a"), "abfss://c@acc.dfs.core.windows.net/a");
        assert_eq!(location("abfss://c:pw@acc/a"), "abfss://acc/a");
        assert_eq!(location("/data/a?b=c@d"), "/data/a?b=c@d");
    }

    #[test]
    fn urls_inside_messages_are_shown_without_secrets() {
        let text = "error sending request for url (https://u:p@h/a?sig=s3cr3t): connect; http://x@y/z";
        let shown = message(text);
        assert_eq!(shown, "error sending request for url (https://h/a?sig=...): connect; http://y/z");
    }
}
