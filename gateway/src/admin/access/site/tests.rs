use super::*;

fn site(listen: &str, public: &str, hosts: &[&str], proxies: &[&str]) -> Site {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let mut settings = Settings { public_url: public.to_owned(), ..Settings::default() };
    settings.admin.hosts = owned(hosts);
    settings.admin.trusted_proxies = owned(proxies);
    Site::new(&settings, listen.parse().unwrap())
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    HeaderMap::from_iter(pairs)
}

fn met(site: &Site, peer: &str, pairs: &[(&'static str, &str)]) -> Arrival {
    site.met(&headers(pairs), Some(peer.parse().unwrap()))
}

#[test]
fn no_name_but_ours_is_answered() {
    let local = ("127.0.0.1:8000", "");
    let all = ("0.0.0.0:8000", "");
    let public = ("0.0.0.0:8000", "https://edit.example/retouch");
    for ((listen, public), host, ours) in [
        (local, "127.0.0.1:8000", true),
        (local, "localhost:8000", true),
        (local, "[::1]:9", true),
        (local, "LOCALHOST", true),
        (local, "box.lan:8000", true),
        (local, "localhost.evil.example", false),
        (local, "evil.example", false),
        (local, "10.0.0.7:8000", false),
        (local, "", false),
        (local, "a@127.0.0.1@evil.example", false),
        (all, "10.0.0.7:8000", true),
        (all, "evil.example", false),
        (("10.0.0.7:8000", ""), "10.0.0.7:8000", true),
        (("10.0.0.7:8000", ""), "10.0.0.8:8000", false),
        (public, "edit.example", true),
        (public, "edit.example:8000", true),
        (public, "other.example", false),
    ] {
        let site = site(listen, public, &["box.lan"], &[]);
        assert_eq!(met(&site, "10.9.9.9", &[("host", host)]).is_ours, ours, "{listen} {host}");
    }
    assert!(!met(&site("127.0.0.1:1", "", &[], &[]), "127.0.0.1", &[]).is_ours);
}

#[test]
fn only_a_believed_proxy_says_who_asks_and_how() {
    let proxies = ["10.0.0.0/8", "fd00::/8"];
    let site = site("0.0.0.0:8000", "", &["edit.example"], &proxies);
    let forwarded = |client: &'static str| {
        vec![
            ("host", "retouch:8000"),
            ("x-forwarded-host", "edit.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", client),
        ]
    };
    for (peer, client, from, believed) in [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7", true),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7", true),
        ("fd00::1", "2001:db8::7", "2001:db8::7", true),
        ("10.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7", true),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7", true),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", true),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7", true),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7", true),
        ("10.0.0.1", "unknown", "10.0.0.1", true),
        ("10.0.0.1", "", "10.0.0.1", true),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9", false),
    ] {
        let arrival = met(&site, peer, &forwarded(client));
        let said = (arrival.from, arrival.is_https, arrival.is_ours, arrival.is_private);
        let from: IpAddr = from.parse().unwrap();
        assert_eq!(said, (Some(from), believed, believed, believed), "{peer} {client}");
    }
    let arrival = met(&site, "10.0.0.1", &forwarded("203.0.113.7"));
    assert_eq!(arrival.origin, "https://edit.example");
}

#[test]
fn plain_http_is_private_on_this_machine_only() {
    let public = "https://edit.example";
    let near = ("host", "localhost:8000");
    let far = ("host", "edit.example");
    let proxied = ("x-forwarded-proto", "https");
    for (public, pairs, is_https, is_private) in [
        ("", vec![near], false, true),
        ("", vec![("host", "10.0.0.7:8000")], false, false),
        // A proxy in front of us, whom nobody told us to believe.
        ("", vec![near, proxied], false, false),
        (public, vec![near], false, true),
        (public, vec![far], true, true),
        (public, vec![near, proxied], true, true),
        (public, vec![("host", "10.0.0.7:8000")], false, false),
        ("http://edit.example", vec![far], false, false),
    ] {
        let site = site("0.0.0.0:8000", public, &[], &[]);
        let arrival = met(&site, "127.0.0.1", &pairs);
        let said = (arrival.is_https, arrival.is_private);
        assert_eq!(said, (is_https, is_private), "{public} {pairs:?}");
    }
    let mut settings = Settings::default();
    settings.admin.insecure_http = true;
    let site = Site::new(&settings, "0.0.0.0:8000".parse().unwrap());
    assert!(met(&site, "10.0.0.9", &[("host", "10.0.0.7:8000")]).is_private);
}

#[test]
fn a_page_from_elsewhere_is_told_apart() {
    let site = site("0.0.0.0:8000", "https://edit.example", &[], &[]);
    let own = ("origin", "http://127.0.0.1:8000");
    let evil = ("origin", "https://evil.example");
    for (pairs, want) in [
        (vec![], Page::Unsaid),
        (vec![own], Page::Own),
        (vec![("origin", "https://edit.example")], Page::Own),
        (vec![evil], Page::Foreign("Origin")),
        (vec![("origin", "null")], Page::Foreign("Origin")),
        (vec![("origin", "http://127.0.0.1:9000")], Page::Foreign("Origin")),
        (vec![("origin", "https://127.0.0.1:8000")], Page::Foreign("Origin")),
        (vec![("origin", "http://127.0.0.1:8000.evil.example")], Page::Foreign("Origin")),
        (vec![("sec-fetch-site", "same-origin")], Page::Own),
        (vec![("sec-fetch-site", "none")], Page::Own),
        (vec![("sec-fetch-site", "same-site"), own], Page::Foreign("Sec-Fetch-Site")),
        (vec![("sec-fetch-site", "cross-site"), own], Page::Foreign("Sec-Fetch-Site")),
    ] {
        let mut pairs = pairs;
        pairs.push(("host", "127.0.0.1:8000"));
        let arrival = met(&site, "127.0.0.1", &pairs);
        assert_eq!(site.page(&arrival, &headers(&pairs)), want, "{pairs:?}");
    }
}

#[test]
fn the_start_knows_an_address_that_can_be_opened() {
    for (listen, public, want) in [
        ("0.0.0.0:80", "", "http://127.0.0.1:80"),
        ("[::]:8000", "", "http://127.0.0.1:8000"),
        ("10.0.0.7:8000", "", "http://10.0.0.7:8000"),
        ("[fd00::1]:8000", "", "http://[fd00::1]:8000"),
        ("0.0.0.0:80", "https://edit.example/", "https://edit.example"),
    ] {
        assert_eq!(site(listen, public, &[], &[]).address(), want);
    }
}
