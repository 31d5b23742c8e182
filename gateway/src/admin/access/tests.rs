use axum::http::{HeaderName, HeaderValue, Request};

use super::password::tests::CHEAP;
use super::*;
use crate::settings::Settings;

const LOCAL: (&str, &str) = ("host", "127.0.0.1:8000");
const PAGE: (&str, &str) = ("origin", "http://evil.example");
const NOW: Ms = 1_800_000_000_000;

fn parts(method: Method, pairs: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::builder().method(method);
    for (name, value) in pairs {
        let value: HeaderValue = value.parse().unwrap();
        request = request.header(HeaderName::from_static(name), value);
    }
    request.body(()).unwrap().into_parts().0
}

fn access(key: Option<&str>, address: &str) -> Access {
    Access::new(address.parse().unwrap(), "", key)
}

/// A password is read from a folder that is there no more: there is none.
fn guard(token: Option<&str>, key: Option<&str>, password: Option<&str>, address: &str) -> Guard {
    let mut settings = Settings::default();
    settings.admin.hosts = vec!["box.lan".to_owned()];
    let site = Site::new(&settings, address.parse().unwrap());
    let none = || Current::of_file(std::path::Path::new("/nowhere/at/all"), NOW).unwrap();
    let hashed = |text| super::password::Hashed::parse(text).unwrap();
    let current = password.map_or_else(none, |text| Current::fixed(hashed(text)));
    Guard::new(token, key, site, current)
}

fn signed_in(guard: &Guard) -> (String, Operator) {
    let Known::Set(password) = guard.password.known(NOW) else { panic!("no password") };
    let begun = guard.sessions.begin(password.fingerprint(), NOW).unwrap();
    (format!("retouch={}", begun.token.expose()), Operator::Session(begun.found.id))
}

#[test]
fn only_an_operator_gets_in() {
    let bearer = |token| ("authorization", token);
    let (key, token, wrong) =
        (bearer("Bearer client"), bearer("Bearer admin"), bearer("Bearer admin2"));
    let foreign = |header| Err(Refused::Access(access::Refused::Foreign(header)));
    let set_up = Err(Refused::Access(access::Refused::SetUp));
    let (local, all) = ("127.0.0.1:1", "0.0.0.0:1");
    for (set, client_key, address, sent, want) in [
        (None, None, local, vec![LOCAL], Ok(Operator::Local)),
        (None, None, local, vec![LOCAL, key], Ok(Operator::Local)),
        (None, None, local, vec![("host", "box.lan")], Ok(Operator::Local)),
        (None, None, local, vec![("host", "evil.example")], foreign("Host")),
        (None, None, local, vec![LOCAL, PAGE], foreign("Origin")),
        (Some("admin"), None, local, vec![LOCAL], Err(Refused::Token)),
        (Some("admin"), None, local, vec![LOCAL, PAGE], Err(Refused::Token)),
        (Some("admin"), None, local, vec![LOCAL, token], Ok(Operator::Token)),
        (None, Some("client"), local, vec![LOCAL], Err(Refused::NoToken)),
        (None, Some("client"), local, vec![LOCAL, key], Err(Refused::NoToken)),
        (Some("admin"), Some("client"), local, vec![LOCAL], Err(Refused::Token)),
        (Some("admin"), Some("client"), local, vec![LOCAL, key], Err(Refused::Token)),
        (Some("admin"), Some("client"), local, vec![LOCAL, wrong], Err(Refused::Token)),
        (Some("admin"), Some("client"), all, vec![token], Ok(Operator::Token)),
        (Some("client"), Some("client"), local, vec![LOCAL, key], Err(Refused::NoToken)),
        (Some(" "), Some("client"), local, vec![LOCAL, bearer("Bearer  ")], Err(Refused::NoToken)),
        (None, None, all, vec![LOCAL], set_up.clone()),
        (Some("admin"), None, all, vec![LOCAL, wrong], set_up),
        (Some("admin"), None, all, vec![token], Ok(Operator::Token)),
    ] {
        let guard = guard(set, client_key, None, address);
        let parts = parts(Method::POST, &sent);
        let admitted = guard.admit(&access(client_key, address), &Keys::default(), &parts, NOW);
        assert_eq!(admitted, want, "token {set:?}, key {client_key:?}, {address}, {sent:?}");
    }
}

#[test]
fn a_password_is_asked_for_wherever_it_is_set() {
    let (token, wrong) = (("authorization", "Bearer admin"), ("authorization", "Bearer x"));
    let local = "127.0.0.1:1";
    for (set, client_key, sent, want) in [
        (None, None, vec![LOCAL], Err(Refused::SignIn)),
        (None, Some("client"), vec![LOCAL], Err(Refused::SignIn)),
        (None, Some("client"), vec![LOCAL, wrong], Err(Refused::SignIn)),
        (None, None, vec![LOCAL, ("cookie", "retouch=x")], Err(Refused::SignIn)),
        (Some("admin"), None, vec![LOCAL], Err(Refused::SignIn)),
        (Some("admin"), None, vec![LOCAL, wrong], Err(Refused::Token)),
        (Some("admin"), None, vec![("host", "evil.example"), token], Ok(Operator::Token)),
    ] {
        let guard = guard(set, client_key, Some(CHEAP), local);
        let parts = parts(Method::GET, &sent);
        let admitted = guard.admit(&access(client_key, local), &Keys::default(), &parts, NOW);
        assert_eq!(admitted, want, "token {set:?}, key {client_key:?}, {sent:?}");
    }
}

#[test]
fn a_session_acts_only_for_its_own_pages() {
    let guard = guard(None, None, Some(CHEAP), "0.0.0.0:1");
    let access = access(None, "0.0.0.0:1");
    let (cookie, session) = signed_in(&guard);
    let own = ("origin", "http://127.0.0.1:8000");
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    for (method, sent, want) in [
        (&get, vec![LOCAL], Ok(session.clone())),
        (&post, vec![LOCAL, own], Ok(session.clone())),
        (&post, vec![LOCAL, ("sec-fetch-site", "same-origin")], Ok(session.clone())),
        (&post, vec![LOCAL], Err(Refused::Foreign("Origin"))),
        (&post, vec![LOCAL, PAGE], Err(Refused::Foreign("Origin"))),
        (&delete, vec![LOCAL, ("origin", "null")], Err(Refused::Foreign("Origin"))),
        (
            &post,
            vec![LOCAL, own, ("sec-fetch-site", "same-site")],
            Err(Refused::Foreign("Sec-Fetch-Site")),
        ),
        (&get, vec![("host", "evil.example")], Err(Refused::Host)),
        (&get, vec![("host", "10.0.0.7:8000")], Err(Refused::Plain)),
        (&get, vec![LOCAL, ("x-forwarded-for", "203.0.113.7")], Err(Refused::Plain)),
        (&post, vec![], Err(Refused::Host)),
    ] {
        let mut sent = sent;
        sent.push(("cookie", &cookie));
        let admitted = guard.admit(&access, &Keys::default(), &parts(method.clone(), &sent), NOW);
        assert_eq!(admitted, want, "{method} {sent:?}");
    }
    assert!(session.to_string().starts_with("session:") && session.to_string().len() == 14);
}

#[test]
fn using_a_session_puts_off_its_end() {
    let guard = guard(None, None, Some(CHEAP), "127.0.0.1:1");
    let (cookie, session) = signed_in(&guard);
    let sent = [LOCAL, ("cookie", cookie.as_str())];
    let minutes = |n: Ms| NOW + n * 60_000;
    let at = |now| {
        let access = access(None, "127.0.0.1:1");
        guard.admit(&access, &Keys::default(), &parts(Method::GET, &sent), now)
    };
    for minute in [20, 40, 60] {
        assert_eq!(at(minutes(minute)), Ok(session.clone()), "after {minute} minutes");
    }
    assert_eq!(at(minutes(90)), Err(Refused::SignIn));
}

#[test]
fn it_does_not_show_the_token() {
    let guard = guard(Some("admin-canary"), None, Some(CHEAP), "127.0.0.1:1");
    let shown = format!("{guard:?}");
    assert!(!shown.contains("canary") && !shown.contains("argon2id"), "{shown}");
}
