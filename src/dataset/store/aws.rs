//! S3 and what speaks its protocol. Keys in the environment are used as they are and cost no request; otherwise AWS's
//! own SDK looks for them (profile, SSO, process, container, instance). Without any, requests go unsigned: public
//! buckets.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, resolve_bucket_region};
use object_store::{ClientOptions, CredentialProvider, ObjectStore};

use super::{client_options, redact, retries, unusable};
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn connect(bucket: &str, display: &str) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
    for (key, value) in client_options() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    if !is_signing_settled(&builder) {
        // The SDK's futures are large.
        builder = Box::pin(with_sdk(builder, display)).await?;
    }
    let endpoint = endpoint(&builder);
    if endpoint.as_deref().is_some_and(|url| url.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
        let region = match endpoint {
            // Servers of one's own seldom care; this is what their documentation says to give.
            Some(_) => "us-east-1".to_string(),
            None => region_of(bucket, display).await?,
        };
        builder = builder.with_region(region);
    }
    Ok(Arc::new(builder.build().map_err(|error| unusable(display, &error))?))
}

fn is_signing_settled(builder: &AmazonS3Builder) -> bool {
    let value = |key| builder.get_config_value(&key);
    let unsigned = value(AmazonS3ConfigKey::SkipSignature).is_some_and(|skip| skip.eq_ignore_ascii_case("true"));
    let keys = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey];
    unsigned || keys.into_iter().all(|key| value(key).is_some())
}

fn endpoint(builder: &AmazonS3Builder) -> Option<String> {
    let value = |key| builder.get_config_value(&key).filter(|url| !url.is_empty());
    value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint))
}

async fn with_sdk(mut builder: AmazonS3Builder, display: &str) -> Result<AmazonS3Builder> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = builder.get_config_value(&AmazonS3ConfigKey::Region) {
        // Otherwise the SDK asks the instance it may run on.
        loader = loader.region(Region::new(region));
    }
    let config = loader.load().await;
    if let Some(region) = config.region() {
        builder = builder.with_region(region.as_ref());
    }
    if let (None, Some(url)) = (endpoint(&builder), config.endpoint_url()) {
        builder = builder.with_endpoint(url);
    }
    let Some(provider) = config.credentials_provider() else { return Ok(builder.with_skip_signature(true)) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(builder.with_credentials(Arc::new(Sdk(provider)))),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Ok(builder.with_skip_signature(true)),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let why = redact::message(&format!("{error}{cause}"));
            Err(Error::new(ErrorKind::Permission, format!("{display}: AWS credentials cannot be had: {why}"))
                .hint("log in again (`aws sso login`), or check AWS_PROFILE"))
        }
    }
}

async fn region_of(bucket: &str, display: &str) -> Result<String> {
    let options = client_options()
        .into_iter()
        .fold(ClientOptions::new(), |options, (key, value)| options.with_config(key, value));
    resolve_bucket_region(bucket, &options).await.map_err(|error| {
        let why = redact::message(&error.to_string());
        let kind = if why.contains("not found") { ErrorKind::NotFound } else { ErrorKind::Data };
        Error::new(kind, format!("{display}: the bucket's region cannot be found: {why}"))
            .hint("check the bucket's name, and set AWS_REGION, or AWS_ENDPOINT_URL for another server")
    })
}

/// The SDK refreshes credentials; the store asks for them at each request.
#[derive(Debug)]
struct Sdk(SharedCredentialsProvider);

#[async_trait]
impl CredentialProvider for Sdk {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self
            .0
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_string(),
            secret_key: credentials.secret_access_key().to_string(),
            token: credentials.session_token().map(str::to_string),
        }))
    }
}
