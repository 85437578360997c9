//! What a start tells whoever made it: the address and who can sign in.
use super::UpArgs;
use crate::demo::access::{self, Access};
use std::path::Path;
use std::time::Duration;

/// The address and who can sign in.
pub fn announce(args: &UpArgs, url: &str, took: Duration, access: Option<&Access>) {
    crate::cli::say(format_args!("Headroom is at {url}  (API: {url}/docs, started in {:.1} s)", took.as_secs_f64()));
    if args.demo {
        print_demo(&args.data, url, access);
    }
    crate::cli::say(format_args!("Ctrl-C stops it; the next start goes on from there."));
}

fn print_demo(data: &Path, url: &str, access: Option<&Access>) {
    let path = access::path(data);
    let path = path.display();
    if let Some(access) = access {
        crate::cli::say(format_args!("\nDEMO: sign in at {url} as any of these (also in {path}):\n"));
        crate::cli::say(format_args!("  {:<9} {:<28} {:<22} API key", "role", "email", "password"));
        for user in &access.users {
            let (role, email, password, key) = (&user.role, &user.email, &user.password, &user.api_key);
            crate::cli::say(format_args!("  {role:<9} {email:<28} {password:<22} {key}"));
        }
    } else {
        crate::cli::say(format_args!(
            "\nDEMO: the passwords and keys of this market are in no file of {}. Put its {path} back, or start a new demo with another --data.",
            data.display()
        ));
    }
    crate::cli::say(format_args!(
        "\n60-second slots driven by a recorded trace; the first delivery is settled within 3 minutes.\n"
    ));
}
