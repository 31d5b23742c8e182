//! `[admin]` checked: names that a browser could call us by, and networks.

use std::path::Path;

use url::Host;

use super::Admin;
use crate::problem::Problem;
use crate::upstream::egress::Net;

impl Admin {
    /// Everything in it that cannot be meant. `line` tells where a key stands in the file.
    pub(super) fn problems(
        &self,
        file: &Path,
        line: impl Fn(&str) -> Option<usize>,
    ) -> Vec<Problem> {
        let problem = |key: &str, what: String, mend: &str| {
            Problem::error(file, line(key), format!("admin.{key}: {what}"), mend)
        };
        let hosts = self.hosts.iter().filter(|name| !is_host(name)).map(|name| {
            let what = format!("`{name}` is no host name");
            problem("hosts", what, "write a name without scheme and port, such as \"edit.lan\"")
        });
        let proxies = self.trusted_proxies.iter().filter(|net| Net::parse(net).is_none());
        let proxies = proxies.map(|net| {
            let what = format!("`{net}` is no address or network");
            problem("trusted_proxies", what, "write for example \"10.0.0.2\" or \"172.16.0.0/12\"")
        });
        hosts.chain(proxies).collect()
    }
}

/// As a browser would write it, but for capitals: any other would never be met.
fn is_host(text: &str) -> bool {
    Host::parse(text).is_ok_and(|host| host.to_string().eq_ignore_ascii_case(text))
        && !text.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(hosts: &[&str], proxies: &[&str]) -> Admin {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Admin { hosts: owned(hosts), trusted_proxies: owned(proxies), insecure_http: true }
    }

    #[test]
    fn what_cannot_be_meant_is_said_with_its_line() {
        let line = |key: &str| Some(if key == "hosts" { 7 } else { 8 });
        let problems = |admin: Admin| admin.problems(Path::new("x.toml"), line);
        let fine = admin(
            &["edit.lan", "Edit.LAN", "10.0.0.7", "[fd00::1]"],
            &["10.0.0.2", "172.16.0.0/12", "fd00::/8"],
        );
        assert_eq!(problems(fine), []);
        for host in ["", "http://edit.lan", "edit.lan:80", "*.lan", "edit.lan/x", "ed it"] {
            let found = problems(admin(&[host], &[]));
            assert_eq!(found.len(), 1, "{host}");
            assert!(found[0].to_string().starts_with("x.toml:7: admin.hosts: "), "{found:?}");
        }
        for net in ["", "proxy.lan", "10.0.0.0/33", "10.0.0", "*"] {
            let found = problems(admin(&[], &[net]));
            assert_eq!(found.len(), 1, "{net}");
            assert!(found[0].to_string().starts_with("x.toml:8: admin.trusted_prox"), "{found:?}");
        }
    }
}
