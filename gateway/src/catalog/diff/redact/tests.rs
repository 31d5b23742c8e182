use super::*;

#[track_caller]
fn assert_shown(text: &str, want: &str) {
    let shown = redacted(text);
    assert_eq!(shown.concat(), want, "{text}");
    assert_eq!(shown.len(), text.split_inclusive('\n').count(), "{text}");
}

#[test]
fn no_secret_is_left_and_no_line_is_lost() {
    for (text, want) in [
        ("api_key = \"canary\" # c\nsync = 1", "api_key = \"[secret]\" # [secret]\nsync = 1"),
        ("api_key = '''\ncanary\n'''\nb = 1\n", "api_key = \"\"\"\n\n[secret]\"\"\"\nb = 1\n"),
        ("\"api_key\" = \"canary\"\n", "\"api_key\" = \"[secret]\"\n"),
        ("[a]\nb = { api_key = \"canary\" }\n", "[a]\nb = { api_key = \"[secret]\" }\n"),
        ("a.api_key = \"canary\"\n", "a.api_key = \"[secret]\"\n"),
        ("[[a]]\nb = [{ api_key = 'canary' }]\n", "[[a]]\nb = \"[secret]\"\n"),
        ("api_key = [\n\"canary\"\n]\n", "api_key = \"\"\"\n\n[secret]\"\"\"\n"),
        ("api_key = 1234567 # 89\n", "api_key = \"[secret]\" # [secret]\n"),
        ("api_key = \"\"\"a\nb\"\"\" # old: c\n", "api_key = \"\"\"\n[secret]\"\"\" # [secret]\n"),
        ("name = \"enc:v1:canary/+_-=\" # enc:v1:canary\n", "name = \"[secret]\" # [secret]\n"),
        ("api_key = \"${env:KEY}\" # ours\n", "api_key = \"${env:KEY}\" # ours\n"),
        ("api_key = \"${file:/run/key}\"\n", "api_key = \"${file:/run/key}\"\n"),
        ("api_key = \"${canary}\"\n", "api_key = \"[secret]\"\n"),
        ("[[keys]]\nsha256 = \"9f86d081884c7d65\"\n", "[[keys]]\nsha256 = \"9f86d081884c7d65\"\n"),
        (
            "name = \"A\"\r\napi_key = \"c\" # d\r\n",
            "name = \"A\"\r\napi_key = \"[secret]\" # [secret]\r\n",
        ),
    ] {
        assert_shown(text, want);
    }
}

#[test]
fn what_nobody_knows_is_not_shown() {
    for (text, want) in [
        ("apikey = \"sk-1\" # new\n", "apikey = \"[secret]\" # [secret]\n"),
        ("api_kee = ['sk-1', 2]\n", "api_kee = \"[secret]\"\n"),
        ("bogus = 1\nodd = true\nat = 2026-01-01\n", "bogus = 1\nodd = true\nat = 2026-01-01\n"),
        ("[hosts]\nname = \"sk-1\"\n", "[hosts]\nname = \"[secret]\"\n"),
        ("name = { x = \"sk-1\" }\n", "name = { x = \"[secret]\" }\n"),
        ("aliases = [\"a\", \"b\"]\n", "aliases = [\"a\", \"b\"]\n"),
        ("[[keys]]\nkey = \"rt_1\"\n", "[[keys]]\nkey = \"[secret]\"\n"),
        ("[options]\nquality = \"high\"\n", "[options]\nquality = \"high\"\n"),
        ("[options]\nauth = \"high\"\n", "[options]\nauth = \"[secret]\"\n"),
        ("other = \"${env:KEY}\"\n", "other = \"${env:KEY}\"\n"),
        ("sk-canary-1234567 = true\n", "[secret] = true\n"),
    ] {
        assert_shown(text, want);
    }
}

#[test]
fn who_asks_at_a_host_is_not_shown() {
    for (text, want) in [
        (
            "[hosts]\ndomestic = \"https://me:pw@host\"\n",
            "[hosts]\ndomestic = \"https://[secret]@host\"\n",
        ),
        (
            "[hosts]\ndomestic = \"https://me:p/w @host\"\n",
            "[hosts]\ndomestic = \"https://[secret]@host\"\n",
        ),
        ("[hosts]\ndomestic = \"me:pw@host\"\n", "[hosts]\ndomestic = \"[secret]@host\"\n"),
        (
            "[hosts]\ndomestic = \"https://host\" # cn\n",
            "[hosts]\ndomestic = \"https://host\" # cn\n",
        ),
        ("model = \"https://me:p/w@host/x\"\n", "model = \"https://[secret]@host/x\"\n"),
        ("# see https://me:pw@host/a\n", "# see https://[secret]@host/a\n"),
        ("description = \"at ftp://me@host\"\n", "description = \"at ftp://[secret]@host\"\n"),
        ("endpoints.edit = \"/v1/edits\"\n", "endpoints.edit = \"/v1/edits\"\n"),
    ] {
        assert_shown(text, want);
    }
}

#[test]
fn words_like_secrets_are_not_shown_in_prose() {
    for (text, want) in [
        ("# was sk-canary-12345678.\n", "# was [secret]\n"),
        ("model = \"m\" # not abcdefghijklmnop1!\n", "model = \"m\" # not [secret]!\n"),
        ("# api_key = \"canary\"\r\nb = 1\r\n", "# api_key = [secret]\r\nb = 1\r\n"),
        ("# api_key = \"${env:KEY}\"\n", "# api_key = \"${env:KEY}\"\n"),
        ("# apikee = \"hunter2\"\n", "# apikee = [secret]\n"),
        ("# the old key: hunter2\n", "# the old key: [secret]\n"),
        ("# model = \"m-1\"\n", "# model = \"m-1\"\n"),
        ("# ${env:RETOUCH_SECRET_OPENAI_1} is it\n", "# ${env:RETOUCH_SECRET_OPENAI_1} is it\n"),
        (
            "# see /run/secrets/a/b/c/d1 or https://wiki.example/a/1\n",
            "# see /run/secrets/a/b/c/d1 or https://wiki.example/a/1\n",
        ),
        ("# https://wiki.example/?t=abcdefgh12345678\n", "# https://wiki.example/?t=[secret]\n"),
        (
            "# 把图片变成2024年的油画风格请保留所有细节\n",
            "# 把图片变成2024年的油画风格请保留所有细节\n",
        ),
        ("prompt = \"in oil: {prompt}, 4K\"\n", "prompt = \"in oil: {prompt}, 4K\"\n"),
        (
            "prompt = \"\"\"\na # b\nsk-canary-12345678\n\"\"\"\n",
            "prompt = \"\"\"\na # b\n[secret]\n\"\"\"\n",
        ),
        ("[variables]\nmood = \"sk-canary-12345678\"\n", "[variables]\nmood = \"[secret]\"\n"),
        ("[hosts] # sk-canary-12345678\n", "[hosts] # [secret]\n"),
    ] {
        assert_shown(text, want);
    }
}

#[test]
fn of_what_is_no_toml_only_plain_lines_are_shown() {
    for (text, want) in [
        ("name = \napi_key = \"\"\"\ncanary\n", "[secret]\n[secret]\n[secret]\n"),
        ("name = \"A\"\napi_key: \"sk-1\"\n", "name = \"A\"\n[secret]\n"),
        ("name = \"A\"\n\napi_key = sk-1\n", "name = \"A\"\n\n[secret]\n"),
        ("=\napi_key = \"sk-1\" # old\n", "[secret]\napi_key = \"[secret]\" # [secret]\n"),
        ("=\napi_key = \"${env:KEY}\"\n", "[secret]\napi_key = \"${env:KEY}\"\n"),
        ("=\napikey = \"sk-1\"\nbogus = 7\n", "[secret]\n[secret]\n[secret]\n"),
        ("=\n# a comment\r\n", "[secret]\n[secret]\r\n"),
        (
            "=\n[hosts]\ndomestic = \"https://a:b@c\"\n",
            "[secret]\n[hosts]\ndomestic = \"https://[secret]@c\"\n",
        ),
        ("=\n[hosts]\nname = \"A\"\n", "[secret]\n[hosts]\n[secret]\n"),
        ("=\n[\"sk\"]\nname = \"A\"", "[secret]\n[secret]\n[secret]"),
        ("=\n[[keys]]\nid = \"a\"\nkey = \"b\"\n", "[secret]\n[[keys]]\nid = \"a\"\n[secret]\n"),
    ] {
        assert_shown(text, want);
    }
}

#[test]
fn what_is_shipped_is_shown_as_it_is() {
    for text in [
        include_str!("../../../../../config/examples/openai.toml"),
        include_str!("../../../../../config/examples/azure-openai.toml"),
        include_str!("../../../../../config/examples/fal.toml"),
        include_str!("../../../../../config/examples/style-oil-painting.toml"),
        include_str!("../../../../../config/providers/sandbox.toml"),
    ] {
        // What is taken out could have been anything.
        for (line, shown) in text.split_inclusive('\n').zip(redacted(text)) {
            assert!(shown == line || (line.starts_with("# ") && line.contains('=')), "{shown}");
        }
    }
}
