//! What a client wants: one edit, asked for until the gateway has promised it.

use crate::{Client, Edit, Job};

/// Where an order goes and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One picture of a provider that is polled and wants uploads.
    Polled,
    /// Two pictures of it, which are two submits.
    PolledTwo,
    /// One picture of a provider that answers with it.
    Sync,
    /// One picture of a provider with a queue.
    Queue,
    /// One picture of a provider that may take long to answer.
    Held,
    /// A provider that refuses, then another.
    Failover,
    /// A provider that hangs up, then another, because its operator says so.
    Risky,
}

/// One edit, known at the providers by its prompt.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its kind.
    pub kind: Kind,
    /// Nobody else's.
    pub prompt: String,
    /// Its job, once one was promised.
    pub job: Option<String>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Polled,
        Self::Sync,
        Self::Queue,
        Self::PolledTwo,
        Self::Failover,
        Self::Risky,
        Self::Held,
    ];

    /// Pictures it asks for.
    pub fn pictures(self) -> usize {
        if self == Self::PolledTwo { 2 } else { 1 }
    }

    /// The most it may be charged for: once a picture, and once more where the operator said so.
    pub fn most_charges(self) -> usize {
        self.pictures() + usize::from(self == Self::Risky)
    }
}

impl Order {
    /// Orders of these kinds in turn.
    pub fn many(name: &str, count: usize, kinds: &[Kind]) -> Vec<Self> {
        let kinds = kinds.iter().cycle().take(count);
        let named = kinds.enumerate().map(|(number, kind)| (format!("{name}-{number}"), *kind));
        named.map(|(prompt, kind)| Self { kind, prompt, job: None }).collect()
    }

    /// Asks for it, unless it is promised. A gateway that dies meanwhile has promised nothing; the
    /// next is asked under the same key.
    pub async fn place(&mut self, client: &Client) {
        if self.job.is_some() {
            return;
        }
        let (field, value) = self.kind.route();
        let edit = Edit::new(&self.prompt).field(field, value);
        let edit = edit.field("n", &self.kind.pictures().to_string());
        let request = client.post("/v1/jobs", &edit).header("idempotency-key", &self.prompt);
        let Ok(answer) = request.send().await else { return };
        let status = answer.status().as_u16();
        let Ok(text) = answer.text().await else { return };
        assert_eq!(status, 202, "{}: {text}", self.prompt);
        let job: Job = serde_json::from_str(&text).unwrap();
        self.job = Some(job.id);
    }
}
