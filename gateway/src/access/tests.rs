use std::path::Path;

use super::*;

const NOW: Ms = 1_800_000_000_000;

/// A file with keys named by what is in them.
fn keys(entries: &[(&str, &str)]) -> Keys {
    let entry = |(key, more): &(&str, &str)| {
        let sha256 = data_encoding::HEXLOWER.encode(&hash(key));
        format!("[[keys]]\nid = \"key_{key}\"\nname = \"{key}\"\nsha256 = \"{sha256}\"\n{more}\n")
    };
    let text: String = entries.iter().map(entry).collect();
    let (keys, problems) = Keys::parse(Path::new("keys.toml"), &text);
    assert_eq!(problems, []);
    keys
}

fn owner(access: &Access, keys: &Keys, pairs: &[(&'static str, &str)]) -> Result<String, Refused> {
    access.holder(keys, &headers(pairs), NOW).map(|holder| holder.owner().to_owned())
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
}

#[test]
fn open_mode_answers_only_this_machine() {
    for (pairs, want) in [
        (&[("host", "127.0.0.1:8000")][..], Ok(OPERATOR.to_owned())),
        (&[("host", "localhost:8000"), ("authorization", "Bearer x")], Ok(OPERATOR.to_owned())),
        (&[("host", "[::1]:8000")], Ok(OPERATOR.to_owned())),
        (
            &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")],
            Ok(OPERATOR.to_owned()),
        ),
        (&[], Err(Refused::Foreign("Host"))),
        (&[("host", "evil.example")], Err(Refused::Foreign("Host"))),
        (&[("host", "localhost.evil.example")], Err(Refused::Foreign("Host"))),
        (
            &[("host", "127.0.0.1:8000"), ("origin", "http://evil.example")],
            Err(Refused::Foreign("Origin")),
        ),
        (
            &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:9000")],
            Err(Refused::Foreign("Origin")),
        ),
        (&[("host", "127.0.0.1:8000"), ("origin", "null")], Err(Refused::Foreign("Origin"))),
        (
            &[("host", "localhost"), ("sec-fetch-site", "same-site")],
            Err(Refused::Foreign("Sec-Fetch-Site")),
        ),
        (
            &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
            Err(Refused::Foreign("Sec-Fetch-Site")),
        ),
        (
            &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")],
            Err(Refused::Foreign("X-Forwarded-*")),
        ),
        (
            &[("host", "localhost"), ("forwarded", "for=1.2.3.4")],
            Err(Refused::Foreign("Forwarded")),
        ),
        (&[("host", "localhost"), ("via", "1.1 proxy")], Err(Refused::Foreign("Via"))),
        (&[("host", "localhost"), ("x-real-ip", "1.2.3.4")], Err(Refused::Foreign("X-Real-IP"))),
        (&[("host", "evil@localhost")], Err(Refused::Foreign("Host"))),
        (&[("host", "localhost"), ("host", "localhost")], Err(Refused::Foreign("Host"))),
    ] {
        let access = Access::new("127.0.0.1:1".parse().unwrap(), "", None);
        assert_eq!(owner(&access, &Keys::default(), pairs), want, "{pairs:?}");
    }
}

#[test]
fn any_key_ends_open_mode_and_a_foreign_address_without_one_answers_nothing() {
    let (none, revoked) = (keys(&[]), keys(&[("a", "revoked = 2020-01-01")]));
    for (address, public_url, key, keys, want) in [
        ("127.0.0.1:1", "", None, &none, Mode::Open),
        ("127.0.0.1:1", "", None, &revoked, Mode::Keyed),
        ("127.0.0.1:1", "", Some("k"), &none, Mode::Keyed),
        ("127.0.0.1:1", "https://x.example", None, &none, Mode::SetUp),
        ("127.0.0.1:1", "https://x.example", None, &revoked, Mode::Keyed),
        ("0.0.0.0:1", "", None, &none, Mode::SetUp),
        ("0.0.0.0:1", "", None, &revoked, Mode::Keyed),
        ("0.0.0.0:1", "", Some("k"), &none, Mode::Keyed),
    ] {
        let access = Access::new(address.parse().unwrap(), public_url, key);
        assert_eq!(access.mode(keys), want, "{address} {public_url} {key:?} {keys:?}");
    }
    for (address, public_url, key, want) in [
        ("127.0.0.1:1", "", None, Mode::Open),
        ("127.0.0.1:1", "", Some("k"), Mode::Keyed),
        ("127.0.0.1:1", "https://x.example", None, Mode::Keyed),
        ("0.0.0.0:1", "", None, Mode::Keyed),
    ] {
        let access = Access::new(address.parse().unwrap(), public_url, key);
        let access = access.with_password(Arc::new(AtomicBool::new(true)));
        assert_eq!(access.mode(&none), want, "with a password: {address} {public_url} {key:?}");
    }
    let closed = Access::new("0.0.0.0:1".parse().unwrap(), "", None);
    assert_eq!(owner(&closed, &none, &[]), Err(Refused::SetUp));
}

#[test]
fn a_key_is_its_own_owner_while_it_stands() {
    let keys = keys(&[
        ("a", ""),
        ("b", "expires = 2020-01-01"),
        ("c", "revoked = 2020-01-01"),
        ("d", "revoked = 2020-01-01\nexpires = 2020-01-01"),
    ]);
    let set = Access::new("127.0.0.1:1".parse().unwrap(), "", Some("k"));
    for (sent, want) in [
        (Some("Bearer k"), Ok(OPERATOR)),
        (Some("bearer  k "), Ok(OPERATOR)),
        (Some("Bearer a"), Ok("key_a")),
        (Some("Bearer b"), Err(Refused::Expired)),
        (Some("Bearer c"), Err(Refused::Revoked)),
        (Some("Bearer d"), Err(Refused::Revoked)),
        (Some("Bearer aa"), Err(Refused::Key)),
        (Some("Bearer key_a"), Err(Refused::Key)),
        (Some("Bearer "), Err(Refused::Key)),
        (Some("Basic a"), Err(Refused::Key)),
        (None, Err(Refused::Key)),
    ] {
        let pairs: Vec<_> = sent.iter().map(|sent| ("authorization", *sent)).collect();
        assert_eq!(owner(&set, &keys, &pairs), want.map(str::to_owned), "{sent:?}");
    }
    let unset = Access::new("127.0.0.1:1".parse().unwrap(), "", None);
    let local = [("host", "127.0.0.1"), ("authorization", "Bearer k")];
    assert_eq!(owner(&unset, &keys, &local), Err(Refused::Key));
}

#[test]
fn a_key_may_do_what_its_scopes_say() {
    let keys = keys(&[("a", "scopes = [\"read\"]"), ("b", "")]);
    let may = |key: &str| {
        let holder = Holder::Key(keys.find(key).unwrap().clone());
        Scope::ALL.map(|scope| holder.may(scope).is_ok())
    };
    assert_eq!((may("a"), may("b")), ([false, true, false], [true; 3]));
    assert_eq!(Holder::Operator.may(Scope::Edit), Ok(()));
    assert_eq!(
        Holder::Key(keys.find("a").unwrap().clone()).may(Scope::Edit),
        Err(Refused::Scope(Scope::Edit))
    );
}

#[test]
fn who_was_let_in_stays_as_long_as_their_key_is_good() {
    let access = |key| Access::new("127.0.0.1:1".parse().unwrap(), "", key);
    let (open, kept) = (access(None), access(Some("client")));
    let none = Keys::default();
    let good = keys(&[("a", "")]);
    let holder = Holder::Key(good.by_id("key_a").unwrap().clone());
    for (then, want) in [
        (keys(&[("a", "")]), Ok(())),
        (keys(&[("a", "revoked = true")]), Err(Refused::Revoked)),
        (keys(&[("a", "expires = 2020-01-01")]), Err(Refused::Expired)),
        (keys(&[("b", "")]), Err(Refused::Key)),
        (none.clone(), Err(Refused::Key)),
    ] {
        assert_eq!(open.still(&then, &holder, NOW).map(drop), want, "{then:?}");
    }
    let narrowed = keys(&[("a", "scopes = [\"models\"]")]);
    let now = open.still(&narrowed, &holder, NOW).unwrap();
    assert_eq!(now.may(Scope::Read), Err(Refused::Scope(Scope::Read)));
    // In open mode until a key is made; with the key from the environment for good.
    assert!(open.still(&none, &Holder::Operator, NOW).is_ok());
    assert_eq!(open.still(&good, &Holder::Operator, NOW), Err(Refused::Key));
    assert!(kept.still(&good, &Holder::Operator, NOW).is_ok());
}
