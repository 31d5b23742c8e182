//! The cookie that holds a session's token. Over https its name has the prefix that keeps other hosts
//! and paths from setting it; over plain http, where browsers refuse that, it has a plain one.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::secret::Secret;

const OVER_HTTPS: &str = "__Host-retouch";
const OVER_HTTP: &str = "retouch";

/// The token that a request brings.
pub(super) fn token(headers: &HeaderMap, is_https: bool) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, token) = pairs.find(|(key, _)| key.trim() == name(is_https))?;
    Some(Secret::new(token.trim()))
}

/// Has the browser keep a token until it is closed.
pub(super) fn set(token: &Secret, is_https: bool) -> Option<HeaderValue> {
    line(token.expose(), is_https, "")
}

/// Has the browser forget it.
pub(super) fn clear(is_https: bool) -> Option<HeaderValue> {
    line("", is_https, "; Max-Age=0")
}

fn line(token: &str, is_https: bool, more: &str) -> Option<HeaderValue> {
    let secure = if is_https { "; Secure" } else { "" };
    let text =
        format!("{}={token}; Path=/{secure}; HttpOnly; SameSite=Strict{more}", name(is_https));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

const fn name(is_https: bool) -> &'static str {
    if is_https { OVER_HTTPS } else { OVER_HTTP }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_under_the_name_of_its_scheme_alone() {
        for (line, https, http) in [
            ("retouch=a", None, Some("a")),
            ("__Host-retouch=b", Some("b"), None),
            ("x=1; __Host-retouch=b; retouch=a", Some("b"), Some("a")),
            ("xretouch=a; retouch", None, None),
            ("", None, None),
        ] {
            let headers = HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())]);
            let found = |is_https| token(&headers, is_https).map(|found| found.expose().to_owned());
            assert_eq!((found(true).as_deref(), found(false).as_deref()), (https, http), "{line}");
        }
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let token = Secret::new("abc");
        let shown = |line: Option<HeaderValue>| line.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            shown(set(&token, true)),
            "__Host-retouch=abc; Path=/; Secure; HttpOnly; SameSite=Strict"
        );
        assert_eq!(shown(set(&token, false)), "retouch=abc; Path=/; HttpOnly; SameSite=Strict");
        assert!(shown(clear(true)).ends_with("; Max-Age=0"));
        assert!(!format!("{:?}", set(&token, true)).contains("abc"));
    }
}
