//! SHA-256 of large objects, read piece by piece.

use aws_lc_rs::digest::{Context, SHA256};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

/// Hash and size of an object.
pub async fn hash_of(store: &dyn ObjectStore, path: &Path) -> object_store::Result<(String, u64)> {
    let (mut context, mut bytes) = (Context::new(&SHA256), 0u64);
    let mut pieces = store.get(path).await?.into_stream();
    while let Some(piece) = pieces.try_next().await? {
        context.update(&piece);
        bytes += piece.len() as u64;
    }
    Ok((hex::encode(context.finish()), bytes))
}
