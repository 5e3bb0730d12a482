//! Origins: from which pages a site's widget may talk to this server.

use crate::kernel::{Error, ErrorReason, Result, ctx::Request, entries};

/// Most origins of a site.
const MOST: usize = 50;
const LONGEST: usize = 255;

/// Checks and normalises a site's list: lower case, no default port, no slash at the end, no doubles.
///
/// # Errors
/// `BAD_USER_INPUT` with what is wrong.
pub(super) fn check_all(origins: &[String]) -> Result<Vec<String>> {
    const FIELD: &str = "input.allowedOrigins";
    if origins.len() > MOST {
        let message = format!("A site has at most {MOST} allowed origins; use `https://*.example.com` for subdomains.");
        return Err(Error::bad_input(FIELD, ErrorReason::TooLong, message));
    }
    let mut checked = Vec::with_capacity(origins.len());
    entries(FIELD, origins, |origin| {
        let Some(parsed) = Origin::parse(origin.trim(), true) else {
            let message = "An origin looks like `https://shop.example.com`, `https://*.example.com` or \
                           `http://localhost:3000`: a scheme, a host in ASCII, perhaps a port, and no path.";
            return Err(Error::bad_input(FIELD, ErrorReason::InvalidFormat, message));
        };
        let text = parsed.text();
        if !checked.contains(&text) {
            checked.push(text);
        }
        Ok(())
    })?;
    Ok(checked)
}

/// True when the list names the origin. A wildcard stands for one or more labels, not for none.
pub(super) fn allows(list: &[String], origin: &str) -> bool {
    Origin::parse(origin, false).is_some_and(|origin| {
        list.iter().filter_map(|allowed| Origin::parse(allowed, true)).any(|allowed| allowed.covers(&origin))
    })
}

/// True when the page was served by this server itself, like the widget's frame: the host the request was sent to, or
/// the public address.
pub(super) fn is_own(request: &Request, public_url: Option<&str>, origin: &str) -> bool {
    let Some(origin) = Origin::parse(origin, false) else { return false };
    let same_host = request.host.as_deref().is_some_and(|host| {
        // The request's own scheme is unknown behind a proxy, so it is taken from the origin.
        Origin::parse(&format!("{}://{host}", origin.scheme), false).is_some_and(|own| own == origin)
    });
    same_host || public_url.and_then(Origin::of_url).is_some_and(|own| own == origin)
}

/// A scheme, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    /// Without the `*.` of a wildcard.
    host: String,
    port: Option<u16>,
    wildcard: bool,
}

impl Origin {
    fn parse(text: &str, wildcards: bool) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (scheme, rest, default) = if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest, 443)
        } else {
            ("http", text.strip_prefix("http://")?, 80)
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address has colons of its own, within brackets.
        let (host, port) = match rest.rfind(':').filter(|colon| rest.rfind(']').is_none_or(|end| end < *colon)) {
            Some(colon) => (&rest[..colon], Some(port(&rest[colon + 1..])?)),
            None => (rest, None),
        };
        let (host, wildcard) = match host.strip_prefix("*.") {
            // `*.com` would be everybody.
            Some(parent) if wildcards && parent.contains('.') => (parent, true),
            Some(_) => return None,
            None => (host, false),
        };
        let fine = text.len() <= LONGEST && if host.starts_with('[') { is_ipv6(host) } else { is_name(host) };
        let port = port.filter(|port| *port != default);
        fine.then(|| Self { scheme, host: host.to_owned(), port, wildcard })
    }

    /// The origin of a whole address.
    fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Self::parse(&format!("{scheme}://{authority}"), false)
    }

    fn covers(&self, other: &Self) -> bool {
        let host = if self.wildcard {
            other.host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            other.host == self.host
        };
        host && other.scheme == self.scheme && other.port == self.port
    }

    fn text(&self) -> String {
        let star = if self.wildcard { "*." } else { "" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{star}{}{port}", self.scheme, self.host)
    }
}

fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

fn is_name(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    })
}

fn is_ipv6(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(origins: &[&str]) -> Result<Vec<String>> {
        check_all(&origins.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn origins_are_normalised() {
        let given = [
            "HTTPS://Shop.Example.com/",
            "https://shop.example.com:443",
            "http://localhost:3000",
            " https://*.Example.com:8443 ",
            "http://127.0.0.1:80",
            "http://[::1]:5173",
        ];
        let expected = [
            "https://shop.example.com",
            "http://localhost:3000",
            "https://*.example.com:8443",
            "http://127.0.0.1",
            "http://[::1]:5173",
        ];
        assert_eq!(checked(&given).unwrap(), expected);
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for bad in [
            "",
            "*",
            "null",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://example.com/path",
            "https://example.com?q",
            "https://example.com#x",
            "https://user@example.com",
            "https://*.com",
            "https://*",
            "https://a.*.example.com",
            "https://*example.com",
            "https://bücher.example",
            "https://example..com",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:99999",
            "https://example.com:+80",
            "https://[::1",
            "https://[zz]",
            "https://exa mple.com",
        ] {
            assert!(checked(&[bad]).is_err(), "{bad}");
        }
        assert!(check_all(&vec!["https://example.com".to_owned(); 51]).is_err());
    }

    #[test]
    fn a_wildcard_stands_for_subdomains_of_that_scheme_and_port_only() {
        let list = checked(&["https://*.example.com", "http://localhost:3000"]).unwrap();
        for yes in
            ["https://a.example.com", "https://a.b.EXAMPLE.com", "https://a.example.com:443", "http://localhost:3000"]
        {
            assert!(allows(&list, yes), "{yes}");
        }
        for no in [
            "https://example.com",
            "https://evilexample.com",
            "https://.example.com",
            "https://a.example.com.evil.test",
            "http://a.example.com",
            "https://a.example.com:8443",
            "http://localhost",
            "null",
            "https://*.example.com",
        ] {
            assert!(!allows(&list, no), "{no}");
        }
    }

    #[test]
    fn the_servers_own_pages_are_known_by_host_or_public_address() {
        let request = Request { host: Some("chat.example.com:4000".into()), ..Request::default() };
        assert!(is_own(&request, None, "http://chat.example.com:4000"));
        assert!(!is_own(&request, None, "http://chat.example.com"));
        assert!(is_own(&request, Some("https://help.example.com/yanit"), "https://help.example.com"));
        assert!(!is_own(&request, Some("https://help.example.com"), "http://help.example.com"));
        let behind_proxy = Request { host: Some("chat.example.com".into()), ..Request::default() };
        assert!(is_own(&behind_proxy, None, "https://chat.example.com"));
        assert!(!is_own(&Request::default(), None, "https://chat.example.com"));
        assert!(!is_own(&request, None, "null"));
    }
}
