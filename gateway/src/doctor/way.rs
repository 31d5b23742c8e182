//! What was seen on the way to a provider, as steps: name, connection, TLS, first answer, clock.
//! Pure.

use std::net::IpAddr;

use retouch_sdk::Finding;

use super::{Step, date};
use crate::clock::Ms;
use crate::upstream::probe::{Seen, Stage, Way};

/// Signatures and expiries allow for less.
const SKEW: Ms = 60_000;

/// The steps, as far as the way was gone.
pub(super) fn steps(way: &Way, now: Ms) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(stage) = &way.addresses {
        steps.push(Step::new(name(way, stage), stage.took_ms));
        if let Some(fake) = way.shut_out.iter().copied().find(|ip| is_fake(*ip)) {
            steps.push(fake_address(&way.name, fake).into());
        }
    }
    if let Some(stage) = &way.connected {
        steps.push(Step::new(connection(way, stage), stage.took_ms));
    }
    if let Some(stage) = &way.answered {
        steps.push(Step::new(answer(way, stage), stage.took_ms));
        steps.extend(stage.came.as_ref().ok().and_then(|seen| clock(seen, now)).map(Step::from));
    }
    steps
}

/// What TUN proxies (Clash, sing-box, Surge) hand out in place of real addresses.
fn is_fake(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => matches!(v4.octets(), [198, 18 | 19, _, _]),
        IpAddr::V6(_) => false,
    }
}

fn name(way: &Way, stage: &Stage<Vec<IpAddr>>) -> Finding {
    let Way { name, proxied, .. } = way;
    match &stage.came {
        Ok(found) => {
            let list: Vec<String> = found.iter().take(4).map(ToString::to_string).collect();
            let list = list.join(", ");
            match proxied {
                true => Finding::ok(
                    "dns",
                    format!("代理 {name} → {list}"),
                    format!("the proxy {name} leads to {list}"),
                ),
                false => Finding::ok(
                    "dns",
                    format!("{name} → {list}"),
                    format!("{name} leads to {list}"),
                ),
            }
        }
        Err(("blocked", why)) => Finding::failed(
            "dns",
            format!("该地址不会被访问：{why}"),
            format!("the address is not dialled: {why}"),
        )
        .mend("检查 [hosts]", "check [hosts]"),
        Err((_, why)) => Finding::failed(
            "dns",
            format!("域名 {name} 无法解析：{why}"),
            format!("the name {name} cannot be looked up: {why}"),
        )
        .mend(
            "检查 [hosts] 的拼写与本机 DNS；需要代理时在 retouch.toml 的 [egress] 写 proxy",
            "check the spelling in [hosts] and this machine's DNS; where a proxy is needed write \
             proxy under [egress] in retouch.toml",
        ),
    }
}

/// The key's own origin is dialled wherever it leads; results come from other hosts, and those only
/// from public addresses.
fn fake_address(name: &str, ip: IpAddr) -> Finding {
    Finding::failed(
        "proxy",
        format!("{name} 解析到 {ip}：这是 TUN 代理的假地址；结果图片在别的域名上，会因“不是公网地址”下载失败"),
        format!(
            "{name} leads to {ip}, a fake address of a TUN proxy; results lie at other hosts and \
             could not be fetched, for only public addresses are"
        ),
    )
    .mend(
        "在 retouch.toml 写 [egress] allow = [\"198.18.0.0/15:443\"]，或写 proxy = \"http://127.0.0.1:端口\" 直接使用代理",
        "write [egress] allow = [\"198.18.0.0/15:443\"] in retouch.toml, or use the proxy itself \
         with proxy = \"http://127.0.0.1:PORT\"",
    )
}

fn connection(way: &Way, stage: &Stage<std::net::SocketAddr>) -> Finding {
    let Way { name, port, .. } = way;
    match &stage.came {
        Ok(address) => {
            Finding::ok("connect", format!("已连上 {address}"), format!("connected to {address}"))
        }
        Err((_, why)) if way.proxied => Finding::failed(
            "connect",
            format!("连不上代理 {name}:{port}：{why}"),
            format!("the proxy {name}:{port} takes no connection: {why}"),
        )
        .mend(
            "启动代理，或改正 retouch.toml 的 [egress] proxy",
            "start the proxy, or mend proxy under [egress] in retouch.toml",
        ),
        Err((_, why)) => Finding::failed(
            "connect",
            format!("连不上 {name}:{port}：{why}"),
            format!("{name}:{port} takes no connection: {why}"),
        )
        .mend(
            "检查 [hosts] 的地址与端口、防火墙；必要时在 [egress] 写 proxy",
            "check host and port in [hosts] and the firewall; where needed write proxy under [egress]",
        ),
    }
}

fn answer(way: &Way, stage: &Stage<Seen>) -> Finding {
    let step = if way.tls { "tls" } else { "http" };
    match &stage.came {
        Ok(seen) if way.tls => Finding::ok(
            step,
            format!("TLS 正常，服务器有应答（HTTP {}）", seen.status),
            format!("TLS is fine and the server answers (HTTP {})", seen.status),
        ),
        Ok(seen) => Finding::ok(
            step,
            format!("服务器有应答（HTTP {}）", seen.status),
            format!("the server answers (HTTP {})", seen.status),
        ),
        Err(("tls", why)) => certificate(step, why),
        Err((class, why)) => Finding::failed(
            step,
            format!("已连上，但没有得到 HTTP 应答（{class}）：{why}"),
            format!("connected, but no HTTP answer came ({class}): {why}"),
        )
        .mend(
            "确认 [hosts] 的协议（http/https）与端口；中间的防火墙或代理可能切断了连接",
            "check scheme (http or https) and port in [hosts]; a firewall or proxy between may cut it",
        ),
    }
}

fn certificate(step: &str, why: &str) -> Finding {
    let (zh, en) = match why {
        why if why.contains("Expired") => (
            "证书已过期，或本机时钟不对",
            "the certificate has expired, or this machine's clock is wrong",
        ),
        why if why.contains("NotValidYet") => (
            "证书尚未生效：本机时钟多半不对",
            "the certificate is not valid yet: this machine's clock is probably wrong",
        ),
        why if why.contains("NotValidForName") => (
            "证书不是这个域名的：域名写错，或连接被劫持",
            "the certificate is of another name: the host is mistyped, or somebody stands between",
        ),
        why if why.contains("UnknownIssuer") => (
            "证书的签发者不被信任：多半有做 HTTPS 解密的代理",
            "nobody trusted issued the certificate: probably a proxy that opens HTTPS stands between",
        ),
        _ => ("TLS 握手失败", "the TLS handshake fails"),
    };
    Finding::failed(step, format!("{zh}（{why}）"), format!("{en} ({why})")).mend(
        "检查 [hosts]、本机时间与系统 CA 证书；公司代理的根证书需装入系统",
        "check [hosts], this machine's time and its CA certificates; a company proxy's root \
         certificate must be installed in the system",
    )
}

fn clock(seen: &Seen, now: Ms) -> Option<Finding> {
    let theirs = date::parse(seen.date.as_deref()?)?;
    let off = now.abs_diff(theirs);
    let seconds = off / 1_000;
    if off <= SKEW {
        return Some(Finding::ok(
            "clock",
            format!("时钟相差 {seconds} 秒"),
            format!("the clocks differ by {seconds} s"),
        ));
    }
    let (zh, en) = if now > theirs { ("快", "ahead of") } else { ("慢", "behind") };
    Some(
        Finding::failed(
            "clock",
            format!("本机时钟比服务商{zh} {seconds} 秒：签名与有效期会出错"),
            format!("this machine's clock is {seconds} s {en} the provider's: signatures and expiries break"),
        )
        .mend(
            "校准本机时间（例如 timedatectl set-ntp true）",
            "set this machine's clock (for example timedatectl set-ntp true)",
        ),
    )
}

#[cfg(test)]
mod tests;
