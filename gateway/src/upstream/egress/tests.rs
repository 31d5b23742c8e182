use super::*;

/// What is expected of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// Dialled wherever it leads, with the key.
    Operator,
    /// Dialled wherever it leads, without.
    Allowed,
    /// Public only, with the key.
    Label,
    /// Public only, without.
    Public,
    /// Not dialled.
    Blocked,
}

fn verdict(egress: &Egress, url: &str) -> Is {
    let origins = ["https://www.vendor.cn", "http://10.0.0.5:8188/", "http://comfy:8188"];
    let origins = origins.map(|origin| Origin::parse(origin).unwrap());
    let hosts = ["api.acme.example".to_owned(), "*.acmecdn.example".to_owned(), "*.com".to_owned()];
    match egress.judge(url, &origins, &hosts) {
        Err(_) => Is::Blocked,
        Ok(Pass { route: Route::Open, key: true, .. }) => Is::Operator,
        Ok(Pass { route: Route::Open, key: false, .. }) => Is::Allowed,
        Ok(Pass { route: Route::Gated(_), key: true, .. }) => Is::Label,
        Ok(Pass { route: Route::Gated(_), key: false, .. }) => Is::Public,
        Ok(Pass { route: Route::Proxied, .. }) => unreachable!("no proxy is set"),
    }
}

const URLS: [(&str, Is); 79] = [
    // The operator's own origins, and what only looks like them.
    ("https://www.vendor.cn/openapi/v2/query", Is::Operator),
    ("https://WWW.Vendor.CN:443/x?y#z", Is::Operator),
    ("http://10.0.0.5:8188/prompt", Is::Operator),
    ("http://comfy:8188/view", Is::Operator),
    ("http://www.vendor.cn/", Is::Public),
    ("https://www.vendor.cn:8443/", Is::Blocked),
    ("https://www.vendor.cn./", Is::Public),
    ("https://vendor.cn/", Is::Public),
    ("https://www.vendor.cn.evil.example/", Is::Public),
    ("https://www.vendor.cn@evil.example/", Is::Blocked),
    ("https://evil.example\\@www.vendor.cn/", Is::Public),
    ("http://10.0.0.5:8189/", Is::Blocked),
    ("http://10.0.0.5/", Is::Blocked),
    ("http://10.0.0.6:8188/", Is::Blocked),
    ("http://comfy/", Is::Blocked),
    // The label's hosts.
    ("https://api.acme.example/v1", Is::Label),
    ("https://API.ACME.example./v1", Is::Label),
    ("http://api.acme.example/v1", Is::Public),
    ("https://api.acme.example:8443/v1", Is::Blocked),
    ("https://acme.example/", Is::Public),
    ("https://a.acmecdn.example/", Is::Label),
    ("https://a.b.acmecdn.example/", Is::Label),
    ("https://acmecdn.example/", Is::Public),
    ("https://evilacmecdn.example/", Is::Public),
    ("https://.acmecdn.example/", Is::Public),
    ("https://anything.com/", Is::Public),
    // Result links.
    ("https://rh-images.xiaoyaoyou.com/a.png?sig=1", Is::Public),
    ("http://dashscope-result.oss-cn-beijing.aliyuncs.com/a.png", Is::Public),
    ("https://8.8.8.8/", Is::Public),
    ("https://[2606:4700::1111]/", Is::Public),
    ("https://[::ffff:8.8.8.8]/", Is::Public),
    ("https://example.com:443/", Is::Public),
    ("https://example.com:80/", Is::Public),
    ("https://example.com:22/", Is::Blocked),
    ("https://example.com:6379/", Is::Blocked),
    ("https://example.com:0/", Is::Blocked),
    // This machine, in all the ways to write it.
    ("http://127.0.0.1/", Is::Blocked),
    ("http://127.1/", Is::Blocked),
    ("http://0x7f.1/", Is::Blocked),
    ("http://0x7f000001/", Is::Blocked),
    ("http://017700000001/", Is::Blocked),
    ("http://2130706433/", Is::Blocked),
    ("http://127。0。0。1/", Is::Blocked),
    ("http://①②⑦.⓪.⓪.①/", Is::Blocked),
    ("http://%31%32%37.0.0.1/", Is::Blocked),
    ("http://127.0.0.1./", Is::Blocked),
    ("http://0/", Is::Blocked),
    ("http://0.0.0.0:80/", Is::Blocked),
    ("http://[::1]/", Is::Blocked),
    ("http://[::]/", Is::Blocked),
    ("http://[::127.0.0.1]/", Is::Blocked),
    ("http://[::ffff:127.0.0.1]/", Is::Blocked),
    ("http://[::ffff:7f00:1]/", Is::Blocked),
    ("http://[64:ff9b::127.0.0.1]/", Is::Blocked),
    ("http://[2002:7f00:1::]/", Is::Blocked),
    ("http://localhost/", Is::Blocked),
    ("http://LOCALHOST./", Is::Blocked),
    ("http://a.localhost/", Is::Blocked),
    ("http://localhost.localdomain/", Is::Blocked),
    ("http://example.com:80@10.0.0.1/", Is::Blocked),
    ("http:127.0.0.1/", Is::Blocked),
    ("http:\\\\127.0.0.1\\", Is::Blocked),
    ("http://127.0.0.1\t/", Is::Blocked),
    // Its neighbours.
    ("http://169.254.169.254/latest/meta-data/", Is::Blocked),
    ("http://[fd00:ec2::254]/", Is::Blocked),
    ("http://metadata.google.internal/", Is::Blocked),
    ("http://168.63.129.16/", Is::Blocked),
    ("http://100.100.100.200/", Is::Blocked),
    ("http://192.168.1.1/", Is::Blocked),
    ("http://[fe80::1]/", Is::Blocked),
    ("http://printer/", Is::Blocked),
    ("http://nas.local/", Is::Blocked),
    ("http://router.home.arpa./", Is::Blocked),
    // What is no link.
    ("file:///etc/passwd", Is::Blocked),
    ("ftp://example.com/a.png", Is::Blocked),
    ("data:image/png;base64,AAAA", Is::Blocked),
    ("/relative.png", Is::Blocked),
    ("https://{{secret:api_key}}.evil.example/", Is::Blocked),
    ("", Is::Blocked),
];

#[test]
fn judges_urls_by_who_wrote_them_and_where_they_lead() {
    let egress = Egress::default();
    for (url, is) in URLS {
        assert_eq!(verdict(&egress, url), is, "{url}");
    }
    let long = format!("https://example.com/{}", "x".repeat(LONGEST));
    assert_eq!(verdict(&egress, &long), Is::Blocked);
}

#[test]
fn the_allow_list_opens_doors_but_hands_out_no_key() {
    let allow = [
        "comfy:8188",
        "*.corp.example:8443",
        "10.0.0.0/8:8080",
        "127.0.0.1:9000",
        "[fd00::/8]:443",
        "198.18.0.0/15:443",
        "api.acme.example:8443",
    ];
    let egress = Egress::parse(&allow).unwrap();
    for (url, is) in [
        ("http://comfy:8188/", Is::Operator),
        ("https://comfy:8188/", Is::Allowed),
        ("http://comfy:8189/", Is::Blocked),
        ("https://a.corp.example:8443/", Is::Allowed),
        ("https://corp.example:8443/", Is::Blocked),
        ("http://10.1.2.3:8080/", Is::Public),
        ("http://10.1.2.3:80/", Is::Blocked),
        ("http://8.8.8.8:8080/", Is::Blocked),
        ("http://cdn.example:8080/", Is::Public),
        ("http://127.0.0.1:9000/", Is::Public),
        ("http://127.0.0.2:9000/", Is::Blocked),
        ("https://[fd00::9]/", Is::Public),
        ("http://[fd00::9]/", Is::Blocked),
        ("https://198.18.3.4/", Is::Public),
        ("http://198.18.3.4/", Is::Blocked),
        ("https://api.acme.example:8443/", Is::Operator),
        ("http://localhost:8080/", Is::Blocked),
    ] {
        assert_eq!(verdict(&egress, url), is, "{url}");
    }
    assert_eq!(egress.ports(), [80, 443, 8080, 8188, 8443, 9000]);
}

#[test]
fn says_which_line_of_the_allow_list_is_wrong() {
    for line in [
        "comfy",
        "comfy:",
        "comfy:0",
        "comfy:99999",
        "10.0.0.0/40:80",
        "*:80",
        "a b:80",
        "http://x:80",
        "*.:80",
    ] {
        let error = Egress::parse(&["ok.example:1", line]).unwrap_err();
        assert!(error.to_string().contains(&format!("`{line}`")), "{error}");
    }
}

#[test]
fn drops_the_fragment_and_keeps_the_rest() {
    let pass = Egress::default().judge("https://a.example/x%2Fy?b=%7B#frag", &[], &[]).unwrap();
    assert_eq!(pass.url.as_str(), "https://a.example/x%2Fy?b=%7B");
}

#[test]
fn a_proxy_takes_everything_but_what_leads_inside_by_its_own_words() {
    let operator = [
        Origin::parse("https://api.vendor.cn").unwrap(),
        Origin::parse("http://127.0.0.1:9000").unwrap(),
    ];
    let egress = Egress::parse(&["files.corp.internal:443"])
        .unwrap()
        .with_proxy("http://proxy:3128")
        .unwrap();
    for (url, route) in [
        ("https://api.vendor.cn/x", Ok(Route::Proxied)),
        ("http://127.0.0.1:9000/x", Ok(Route::Open)),
        ("https://files.corp.internal/x", Ok(Route::Open)),
        ("https://cdn.example.com/x.png", Ok(Route::Proxied)),
        ("https://8.8.8.8/x.png", Ok(Route::Proxied)),
        ("http://169.254.169.254/", Err(())),
        ("http://localhost/", Err(())),
        ("https://cdn.example.com:8443/", Err(())),
    ] {
        assert_eq!(
            egress.judge(url, &operator, &[]).map(|p| p.route).map_err(|_| ()),
            route,
            "{url}"
        );
    }
    for bad in ["proxy:3128", "socks5://proxy:1", "http://"] {
        assert!(Egress::default().with_proxy(bad).is_err(), "{bad}");
    }
}

/// Addresses that are not public, each as a person and as a trickster would write it.
#[test]
fn no_spelling_of_a_private_address_is_dialled() {
    let hosts = [
        "0.0.0.0",
        "0",
        "0x0",
        "10.0.0.1",
        "10.255.255.255",
        "012.0.0.1",
        "0xa.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "2130706433",
        "127.255.255.254",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
        "169.254.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[2002:a00:1::]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "printer",
        "printer.local",
        "db.internal",
        "nas.lan",
        "x.home.arpa",
        "y.onion",
        "z.test",
        "w.invalid",
    ];
    for host in hosts {
        for url in [format!("http://{host}/"), format!("https://{host}/x.png?y=1")] {
            assert!(Egress::default().judge(&url, &[], &[]).is_err(), "{url}");
        }
    }
}
