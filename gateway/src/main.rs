//! The `retouch` program: arguments in, exit code out. All else is the library's.

fn main() -> std::process::ExitCode {
    retouch::cli::main()
}
