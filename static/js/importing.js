// A cURL command pasted into the URL field fills the builder. The server reads it; nothing is saved or sent.

const form = document.querySelector("[data-builder][data-import-url]");
const CURL = /^\s*(?:[$>#%]\s*)?(?:\w+=\S+\s+)*(?!\w+:\/\/)(?:[\w./\\:-]*[/\\])?curl(?:\.exe)?\s/i;

const TEXTS = "input:not([type=hidden], [type=file])";

const announce = (text) => document.dispatchEvent(new CustomEvent("face:announce", { detail: { text } }));
const told = (control) => ["input", "change"].forEach((name) => control.dispatchEvent(new Event(name, { bubbles: true })));

function fillField(name, value) {
  const control = form.elements[name];
  if (!control) return;
  if (control instanceof RadioNodeList) {
    const radio = [...control].find((each) => each.value === value);
    if (radio) {
      radio.checked = true;
      told(radio);
    }
    return;
  }
  if (control.type === "checkbox") control.checked = value;
  else control.value = value;
  told(control);
}

function fillPairs(name, pairs) {
  const table = form.querySelector(`[data-pairs="${name}"]`);
  const rows = () => [...table.tBodies[0].rows];
  // The builder keeps an empty row at the end, which grows while it is filled.
  rows().slice(1).forEach((row) => row.remove());
  rows()[0].querySelectorAll(TEXTS).forEach((input) => (input.value = ""));
  // Of the first row's file nothing stays either.
  rows()[0].querySelector("[data-stored-file]")?.remove();
  rows()[0].querySelectorAll("[type=file]").forEach((input) => (input.value = ""));
  rows()[0].querySelectorAll("[name$=-file]").forEach((input) => (input.value = "pasted"));
  for (const pair of pairs) {
    rows().at(-1).querySelectorAll(TEXTS).forEach((input, index) => (input.value = pair[index]));
    told(rows().at(-1).querySelector("input"));
  }
}

function say(kind, sentences) {
  const place = document.getElementById("import-notes");
  const notice = Object.assign(document.createElement("div"), { className: `notice notice-${kind}` });
  notice.setAttribute("role", kind === "error" ? "alert" : "status");
  const list = document.createElement("ul");
  list.append(...sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
  const body = document.createElement("div");
  body.append(list);
  notice.append(body);
  place.replaceChildren(notice);
}

async function read(text) {
  const answer = await fetch(form.dataset.importUrl, {
    method: "POST",
    headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: new URLSearchParams({ curl: text }),
  });
  if (answer.status === 422) {
    say("error", [(await answer.json()).refusal]);
    return;
  }
  if (!answer.ok) {
    say("error", ["The command could not be read. Reload the page and try again."]);
    return;
  }
  const { fields, pairs, notes } = await answer.json();
  Object.entries(pairs).forEach(([name, rows]) => fillPairs(name, rows));
  Object.entries(fields).forEach(([name, value]) => fillField(name, value));
  say("info", ["The builder was filled from the cURL command. Look it over, then press Run.", ...notes]);
  announce("The builder was filled from the cURL command");
}

if (form) {
  form.elements.url.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!CURL.test(text)) return;
    event.preventDefault();
    read(text).catch(() => say("error", ["The server could not be reached. Check the network and try again."]));
  });
}
