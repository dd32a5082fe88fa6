//! From a location to the object store behind it: a folder or file, `s3://`, `gs://`, `az://`, `abfss://`, `https://`.
//! Credentials are found as each cloud's own tools find them. What cannot be reached is an error within seconds.

mod aws;
mod http;

use std::fmt::{self, Display};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use url::Url;

use super::redact;
use crate::error::{Error, ErrorKind, Result};

/// Where a location leads.
#[derive(Clone)]
pub struct Located {
    pub store: Arc<dyn ObjectStore>,
    /// Below the store's root; for a folder, without a slash at its end.
    pub prefix: Path,
    /// The location without secrets.
    pub display: String,
    /// The folder or file, where the location is on this machine.
    pub local: Option<PathBuf>,
}

/// The store would show its keys.
impl fmt::Debug for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Located({})", self.display)
    }
}

impl Located {
    /// A folder below; its name is taken as it is.
    pub fn folder(&self, name: &str) -> Result<Self> {
        let display = format!("{}/{name}", self.display.trim_end_matches('/'));
        let whole = if self.prefix.as_ref().is_empty() { name.to_string() } else { format!("{}/{name}", self.prefix) };
        Ok(Self {
            store: Arc::clone(&self.store),
            prefix: parse_key(&whole, &display)?,
            local: self.local.as_ref().map(|local| local.join(name)),
            display,
        })
    }
}

/// A location, taken apart but not opened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Local(PathBuf),
    /// `key` is everything below the bucket, as written.
    Bucket {
        scheme: String,
        authority: String,
        key: String,
    },
    Http(Url),
}

/// Opens the store behind a location: used for outputs as well as for inputs. Nothing needs to exist there yet.
pub async fn locate(location: &str) -> Result<Located> {
    let display = redact::location(location);
    let place = parse(location)?;
    let (prefix, local) = match &place {
        Place::Local(path) => {
            let prefix = Path::from_absolute_path(path).map_err(|error| bad(&display, error))?;
            (prefix, Some(path.clone()))
        }
        Place::Bucket { key, .. } => (parse_key(key, &display)?, None),
        Place::Http(url) => (Path::from_url_path(url.path()).map_err(|error| bad(&display, error))?, None),
    };
    let store = match &place {
        Place::Local(_) => Arc::new(LocalFileSystem::new()) as Arc<dyn ObjectStore>,
        remote => connect(remote, &display).await?,
    };
    Ok(Located { store, prefix, display, local })
}

/// Without a scheme it is a path of this machine; relative ones start at the working directory.
pub(super) fn parse(location: &str) -> Result<Place> {
    let Some((scheme, rest)) = location.split_once("://") else {
        let path = std::path::absolute(FsPath::new(location)).map_err(|error| bad(location, error))?;
        return Ok(Place::Local(path));
    };
    let display = redact::location(location);
    match scheme.to_ascii_lowercase().as_str() {
        "file" => {
            let url = Url::parse(location).map_err(|error| bad(&display, error))?;
            url.to_file_path().map(Place::Local).map_err(|()| bad(&display, "it names no path of this machine"))
        }
        "http" | "https" => Url::parse(location).map(Place::Http).map_err(|error| bad(&display, error)),
        scheme @ ("s3" | "s3a" | "gs" | "gcs" | "az" | "azure" | "abfs" | "abfss") => {
            let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
            if authority.is_empty() {
                return Err(bad(&display, "the bucket's name is missing"));
            }
            Ok(Place::Bucket { scheme: scheme.into(), authority: authority.into(), key: key.into() })
        }
        other => Err(Error::new(ErrorKind::Config, format!("{display}: locations of kind {other:?} are not known"))
            .hint("use a path, or a URL with s3://, gs://, az://, abfss:// or https://")),
    }
}

/// A key as written: nothing in it is an escape.
pub(super) fn parse_key(key: &str, display: &str) -> Result<Path> {
    Path::parse(key).map_err(|error| bad(display, error))
}

fn bad(location: &str, why: impl Display) -> Error {
    Error::new(ErrorKind::Config, format!("{location} cannot be used as a location: {why}"))
}

/// The store of a place that is not on this machine.
pub(super) async fn connect(place: &Place, display: &str) -> Result<Arc<dyn ObjectStore>> {
    match place {
        Place::Local(_) => Ok(Arc::new(LocalFileSystem::new())),
        Place::Http(url) => http::connect(url, display),
        Place::Bucket { scheme, authority, .. } => {
            // Keys do not belong into a location; whoever put them there must not find them in a bucket's name.
            let azure = scheme.starts_with("abfs");
            if authority.contains('@') && !azure {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("{display}: credentials do not belong into the location"),
                )
                .hint("set them in the environment, as the cloud's own tools read them"));
            }
            match scheme.as_str() {
                "s3" | "s3a" => aws::connect(authority, display).await,
                "gs" | "gcs" => google(authority, display),
                _ => azure_store(scheme, authority, display),
            }
        }
    }
}

fn google(bucket: &str, display: &str) -> Result<Arc<dyn ObjectStore>> {
    let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
    let builder = client_options()
        .into_iter()
        .fold(builder, |builder, (key, value)| builder.with_config(GoogleConfigKey::Client(key), value));
    Ok(Arc::new(builder.build().map_err(|error| unusable(display, &error))?))
}

/// `az://container/key` takes the account from the environment, `abfss://container@account.../key` names it.
fn azure_store(scheme: &str, authority: &str, display: &str) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_retry(retries());
    builder = if scheme.starts_with("abfs") {
        builder.with_url(format!("{scheme}://{authority}/"))
    } else {
        builder.with_container_name(authority)
    };
    for (key, value) in client_options() {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    if !azure_credentials_in_environment() && on_path("az") {
        builder = builder.with_use_azure_cli(true);
    }
    Ok(Arc::new(builder.build().map_err(|error| unusable(display, &error))?))
}

fn azure_credentials_in_environment() -> bool {
    let given = ["KEY", "ACCESS_KEY", "SAS_TOKEN", "SAS_KEY", "TOKEN", "CLIENT_ID", "USE_EMULATOR", "USE_AZURE_CLI"];
    let named = |name: &str| given.iter().any(|part| name.ends_with(part)) || name.ends_with("SKIP_SIGNATURE");
    std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("AZURE_") && named(name)))
}

fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn unusable(display: &str, error: &object_store::Error) -> Error {
    let why = redact::message(&error.to_string());
    Error::new(ErrorKind::Config, format!("{display} cannot be opened: {why}"))
        .hint("check the variables of the environment that hold the credentials")
}

/// A wrong host or a wrong name must be an error in seconds.
fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(10) }
}

/// Requests are short (large objects are read in pieces), so that a stalled one can be given up.
fn client_options() -> [(ClientConfigKey, &'static str); 2] {
    [(ClientConfigKey::ConnectTimeout, "5 seconds"), (ClientConfigKey::Timeout, "60 seconds")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_as_written() {
        let place = parse("s3://lake/a b%20c#d?e=1/ü.csv").unwrap();
        let Place::Bucket { authority, key, .. } = place else { panic!("{place:?}") };
        assert_eq!((authority.as_str(), key.as_str()), ("lake", "a b%20c#d?e=1/ü.csv"));
        assert_eq!(parse_key(&key, "").unwrap().as_ref(), "a b%20c#d?e=1/ü.csv");
    }

    #[test]
    fn file_urls_are_paths() {
        assert_eq!(parse("file:///data/a%20b.csv").unwrap(), Place::Local("/data/a b.csv".into()));
    }

    #[test]
    fn unknown_schemes_are_refused_without_their_secrets() {
        let error = parse("ftp://me:secret@host/a").unwrap_err();
        assert_eq!(error.message(), "ftp://host/a: locations of kind \"ftp\" are not known");
        assert!(parse("s3:///key").is_err());
    }

    #[tokio::test]
    async fn credentials_in_a_bucket_url_are_refused() {
        let error = locate("s3://key:secret@bucket/a").await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn a_local_location_keeps_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out ü#%");
        let located = locate(path.to_str().unwrap()).await.unwrap();
        assert_eq!(located.local.as_deref(), Some(path.as_path()));
    }
}
