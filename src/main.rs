//! The command-line program; everything is in `kafkasim::cli`.

fn main() -> std::process::ExitCode {
    kafkasim::cli::main()
}
