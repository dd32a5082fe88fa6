//! Where a MySQL database is and how it is connected to: a URL, with `ssl-mode` and `ssl-ca` as the `mysql` client has them.

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};
use url::{Host, Url};

use crate::dataset::database::tls;
use crate::dataset::{percent, redact};
use crate::error::{Error, ErrorKind, Result};

const MODES: [&str; 5] = ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"];
const PORT: u16 = 3306;
/// The longest row that the protocol has.
const LONGEST_PACKET: usize = 1 << 30;

/// Whether a connection is encrypted, and what is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disabled,
    /// Where the server can.
    Preferred,
    Required,
    /// A certificate of a known authority.
    Authority,
    /// And of the host that was named.
    Identity,
}

/// A server, with what it takes to connect.
#[derive(Clone)]
pub(super) struct Target {
    pub opts: Opts,
    /// Without TLS, for a server that does not offer it.
    pub plain: Option<Opts>,
    /// host:port/database, for messages.
    pub shown: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.shown)
    }
}

impl Target {
    /// A password that is not in the URL comes from `MYSQL_PWD`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let shown = redact::location(text);
        let wrong = |what: String| {
            Error::new(ErrorKind::Config, format!("the URL {shown} cannot be used: {what}"))
                .hint("write mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY")
        };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        let decoded = |text: &str, what: &str| {
            String::from_utf8(percent::decode(text)).map_err(|_| wrong(format!("{what} is not UTF-8")))
        };
        let (mut mode, mut root) = (None, None);
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "ssl-mode" => mode = Some(mode_of(&value).ok_or_else(|| wrong(unknown_mode(&value)))?),
                "ssl-ca" => root = Some(PathBuf::from(value.as_ref())),
                other => return Err(wrong(format!("it has no parameter `{other}`, only ssl-mode and ssl-ca"))),
            }
        }
        // As the client: a file of authorities alone asks for one of them. One that nobody looks at is a mistake.
        let mode = match (mode, &root) {
            (None, None) => Mode::Preferred,
            (None, Some(_)) => Mode::Authority,
            (Some(mode @ (Mode::Authority | Mode::Identity)), _) | (Some(mode), None) => mode,
            (Some(_), Some(_)) => {
                return Err(wrong("ssl-ca is looked at with ssl-mode=VERIFY_CA or VERIFY_IDENTITY only".into()));
            }
        };
        let host = match url.host() {
            Some(Host::Domain(host)) => decoded(host, "the host")?,
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => "localhost".to_string(),
        };
        let user = match url.username() {
            "" => std::env::var("USER").map_err(|_| wrong("it names no user".into()))?,
            user => decoded(user, "the user")?,
        };
        let password = match url.password() {
            Some(password) => Some(decoded(password, "the password")?),
            None => std::env::var("MYSQL_PWD").ok(),
        };
        let database = decoded(url.path().trim_matches('/'), "the database")?;
        let plain = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(url.port().unwrap_or(PORT))
            .user(Some(user))
            .pass(password)
            .db_name(Some(database))
            // What the server calls its socket need not be on this machine.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            // Both would be asked for.
            .max_allowed_packet(Some(LONGEST_PACKET))
            .wait_timeout(Some(0))
            .connect_attribute("program_name", "tieout");
        let secured = || Ok::<_, Error>(Opts::from(plain.clone().ssl_opts(Some(ssl(mode, root.as_deref())?))));
        let (opts, plain) = match mode {
            Mode::Disabled => (plain.into(), None),
            Mode::Preferred => (secured()?, Some(plain.into())),
            Mode::Required | Mode::Authority | Mode::Identity => (secured()?, None),
        };
        Ok(Self { opts, plain, shown })
    }

    /// For who changes rows: those that are found count, though they may have been what they were to become.
    pub(super) fn counting_found_rows(self) -> Self {
        let counting = |opts: Opts| OptsBuilder::from_opts(opts).client_found_rows(true).into();
        Self { opts: counting(self.opts), plain: self.plain.map(counting), shown: self.shown }
    }
}

fn mode_of(text: &str) -> Option<Mode> {
    match text.to_ascii_uppercase().as_str() {
        "DISABLED" => Some(Mode::Disabled),
        "PREFERRED" => Some(Mode::Preferred),
        "REQUIRED" => Some(Mode::Required),
        "VERIFY_CA" => Some(Mode::Authority),
        "VERIFY_IDENTITY" => Some(Mode::Identity),
        _ => None,
    }
}

fn unknown_mode(text: &str) -> String {
    format!("ssl-mode `{text}` is none of {}", MODES.join(", "))
}

fn ssl(mode: Mode, root: Option<&std::path::Path>) -> Result<SslOpts> {
    tls::choose_provider();
    let options = SslOpts::default();
    match mode {
        Mode::Disabled | Mode::Preferred | Mode::Required => {
            // The driver wants authorities though it does not ask them: it has some built in.
            Ok(options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true))
        }
        Mode::Authority | Mode::Identity => {
            let trusted = tls::certificates(root, "ssl-ca")?;
            let trusted = trusted.into_iter().map(|certificate| certificate.to_vec().into()).collect();
            let options = options.with_root_certs(trusted).with_disable_built_in_roots(true);
            Ok(match mode {
                Mode::Identity => options,
                // The authority is asked before the name is looked at. The driver means to pass over a name that does not
                // fit, and knows such an error by the word `NotValidForName` in its text, which tells the name that was
                // asked for, but not the word any more: so that is the name to ask for.
                _ => options
                    .with_danger_skip_domain_validation(true)
                    .with_danger_tls_hostname_override(Some("NotValidForName")),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(parameters: &str) -> Result<Target> {
        Target::parse(&format!("mysql://u:p@h/d{parameters}"))
    }

    #[rstest]
    #[case("?ssl-mode=DISABLED", false, false)]
    #[case("", true, true)]
    #[case("?ssl-mode=preferred", true, true)]
    #[case("?ssl-mode=Required", true, false)]
    fn modes_are_those_of_the_client(#[case] parameters: &str, #[case] encrypted: bool, #[case] falls_back: bool) {
        let target = parsed(parameters).unwrap();
        assert_eq!((target.opts.ssl_opts().is_some(), target.plain.is_some()), (encrypted, falls_back));
    }

    #[rstest]
    #[case("?ssl-mode=on", "ssl-mode `on` is none of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY")]
    #[case("?ssl-ca=/x.pem&ssl-mode=required", "ssl-ca is looked at with ssl-mode=VERIFY_CA or VERIFY_IDENTITY only")]
    #[case("?sslmode=require", "it has no parameter `sslmode`, only ssl-mode and ssl-ca")]
    fn parameters_that_are_none(#[case] parameters: &str, #[case] what: &str) {
        let error = parsed(parameters).unwrap_err();
        assert_eq!(error.message(), format!("the URL mysql://h/d{parameters} cannot be used: {what}"));
    }

    #[test]
    fn a_file_of_authorities_has_to_be_there() {
        let error = parsed("?ssl-ca=/nowhere.pem").unwrap_err();
        assert!(error.to_string().starts_with("the certificates in /nowhere.pem cannot be read"), "{error}");
    }

    #[test]
    fn parts_of_a_url() {
        let opts = Target::parse("mariadb://m%40e:p%2Fw@[::1]:3307/my%20db").unwrap().opts;
        assert_eq!((opts.ip_or_hostname(), opts.tcp_port()), ("::1", 3307));
        assert_eq!((opts.user(), opts.pass(), opts.db_name()), (Some("m@e"), Some("p/w"), Some("my db")));
        assert_eq!(parsed("").unwrap().opts.tcp_port(), 3306);
    }

    #[test]
    fn secrets_are_not_shown() {
        let target = Target::parse("mysql://u:secret@h:3307/d").unwrap();
        assert_eq!(format!("{target:?}"), "Target(mysql://h:3307/d)");
        assert!(!Target::parse("mysql://u:secret@h/d?nonsense=1").unwrap_err().to_string().contains("secret"));
    }
}
