use std::time::Duration;

use retouch_sdk::Mark;

use super::*;

fn limits() -> Limits {
    Limits {
        concurrency: 3,
        polls_per_second: 5,
        timeout: Duration::from_secs(600),
        per_day: 0,
        cooldown: Duration::from_secs(30),
    }
}

fn health(state: Condition, open: u32, waiting: usize) -> Health {
    let why = (state != Condition::Ok).then(|| "did not accept the key in its file".to_owned());
    Health { state, until: Some(3_723_000), why, consecutive: 5, open, waiting, submits_today: 9 }
}

#[test]
fn the_sync_flag_is_held_against_what_the_type_can() {
    for (says, can, mark) in [
        (false, false, Mark::Ok),
        (false, true, Mark::Ok),
        (true, true, Mark::Ok),
        (true, false, Mark::Failed),
    ] {
        assert_eq!(sync(says, can).mark, mark, "sync = {says}, can {can}");
    }
    let wrong = sync(true, false);
    assert!(wrong.message.zh.contains("处理中"), "{wrong:?}");
    assert!(wrong.mend.is_some_and(|mend| mend.en.contains("sync = false")));
}

#[test]
fn how_it_stands_says_places_until_and_why() {
    for (state, open, waiting, mark, words) in [
        (Condition::Ok, 1, 0, Mark::Ok, "1 of 3 places"),
        (Condition::Ok, 3, 2, Mark::Warning, "full"),
        (Condition::Cooling, 1, 0, Mark::Warning, "left alone until 01:02:03 UTC"),
        (Condition::Probing, 1, 0, Mark::Warning, "one job is trying"),
        (Condition::Open, 0, 0, Mark::Failed, "after 5 failures in a row"),
        (Condition::Shut, 0, 0, Mark::Failed, "did not accept the key"),
    ] {
        let finding = of_health(&health(state, open, waiting), &limits());
        assert_eq!((finding.step.as_str(), finding.mark), ("queue", mark), "{state:?}");
        assert!(finding.message.en.contains(words), "{finding:?}");
    }
}

#[test]
fn a_file_that_is_wrong_now_is_named_though_the_last_good_one_runs() {
    let error =
        Problem::error("config/providers/shop.toml".as_ref(), Some(4), "sync: no", "write false");
    let own = written(&error);
    assert_eq!((own.step.as_str(), own.mark), ("file", Mark::Failed));
    assert!(own.message.en.contains("shop.toml:4: sync: no; write false"), "{own:?}");
    assert_eq!(written(&error.clone().warning()).mark, Mark::Warning);
    assert_eq!(blocked(&error).mark, Mark::Warning);
}
