use super::{
    super::words::{Language, Words},
    *,
};

fn out(language: Language) -> Out {
    Out { words: Words::of(language), json: false }
}

fn job(text: &str) -> Job {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_list_is_a_table_of_jobs() {
    let jobs = [
        job(r#"{"id":"job_1","status":"running","provider":"sandbox","created_at":940}"#),
        job(r#"{"id":"job_22","status":"queued","provider":null,"created_at":null}"#),
    ];
    assert_eq!(
        jobs_table(&jobs, 1000.0, out(Language::En)),
        "ID      STATUS   PROVIDER  AGE\n\
         job_1   running  sandbox   1m\n\
         job_22  queued   -         -"
    );
}

#[test]
fn prompts_are_listed_where_the_server_tells_them() {
    let jobs = [
        job(
            r#"{"id":"job_1","status":"succeeded","provider":"a","created_at":1000,"prompt":"黑白"}"#,
        ),
        job(r#"{"id":"job_2","status":"failed","provider":"a","created_at":1000}"#),
    ];
    assert_eq!(
        jobs_table(&jobs, 1000.0, out(Language::Zh)),
        "编号   状态    服务商  多久前  提示词\n\
         job_1  已完成  a       0s      黑白\n\
         job_2  失败    a       0s"
    );
}

#[test]
fn a_job_tells_why_each_provider_did_not_do_it() {
    let job = job(
        r#"{"id":"job_1","status":"running","provider":"b","progress":{"phase":"polling","percent":40},
            "attempts":[
              {"number":1,"provider":"a","state":"refused","task_id":null,"reason":null,"error":{"message":"bad key","code":"provider_auth"}},
              {"number":2,"provider":"b","state":"accepted","task_id":"77","upstream_status":"RUNNING","reason":"default"}],
            "skipped":[{"provider":"c","reason":"is disabled"}],
            "exchanges":[{"attempt":1,"seq":1,"method":"POST","url":"https://a/x","phase":"submitting","status":401,"elapsed_ms":12.4,"sent":true,"error":null,"at":0},
              {"attempt":2,"seq":2,"method":"POST","url":"https://b/x","phase":"submitting","status":null,"elapsed_ms":null,"sent":false,"error":"refused","at":0}]}"#,
    );
    assert_eq!(
        story(&job, out(Language::En)),
        "job_1  running  processing 40%  b\n\n\
         Attempts\n\
         #  PROVIDER  STATE     TASK  UPSTREAM  REASON\n\
         1  a         refused   -     -         bad key (provider_auth)\n\
         2  b         accepted  77    RUNNING   default\n\n\
         Passed over\n\
         PROVIDER  REASON\n\
         c         is disabled\n\n\
         Requests to providers\n\
         #    PHASE       REQUEST           STATUS  TOOK   ERROR\n\
         1.1  submitting  POST https://a/x  401     12 ms\n\
         2.2  submitting  POST https://b/x  -       -      refused"
    );
}

#[test]
fn pictures_that_came_late_are_shown_with_their_links() {
    let job = job(r#"{"id":"job_1","status":"expired","images":[],"attempts":[
              {"number":1,"provider":"a","state":"succeeded","task_id":"77","reason":null,
               "images":[{"index":0,"url":"http://g/v1/jobs/job_1/images/0?exp=1&sig=s","content_type":"image/png","width":2,"height":3,"bytes":4}]}]}"#);
    assert_eq!(
        story(&job, out(Language::En)),
        "job_1  expired\n\n\
         Attempts\n\
         #  PROVIDER  STATE      TASK  UPSTREAM  REASON\n\
         1  a         succeeded  77    -\n\n\
         Pictures that came after the job's end\n\
         #0  image/png  2x3  4 B  http://g/v1/jobs/job_1/images/0?exp=1&sig=s"
    );
}

#[test]
fn ages_have_one_unit() {
    let table = [
        (None, None),
        (Some(1e6 + 5.0), Some("0s")),
        (Some(1e6 - 59.0), Some("59s")),
        (Some(1e6 - 60.0), Some("1m")),
        (Some(1e6 - 7200.0), Some("2h")),
        (Some(1e6 - 200_000.0), Some("2d")),
    ];
    for (then, expected) in table {
        assert_eq!(age(then, 1e6).as_deref(), expected, "{then:?}");
    }
}
