//! Where a PostgreSQL database is and how it is connected to: a URL as libpq reads it.

use std::path::PathBuf;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::dataset::database::tls::{self, Trust};
use crate::dataset::{percent, redact};
use crate::error::{Error, ErrorKind, Result};

/// A server, with what it takes to connect.
#[derive(Clone)]
pub(super) struct Target {
    pub config: Config,
    pub tls: MakeRustlsConnect,
    /// host:port/database, for messages.
    pub shown: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.shown)
    }
}

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

impl Target {
    /// `sslmode` and `sslrootcert` mean what they mean to libpq; a password that is not in the URL comes from `PGPASSWORD`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // Parameters may hold a password too.
        let shown = redact::location(text.split(['?', '#']).next().unwrap_or_default());
        let wrong = |what: String| {
            Error::new(ErrorKind::Config, format!("the URL {shown} cannot be used: {what}"))
                .hint("write postgres://user:password@host:5432/database?sslmode=verify-full")
        };
        let mut url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        let (mut mode, mut root, mut kept) = ("prefer".to_string(), None, Vec::new());
        for written in url.query().unwrap_or_default().split('&').filter(|written| !written.is_empty()) {
            let (name, value) = written.split_once('=').unwrap_or((written, ""));
            let value = String::from_utf8_lossy(&percent::decode(value)).into_owned();
            match name {
                "sslmode" => mode = value,
                "sslrootcert" => root = Some(PathBuf::from(value)),
                "sslcert" | "sslkey" => {
                    return Err(wrong(format!("`{name}` (a client's certificate) is not supported")));
                }
                _ => kept.push(written),
            }
        }
        // As libpq: `require` with a root certificate checks it.
        let (ssl, trust) = match (mode.as_str(), &root) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("allow" | "prefer", _) => (SslMode::Prefer, Trust::Anyone),
            ("require", None) => (SslMode::Require, Trust::Anyone),
            ("require" | "verify-ca", _) => (SslMode::Require, Trust::Authority),
            ("verify-full", _) => (SslMode::Require, Trust::Host),
            (other, _) => return Err(wrong(format!("sslmode `{other}` is none of {}", MODES.join(", ")))),
        };
        let kept = (!kept.is_empty()).then(|| kept.join("&"));
        url.set_query(kept.as_deref());
        let mut config: Config = url.as_str().parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            wrong(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_user().is_none() {
            let user = std::env::var("PGUSER").or_else(|_| std::env::var("USER"));
            config.user(user.map_err(|_| wrong("it names no user".into()))?);
        }
        config.ssl_mode(ssl).application_name("tieout");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        config
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        let tls: ClientConfig = tls::config(trust, root.as_deref())?;
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), shown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_libpq() {
        let mode = |text: &str| Target::parse(text).map(|target| target.config.get_ssl_mode());
        assert_eq!(mode("postgres://u:p@h/d").unwrap(), SslMode::Prefer);
        assert_eq!(mode("postgres://u:p@h/d?sslmode=require").unwrap(), SslMode::Require);
        assert_eq!(mode("postgres://u:p@h/d?sslmode=disable").unwrap(), SslMode::Disable);
        let error = mode("postgres://u:p@h/d?sslmode=on").unwrap_err();
        assert_eq!(
            error.message(),
            "the URL postgres://h/d cannot be used: sslmode `on` is none of disable, allow, prefer, require, verify-ca, verify-full"
        );
        let error = mode("postgres://u:secret@h/d?sslrootcert=/nowhere.pem&sslmode=verify-ca").unwrap_err();
        assert!(error.to_string().starts_with("the certificates in /nowhere.pem cannot be read"), "{error}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let target = Target::parse("postgres://u:secret@h:5433/d").unwrap();
        assert_eq!(format!("{target:?}"), "Target(postgres://h:5433/d)");
        assert!(!Target::parse("postgres://u:secret@h/d?nonsense=1").unwrap_err().to_string().contains("secret"));
    }
}
