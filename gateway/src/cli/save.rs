//! Where an edit's pictures go, and how they get there whole or not at all.
//!
//! Everything that can be refused is refused before the edit is paid for. An input is never
//! overwritten; a name we choose ourselves overwrites nothing.

use std::path::{Path, PathBuf};

use tokio::{
    fs::{self, File},
    io::{self, AsyncWriteExt},
};

/// The names of the results, decided before the edit.
#[derive(Debug)]
pub(super) enum Plan {
    /// No file: the only picture goes to stdout.
    Stdout,
    /// The name that was asked for.
    Named(PathBuf),
    /// A free name in this folder that begins with this stem.
    Free { folder: PathBuf, stem: String },
}

/// Why a place cannot take the result: a key of the message catalogue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str);

impl Plan {
    /// Checks the place. `out` is what `-o` says, `n` how many pictures are asked for.
    pub(super) fn new(out: Option<&Path>, inputs: &[PathBuf], n: u32) -> Result<Self, Refusal> {
        let first = inputs.first().map(PathBuf::as_path).unwrap_or(Path::new("image"));
        let stem = first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(out) = out else {
            let folder = first.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self::Free { folder, stem });
        };
        if out == Path::new("-") {
            return if n > 1 { Err(Refusal("save.stdout_one")) } else { Ok(Self::Stdout) };
        }
        if out.is_dir() {
            return Ok(Self::Free { folder: out.to_owned(), stem });
        }
        if out.file_name().is_none() || !folder(out).is_dir() {
            return Err(Refusal("save.no_folder"));
        }
        let results = (0..n).map(|index| numbered(out, index));
        for result in std::iter::once(out.to_owned()).chain(results) {
            refuse(&result, inputs)?;
        }
        Ok(Self::Named(out.to_owned()))
    }

    /// The file for one of the results.
    pub(super) fn path(&self, index: u32, several: bool, content_type: &str) -> PathBuf {
        match self {
            Self::Stdout => PathBuf::from("-"),
            Self::Named(out) if several => numbered(out, index),
            Self::Named(out) => out.clone(),
            Self::Free { folder, stem } => {
                let number = if several { format!("-{index}") } else { String::new() };
                free(folder, &format!("{stem}-edited{number}"), extension(content_type))
            }
        }
    }
}

/// A file in the making, beside its final name. Dropped before `keep`, it is gone.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Begins a file that is to become `target`.
    pub(super) async fn new(target: PathBuf) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file = File::options().write(true).create_new(true).open(&path).await?;
        Ok(Self { file, path, target })
    }

    /// Adds bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Gives the file its name, once all of it is on disk.
    pub(super) async fn keep(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.path, &self.target).await
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `keep` there is no such file any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the extension promises another format than the picture has.
pub(super) fn is_misnamed(path: &Path, content_type: &str) -> bool {
    let named = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let named = if named == "jpeg" { "jpg" } else { &named };
    ["png", "jpg", "webp", "gif"].contains(&named) && named != extension(content_type)
}

/// The extension of a picture of this type.
pub(super) fn extension(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "image",
    }
}

fn refuse(result: &Path, inputs: &[PathBuf]) -> Result<(), Refusal> {
    // What does not exist cannot be overwritten.
    let Ok(there) = result.canonicalize() else { return Ok(()) };
    if inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == there)) {
        return Err(Refusal("save.is_input"));
    }
    // The rename would replace a device or a pipe by a file.
    if there.is_file() { Ok(()) } else { Err(Refusal("save.not_a_file")) }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `out.png` → `out-0.png`.
fn numbered(out: &Path, index: u32) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    match out.extension() {
        Some(extension) => {
            out.with_file_name(format!("{stem}-{index}.{}", extension.to_string_lossy()))
        }
        None => out.with_file_name(format!("{stem}-{index}")),
    }
}

/// The first of `stem.png`, `stem-2.png`, `stem-3.png` … that does not exist.
fn free(folder: &Path, stem: &str, extension: &str) -> PathBuf {
    let names = (2..).map(|number: u64| folder.join(format!("{stem}-{number}.{extension}")));
    let mut names = std::iter::once(folder.join(format!("{stem}.{extension}"))).chain(names);
    let free = names.find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| folder.join(stem))
}

#[cfg(test)]
mod tests;
