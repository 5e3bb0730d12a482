//! Secrets that must be read again, such as vendors' keys: encrypted with a key that only this server has.
//!
//! XChaCha20-Poly1305 under a key that HKDF-SHA-256 (RFC 5869) derives from the server's secret key. A sealed text is
//! `1.` and, in URL-safe base64, 24 random bytes and the ciphertext. It is bound to its place: moved to another row, or to
//! another address, it opens no more.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;

use super::{
    error::{Error, Result},
    secret::Secrets,
};

/// What the derived key is for; another purpose has another key.
const PURPOSE: &[u8] = b"yanit: secrets at rest, 1";
/// The first part of what is sealed in this way.
const VERSION: &str = "1.";
/// Bytes of a nonce: long enough to be drawn at random.
const NONCE: usize = 24;

/// The text cannot be read: the server's secret key is another one, or it was sealed for another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Secrets {
    /// Encrypts a text for a place.
    pub fn seal(&self, text: &str, place: &str) -> Result<String> {
        let nonce = rand::rng().random::<[u8; NONCE]>();
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher()?.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::internal("a secret could not be encrypted"))?;
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// Decrypts what was sealed for this place.
    pub fn open(&self, sealed: &str, place: &str) -> Result<String, Unreadable> {
        let bytes =
            sealed.strip_prefix(VERSION).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(Unreadable)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(Unreadable)?;
        let cipher = self.cipher().map_err(|_| Unreadable)?;
        let text = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place.as_bytes() });
        String::from_utf8(text.map_err(|_| Unreadable)?).map_err(|_| Unreadable)
    }

    fn cipher(&self) -> Result<XChaCha20Poly1305> {
        Ok(XChaCha20Poly1305::new(&self.derive(&[PURPOSE])?.into()))
    }

    /// 32 bytes that the same parts always give, and that nobody can work out without the server's key (HKDF, RFC 5869).
    pub fn derive(&self, parts: &[&[u8]]) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, &self.signing_key).expand_multi_info(parts, &mut bytes);
        derived.map_err(|_| Error::internal("a key could not be derived"))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(key: &str) -> Secrets {
        Secrets { signing_key: key.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let own = secrets("0123456789abcdef0123456789abcdef");
        let sealed = own.seal("sk-ğ", "asst_1 OPENAI").unwrap();
        assert!(!sealed.contains("sk-"));
        assert_eq!(own.open(&sealed, "asst_1 OPENAI").as_deref(), Ok("sk-ğ"));
        assert_eq!(own.open(&sealed, "asst_2 OPENAI"), Err(Unreadable));
        assert_eq!(secrets("fedcba9876543210fedcba9876543210").open(&sealed, "asst_1 OPENAI"), Err(Unreadable));
        assert_ne!(own.seal("sk-ğ", "asst_1 OPENAI").unwrap(), sealed, "equal secrets do not look equal");
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let own = secrets("0123456789abcdef0123456789abcdef");
        let sealed = own.seal("sk-1", "place").unwrap();
        for at in VERSION.len()..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(own.open(&String::from_utf8(changed).unwrap(), "place"), Err(Unreadable));
        }
        for broken in ["", "1.", "2.AAAA", "1.AAAA", "sk-1"] {
            assert_eq!(own.open(broken, "place"), Err(Unreadable));
        }
    }
}
