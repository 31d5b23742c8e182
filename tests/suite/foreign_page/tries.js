// Everything a page can send to a server on this machine, one try a way. Each request says by which
// try it came. Returns what the page could learn.
const [target, edit, picture, done, running, provider] = arguments;
const learnt = [];
const at = (path, by) => `${target}${path}?by=${by}`;

// What a script can ask for.
const asks = async (by, path, options) => {
  try {
    const answer = await fetch(at(path, by), options);
    if (answer.ok) learnt.push(`${by}: ${(await answer.text()).slice(0, 300)}`);
  } catch {
    // The browser keeps the answer to itself.
  }
};
const json = (method, body) => ({ method, body, headers: { "content-type": "application/json" } });
const blind = (body, more) => ({ method: "POST", mode: "no-cors", body, ...more });

// What an element loads; that it did is something learnt.
const loads = (by, tag, set) =>
  new Promise((over) => {
    const element = document.createElement(tag);
    element.onload = () => {
      const hidden = tag === "iframe" || tag === "object";
      const document = hidden ? element.contentDocument : null;
      const text = document?.body?.textContent;
      const isRefused = text?.startsWith('{"error"');
      if (!hidden || (text && !isRefused)) learnt.push(`${by}: ${text ?? element.naturalWidth ?? "loaded"}`);
      over();
    };
    element.onerror = () => over();
    set(element);
    document.documentElement.append(element);
  });

// A form that sends itself, into a frame of this page.
const sends = (by, path, enctype, fields) =>
  loads(by, "iframe", (frame) => {
    frame.name = by;
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: at(path, by), target: by, enctype });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      input.name = name;
      if (value instanceof File) {
        input.type = "file";
        const files = new DataTransfer();
        files.items.add(value);
        input.files = files.files;
      } else {
        input.value = value;
      }
      form.append(input);
    }
    document.documentElement.append(form);
    setTimeout(() => form.submit());
  });

// The same from a document of its own, which hides where it is.
const hides = (by, sandbox, path) => {
  const frame = document.createElement("iframe");
  if (sandbox) frame.sandbox = sandbox;
  frame.srcdoc =
    `<meta name=referrer content=no-referrer><form method=POST enctype=multipart/form-data ` +
    `action="${at(path, by)}"><input name=prompt value=grey></form>` +
    `<script>document.forms[0].submit()</script>`;
  document.documentElement.append(frame);
};

// A connection that stays open.
const opens = (by, connection) =>
  new Promise((over) => {
    connection.onopen = connection.onmessage = (event) => {
      learnt.push(`${by}: ${event.type}`);
      connection.close();
      over();
    };
    connection.onerror = () => (connection.close(), over());
  });

const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
const file = new File([bytes], "a.png", { type: "image/png" });
const fields = { prompt: "grey", image: file };
const form = new FormData();
for (const [name, value] of Object.entries(fields)) form.append(name, value);
const forged = { authorization: "Bearer x", "x-forwarded-for": "127.0.0.1" };
const forbidden = { origin: target, host: "127.0.0.1", "sec-fetch-site": "same-origin" };
const edits = "/v1/images/edits";
const image = `/v1/jobs/${done}/images/0`;
const admin = "/admin/api";
const one = `${admin}/providers/${provider}`;

await asks("read", "/v1/jobs", {});
await asks("read-blind", "/v1/jobs", { mode: "no-cors" });
await asks("read-one", `/v1/jobs/${done}`, {});
await asks("read-providers", `${admin}/providers`, {});
await asks("read-metrics", "/metrics", {});
await loads("img", "img", (it) => (it.src = at(image, "img")));
await loads("img-cors", "img", (it) => ((it.crossOrigin = "use-credentials"), (it.src = at(image, "img-cors"))));
await loads("script", "script", (it) => (it.src = at("/v1/jobs", "script")));
await loads("module", "script", (it) => ((it.type = "module"), (it.src = at("/v1/jobs", "module"))));
await loads("style", "link", (it) => ((it.rel = "stylesheet"), (it.href = at("/v1/models", "style"))));
await loads("frame", "iframe", (it) => (it.src = at("/v1/jobs", "frame")));
await loads("object", "object", (it) => (it.data = at("/v1/jobs", "object")));
await opens("events", new EventSource(at(`/v1/jobs/${done}/events`, "events")));
await opens("socket", new WebSocket(at(`/v1/jobs/${done}/events`, "socket").replace("http", "ws")));

await asks("json", edits, json("POST", edit));
await asks("text", edits, blind(edit));
await asks("fetch-form", edits, blind(form));
await asks("forged", edits, { method: "POST", body: form, headers: forged });
await asks("forbidden", edits, blind(form, { headers: forbidden }));
await asks("no-referrer", edits, blind(form, { referrerPolicy: "no-referrer" }));
await asks("job", "/v1/jobs", blind(form, { keepalive: true }));
await sends("form", edits, "multipart/form-data", fields);
await sends("urlencoded", edits, "application/x-www-form-urlencoded", { prompt: "grey" });
await sends("plain", edits, "text/plain", { [`${edit.slice(0, -1)},"user":"`]: `"}` });
hides("sandboxed", "allow-forms allow-scripts", edits);
hides("nameless", null, edits);
navigator.sendBeacon(at(edits, "beacon"), form);
navigator.sendBeacon(at("/v1/jobs", "beacon-text"), edit);

await asks("cancel", `/v1/jobs/${running}/cancel`, blind());
await sends("cancel-form", `/v1/jobs/${running}/cancel`, "text/plain", {});
await asks("forget", `/v1/jobs/${done}`, { method: "DELETE" });
await asks("resolve", `${admin}/jobs/${running}/resolve`, blind('{"not_created":true}'));
await asks("reload", `${admin}/reload`, blind());
await asks("check", `${admin}/providers/${provider}/check`, blind());
await sends("check-form", `${admin}/check`, "multipart/form-data", {});
await asks("create", `${admin}/providers`, blind('{"name":"theirs","type":"runninghub-rhart-edit"}'));
await asks("key", `${admin}/keys`, blind('{"name":"theirs"}'));
await asks("disable", `${one}/disable`, blind());
await sends("duplicate", `${one}/duplicate`, "text/plain", {});
await asks("change", one, json("PATCH", '{"hosts":{"domestic":"http://127.0.0.1:1"}}'));
await asks("replace", one, json("PUT", "{}"));
await asks("remove", one, { method: "DELETE" });
await asks("sign-in", `${admin}/session`, blind('{"password":"12345678"}'));
await sends("set-up", "/admin/setup", "application/x-www-form-urlencoded", { password: "12345678" });
await asks("password", `${admin}/password`, json("PUT", '{"password":"12345678"}'));
window.open(at(`/v1/jobs/${done}`, "window"));
return learnt;
