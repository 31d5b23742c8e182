//! The operator's proof, for one run of a command: the admin token; else the password, with which the
//! command signs in and, at its end, out again. It is sent over https or to this machine alone.

use std::time::Duration;

use reqwest::{Method, header, header::HeaderValue};
use serde::Deserialize;
use serde_json::json;
use url::{Host, Url};

use super::{ANSWER, Client};
use crate::cli::{env, job::Ours, stop::Stop};

const SESSION: &str = "admin/api/session";

/// Whom the server takes us for.
#[derive(Debug, Deserialize)]
struct Who {
    mode: String,
    operator: Option<String>,
    password: bool,
}

impl Ours for Who {
    fn is_ours(&self) -> bool {
        !self.mode.is_empty()
    }
}

impl Client {
    /// Another client of the same server, with what the environment has to prove that this is the
    /// operator.
    pub(in crate::cli) async fn operator(&self) -> Result<Self, Stop> {
        let token = env::admin_token();
        let password = env::admin_password().filter(|_| token.is_none());
        let client = self.with(token.or_else(|| self.key.clone()), None);
        match password {
            Some(password) if client.must_sign_in().await? => client.signed_in(&password).await,
            Some(_) | None => Ok(client),
        }
    }

    /// Ends the session, if there is one. A server that is gone has ended it too.
    pub(in crate::cli) async fn leave(self) {
        if self.session.is_some()
            && let Ok(request) = self.request(Method::DELETE, SESSION, &[])
        {
            drop(request.timeout(ANSWER).send().await);
        }
    }

    fn with(&self, key: Option<String>, session: Option<HeaderValue>) -> Self {
        Self { http: self.http.clone(), base: self.base.clone(), key, session, out: self.out }
    }

    async fn must_sign_in(&self) -> Result<bool, Stop> {
        let who = self.get::<Who>(SESSION, &[], Duration::ZERO).await?.value;
        Ok(who.operator.is_none() && who.password)
    }

    async fn signed_in(&self, password: &str) -> Result<Self, Stop> {
        if !is_private(&self.base) {
            let text = self.out.words.say("client.in_clear", &[("server", &self.server())]);
            return Err(Stop::Failed(text));
        }
        let body = json!({ "password": password }).to_string();
        let request = self.request(Method::POST, SESSION, &[])?.timeout(ANSWER);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let answer = self.send(request).await?;
        let cookie = answer.headers().get(header::SET_COOKIE).and_then(kept);
        cookie.map(|cookie| self.with(None, Some(cookie))).ok_or_else(|| self.no_gateway())
    }
}

/// Whether nobody on the way can read what is sent there.
fn is_private(server: &Url) -> bool {
    let is_near = match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    is_near || server.scheme() == "https"
}

/// What a browser would send back: the cookie without what is said of it.
fn kept(line: &HeaderValue) -> Option<HeaderValue> {
    let pair = line.to_str().ok()?.split(';').next()?.trim();
    let mut cookie = HeaderValue::from_str(pair).ok().filter(|_| pair.contains('='))?;
    cookie.set_sensitive(true);
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_this_machine_or_over_https() {
        for (server, private) in [
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000", true),
            ("http://localhost:8000", true),
            ("https://edit.example", true),
            ("http://edit.example", false),
            ("http://192.0.2.7:8000", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_private(&Url::parse(server).unwrap()), private, "{server}");
        }
    }

    #[test]
    fn of_a_cookie_only_its_name_and_value_go_back() {
        for (line, want) in [
            ("retouch=abc; Path=/; HttpOnly; SameSite=Strict", Some("retouch=abc")),
            ("__Host-retouch=a-_c", Some("__Host-retouch=a-_c")),
            ("nothing", None),
            ("", None),
        ] {
            let cookie = kept(&HeaderValue::from_static(line));
            assert_eq!(cookie.as_ref().map(|c| c.to_str().unwrap()), want, "{line}");
        }
    }
}
