//! The arguments of `retouch key`.

use clap::{Subcommand, ValueEnum, builder::NonEmptyStringValueParser as Text};

use crate::catalog::key::Scope;

/// Client keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Key {
    Create(NewKey),
    List,
    Revoke(OldKey),
    RotateMaster,
}

/// A key to make.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NewKey {
    #[arg(id = "key_name", value_name = "NAME", value_parser = Text::new())]
    pub(in crate::cli) name: String,
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub(in crate::cli) scopes: Vec<Named>,
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) per_minute: Option<u32>,
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) concurrency: Option<u32>,
    #[arg(long, value_name = "TIME", value_parser = Text::new())]
    pub(in crate::cli) expires: Option<String>,
}

/// A key to take back.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct OldKey {
    #[arg(id = "key_id", value_name = "ID", value_parser = Text::new())]
    pub(in crate::cli) id: String,
}

/// A scope by its name.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Named(pub(in crate::cli) Scope);

impl ValueEnum for Named {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Named; 3] = [Named(Scope::Edit), Named(Scope::Read), Named(Scope::Models)];
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}
