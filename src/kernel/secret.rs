//! Keys, tokens and their hashes. Nothing here is ever printed.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Error, Result};

/// The server's own keys.
#[derive(Clone)]
pub struct Secrets {
    /// Signs access and visitor tokens (HMAC SHA-256); at least 32 bytes.
    pub signing_key: Vec<u8>,
}

impl Secrets {
    /// A token like those of [`token`] that the same parts always give on this server, and that nobody else can work
    /// out.
    ///
    /// # Errors
    /// When it cannot be computed.
    pub fn derived(&self, parts: &[&[u8]]) -> Result<String> {
        let key = EncodingKey::from_secret(&self.signing_key);
        jsonwebtoken::crypto::sign(&hash(parts), &key, Algorithm::HS256).map_err(Error::internal)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// A new random token: 32 bytes from the system's generator, as 43 URL-safe characters.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

/// A new random password that people can type: 20 characters without look-alikes, about 115 bits.
pub fn password() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut rng = rand::rng();
    (0..20).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

/// SHA-256: what is stored of a random token. (Passwords use argon2id instead; tokens are long and random.)
pub fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length first, so that ("ab", "c") and ("a", "bc") differ.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// An id that the same parts always give: what is made twice for one client id meets its own primary key.
pub fn id(parts: &[&[u8]]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(parts)[..16]);
    // UUID version 8 (RFC 9562): made by the application.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
