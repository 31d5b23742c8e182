use retouch_sdk::Mark;

use super::*;

const NOW: Ms = 784_111_777_000;

fn stage<T>(came: Result<T, (&'static str, &str)>) -> Option<Stage<T>> {
    Some(Stage { took_ms: 7, came: came.map_err(|(class, why)| (class, why.to_owned())) })
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().unwrap()).collect()
}

fn fine() -> Way {
    let seen = Seen { status: 404, date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()) };
    Way {
        name: "api.example".to_owned(),
        port: 443,
        tls: true,
        addresses: stage(Ok(ips(&["8.8.8.8"]))),
        connected: stage(Ok("8.8.8.8:443".parse().unwrap())),
        answered: stage(Ok(seen)),
        ..Way::default()
    }
}

fn marks(steps: &[Step]) -> Vec<(&str, Mark)> {
    steps.iter().map(|step| (step.finding.step.as_str(), step.finding.mark)).collect()
}

#[test]
fn a_good_way_has_four_timed_steps() {
    let steps = steps(&fine(), NOW + 2_000);
    let want = [("dns", Mark::Ok), ("connect", Mark::Ok), ("tls", Mark::Ok), ("clock", Mark::Ok)];
    assert_eq!(marks(&steps), want);
    assert_eq!(steps.iter().map(|step| step.took_ms).collect::<Vec<_>>(), [7, 7, 7, 0]);
    assert!(steps[3].finding.message.en.contains("2 s"), "{steps:?}");
}

#[test]
fn a_fake_address_is_named_with_both_mends() {
    let fake = ips(&["198.18.3.4"]);
    let way = Way { addresses: stage(Ok(fake.clone())), shut_out: fake, ..fine() };
    let steps = steps(&way, NOW);
    let proxy = &steps[1].finding;
    assert_eq!((proxy.step.as_str(), proxy.mark), ("proxy", Mark::Failed));
    let mend = proxy.mend.clone().unwrap();
    for words in ["allow = [\"198.18.0.0/15:443\"]", "proxy = "] {
        assert!(mend.en.contains(words) && mend.zh.contains(words), "{mend:?}");
    }
    // Allowed, or inside by the operator's own wish: nothing to say.
    for (address, shut_out) in [("198.18.3.4", &[][..]), ("10.0.0.5", &["10.0.0.5"][..])] {
        let way = Way { addresses: stage(Ok(ips(&[address]))), shut_out: ips(shut_out), ..fine() };
        assert!(super::steps(&way, NOW).iter().all(|step| !step.failed()), "{address}");
    }
}

#[test]
fn the_first_broken_stage_is_the_last_and_has_a_mend() {
    let way = Way { addresses: stage(Err(("dns", "no such host"))), ..Way::default() };
    let no_name = steps(&way, NOW);
    let refused = Way { connected: stage(Err(("connect", "refused"))), answered: None, ..fine() };
    let refused = steps(&refused, NOW);
    let by_proxy = Way {
        proxied: true,
        connected: stage(Err(("connect", "refused"))),
        answered: None,
        ..fine()
    };
    let by_proxy = steps(&by_proxy, NOW);
    for (steps, step, words) in [
        (no_name, "dns", "cannot be looked up"),
        (refused, "connect", "takes no connection"),
        (by_proxy, "connect", "the proxy"),
    ] {
        let last = &steps.last().unwrap().finding;
        assert_eq!((last.step.as_str(), last.mark), (step, Mark::Failed));
        assert!(last.message.en.contains(words) && last.mend.is_some(), "{last:?}");
    }
}

#[test]
fn certificates_are_told_apart() {
    for (why, words) in [
        ("invalid peer certificate: Expired", "has expired"),
        ("invalid peer certificate: NotValidYet", "not valid yet"),
        ("invalid peer certificate: NotValidForName", "another name"),
        ("invalid peer certificate: UnknownIssuer", "nobody trusted"),
        ("unexpected end of file", "handshake fails"),
    ] {
        let way = Way { answered: stage(Err(("tls", why))), ..fine() };
        let steps = steps(&way, NOW);
        let last = &steps.last().unwrap().finding;
        assert_eq!((last.step.as_str(), last.mark), ("tls", Mark::Failed));
        assert!(last.message.en.contains(words), "{last:?}");
    }
}

#[test]
fn a_clock_that_is_a_minute_off_is_named() {
    for (now, mark, words) in [
        (NOW + 60_000, Mark::Ok, "60 s"),
        (NOW + 61_000, Mark::Failed, "61 s ahead of"),
        (NOW - 3_600_000, Mark::Failed, "3600 s behind"),
    ] {
        let steps = steps(&fine(), now);
        let clock = &steps.last().unwrap().finding;
        assert_eq!((clock.step.as_str(), clock.mark), ("clock", mark));
        assert!(clock.message.en.contains(words), "{clock:?}");
    }
    let silent = Way { answered: stage(Ok(Seen { status: 200, date: None })), ..fine() };
    assert_eq!(steps(&silent, NOW).last().unwrap().finding.step, "tls");
}
