// The answer of a Run: how far it is and Cancel while it is under way; folding; and paths of the tree that fill fields.

const form = document.querySelector("[data-builder]");
const running = document.getElementById("running");
const place = document.getElementById("answer");

const announce = (text) => document.dispatchEvent(new CustomEvent("face:announce", { detail: { text } }));

// --- while it is under way

// Milliseconds: short answers are not asked about.
const QUIET = 1500;
const BEAT = 1000;
let call = null;

/** A random UUID; crypto.randomUUID is there on https and localhost only. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** As the server writes sizes. */
function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 3);
  const size = bytes / 1000 ** power;
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${["B", "kB", "MB", "GB"][power]}`;
}

function showFigures() {
  const seconds = (performance.now() - call.began) / 1000;
  const parts = [`${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`];
  if (call.received) parts.push(`${sizeOf(call.received)} received`);
  running.querySelector("[data-running-figures]").textContent = parts.join(", ");
}

async function askHowFar() {
  const asked = call;
  const answer = await fetch(`${running.dataset.progressUrl}?try=${asked.id}`).catch(() => null);
  if (call !== asked) return;
  if (answer?.status === 200) asked.received = Number(await answer.text());
  asked.next = setTimeout(askHowFar, BEAT);
}

function begin(element) {
  call = { id: newId(), began: performance.now(), received: 0, element };
  call.clock = setInterval(showFigures, 100);
  call.next = setTimeout(askHowFar, QUIET);
  showFigures();
}

function end() {
  clearInterval(call?.clock);
  clearTimeout(call?.next);
  call = null;
}

function cancel() {
  const { id, element } = call;
  const body = new URLSearchParams({ try: id, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  // The call outside ends because of this; leaving alone would only close the page's own ear.
  fetch(running.dataset.cancelUrl, { method: "POST", body, keepalive: true }).catch(() => null);
  htmx.trigger(element, "htmx:abort");
  end();
  place.replaceChildren(document.getElementById("answer-cancelled").content.cloneNode(true));
  form.querySelector("[data-run]")?.focus();
}

// --- paths

const labelOf = (input) => document.querySelector(`label[for="${input.id}"]`)?.textContent.trim() ?? input.name;
const pathFields = () =>
  [form.elements.records_path, ...form.querySelectorAll("[data-pagination] [data-checked] input")].filter((input) => input && !input.closest("[hidden]"));
let lastField = null;

/** Which fields a path can go into: those that are shown now, the one typed in last being chosen. */
function showTargets() {
  const select = place.querySelector("[data-path-target]");
  if (!select) return;
  const fields = pathFields();
  const chosen = fields.includes(lastField) ? lastField : fields.find((field) => field.name === select.value);
  select.replaceChildren(...fields.map((field) => new Option(labelOf(field), field.name, false, field === chosen)));
}

function fillIn(button, name, path) {
  const control = form.elements[name];
  control.value = path;
  for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
  announce(`${labelOf(control)}: ${path || "the answer itself"}`);
  button.dataset.done = "";
  setTimeout(() => delete button.dataset.done, 1600);
}

function onClick(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const { fillPath, useRecords, foldAll } = button.dataset;
  if (fillPath !== undefined) fillIn(button, place.querySelector("[data-path-target]").value, fillPath);
  else if (useRecords !== undefined) fillIn(button, "records_path", useRecords);
  else if (foldAll) {
    // The outermost stays open: it is the answer.
    const folds = [...document.querySelectorAll(`${foldAll} details`)].slice(1);
    const opens = folds.every((fold) => !fold.open);
    folds.forEach((fold) => (fold.open = opens));
    button.textContent = opens ? "Fold all" : "Unfold all";
  }
}

if (form && place && running) {
  place.addEventListener("click", onClick);
  running.addEventListener("click", (event) => call && event.target.closest("[data-cancel-try]") && cancel());
  form.addEventListener("focusin", (event) => {
    if (pathFields().includes(event.target)) {
      lastField = event.target;
      showTargets();
    }
  });
  form.addEventListener("change", (event) => event.target.closest("[data-pagination]") && showTargets());
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.target?.id !== "answer") return;
    begin(event.detail.elt);
    event.detail.parameters.try = call.id;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.target?.id === "answer" || event.detail.elt === call?.element) end();
  });
  document.addEventListener("htmx:afterSwap", (event) => event.target.id === "answer" && showTargets());
  showTargets();
}
