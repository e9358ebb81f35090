// The request builder: parameters and URL say the same, sub-tabs show what was chosen, an answer's hints fill fields.

const form = document.querySelector("[data-builder]");

// --- rows of pairs

const rowsOf = (table) => [...table.tBodies[0].rows];
const inputsOf = (row) => [...row.querySelectorAll("input:not([type=hidden], [type=file])")];
const fileOf = (row) => row.querySelector("input[type=file]");
const isEmpty = (row) => inputsOf(row).every((input) => !input.value) && !fileOf(row)?.value && !row.querySelector("[data-stored-file]");

function number(table) {
  rowsOf(table).forEach((row, index) => {
    const [name, value] = inputsOf(row);
    name.setAttribute("aria-label", `Name of row ${index + 1}`);
    value.setAttribute("aria-label", `Value of row ${index + 1}`);
    row.querySelector("[data-remove-pair]").setAttribute("aria-label", `Remove row ${index + 1}`);
    fileOf(row)?.setAttribute("aria-label", `${row.querySelector("[data-stored-file]") ? "Replace the file" : "File"} of row ${index + 1}`);
  });
  const count = form.querySelector(`[data-count="${table.dataset.pairs}"]`);
  if (count) {
    count.textContent = rowsOf(table).filter((row) => !isEmpty(row)).length;
    count.hidden = count.textContent === "0";
  }
}

let filesNamed = 0;

/** Gives a row a key of its own, under which its file is posted; nothing of another row's file stays. */
function nameFile(row) {
  const key = `row-${(filesNamed += 1)}`;
  row.querySelector("[data-stored-file]")?.remove();
  row.querySelector("[name$=-file]").value = key;
  Object.assign(fileOf(row), { name: `body_pairs-upload-${key}`, value: "" });
}

function addRow(table, name = "", value = "") {
  const row = rowsOf(table).at(-1).cloneNode(true);
  const [nameInput, valueInput] = inputsOf(row);
  [nameInput.value, valueInput.value] = [name, value];
  if (fileOf(row)) nameFile(row);
  table.tBodies[0].append(row);
  return row;
}

function keepOneEmptyRow(table) {
  if (!isEmpty(rowsOf(table).at(-1))) addRow(table);
  number(table);
}

// --- the query, read and written like requests_builder/rendering/addresses.py does

const decode = (text) => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
};
const encode = (text) => encodeURIComponent(text).replaceAll("%20", "+");

function piecesOf(url) {
  const front = url.split("#", 1)[0];
  const at = front.indexOf("?");
  return at < 0 ? [] : front.slice(at + 1).split("&").filter(Boolean);
}

function pairOf(piece) {
  const at = piece.indexOf("=");
  return at < 0 ? [decode(piece), ""] : [decode(piece.slice(0, at)), decode(piece.slice(at + 1))];
}

/** The URL with these pairs as its query; a pair that was there keeps the very bytes it was written with. */
function withPairs(url, pairs) {
  const written = new Map();
  for (const piece of piecesOf(url)) {
    const key = JSON.stringify(pairOf(piece));
    written.set(key, [...(written.get(key) ?? []), piece]);
  }
  const query = pairs.map((pair) => written.get(JSON.stringify(pair))?.shift() ?? pair.map(encode).join("=")).join("&");
  const [front, ...rest] = url.split("#");
  return front.split("?", 1)[0] + (query ? `?${query}` : "") + (rest.length ? `#${rest.join("#")}` : "");
}

function urlFromParameters(table, url) {
  const pairs = rowsOf(table).filter((row) => !isEmpty(row)).map((row) => inputsOf(row).map((input) => input.value));
  url.value = withPairs(url.value, pairs);
}

function parametersFromUrl(table, url) {
  const pairs = piecesOf(url.value).map(pairOf);
  const rows = rowsOf(table);
  pairs.forEach(([name, value], index) => {
    const [nameInput, valueInput] = inputsOf(rows[index] ?? addRow(table));
    [nameInput.value, valueInput.value] = [name, value];
  });
  rowsOf(table).slice(Math.max(pairs.length, 1)).forEach((row) => row.remove());
  if (!pairs.length) inputsOf(rowsOf(table)[0]).forEach((input) => (input.value = ""));
  keepOneEmptyRow(table);
}

// --- what is shown for a choice

function show(control) {
  const name = control.name;
  const group = control.matches("select") ? form : control.closest("section");
  const parts = control.matches("select")
    ? form.querySelectorAll(`[data-shown-by="${name}"]`)
    : group.querySelectorAll("[data-shown-for]");
  parts.forEach((part) => (part.hidden = !part.dataset.shownFor.split(" ").includes(control.value)));
}

// --- what is wrong, said where it was typed

const controlOf = (name) => {
  const control = form.elements[name] ?? form.elements[`${name}-name`];
  return control instanceof RadioNodeList ? control[0] : control;
};

function clearProblems() {
  form.querySelectorAll("[data-problem], .field > [id$=_error]").forEach((problem) => problem.remove());
  form.querySelectorAll("[aria-invalid]").forEach((control) => {
    control.removeAttribute("aria-invalid");
    const others = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => document.getElementById(id));
    if (others.length) control.setAttribute("aria-describedby", others.join(" "));
    else control.removeAttribute("aria-describedby");
  });
}

function showProblems(list) {
  let first = null;
  for (const item of list) {
    const name = item.dataset.problemOf;
    const control = controlOf(name);
    const holder = control?.closest(".field, fieldset, table") ?? null;
    if (!holder) continue;
    const problem = Object.assign(document.createElement("p"), { className: "field-error", id: `problem-of-${name}`, textContent: item.querySelector("span").textContent });
    problem.dataset.problem = name;
    if (holder.matches(".field")) holder.append(problem);
    else holder.after(problem);
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", `${problem.id} ${control.getAttribute("aria-describedby") ?? ""}`.trim());
    first ??= control;
  }
  // app.js opens the tab of a field that is said to be invalid.
  first?.dispatchEvent(new Event("invalid"));
  first?.focus();
}

// --- a consent page in this very tab: what was typed waits here for the way back, but for secrets

const DRAFT = `draft:${location.pathname}`;
const isKept = (control) => control.name && (control.name === "mapping" || !["password", "hidden", "submit", "button"].includes(control.type)) && !control.closest("[data-pairs]");

function keepDraft() {
  const fields = [...form.elements].filter(isKept).filter((control) => control.type !== "radio" || control.checked);
  const values = fields.map((control) => [control.name, control.type === "checkbox" ? control.checked : control.value]);
  const pairs = rowsOf(form.querySelector("[data-pairs=headers]")).map((row) => inputsOf(row).map((input) => input.value));
  sessionStorage.setItem(DRAFT, JSON.stringify({ values, pairs }));
}

function restoreDraft() {
  const draft = sessionStorage.getItem(DRAFT);
  sessionStorage.removeItem(DRAFT);
  // Only on the way back, which names the connection that was made.
  if (!draft || !new URLSearchParams(location.search).has("connection")) return;
  const { values, pairs } = JSON.parse(draft);
  for (const [name, value] of values) {
    if (name === "connection" || name === "authorization_kind" || !form.elements[name]) continue;
    if (form.elements[name].type === "checkbox") form.elements[name].checked = value;
    else form.elements[name].value = value;
  }
  const headers = form.querySelector("[data-pairs=headers]");
  pairs.forEach(([name, value], index) => {
    const [nameInput, valueInput] = inputsOf(rowsOf(headers)[index] ?? addRow(headers));
    [nameInput.value, valueInput.value] = [name, value];
  });
  keepOneEmptyRow(headers);
  parametersFromUrl(form.querySelector("[data-pairs=parameters]"), form.elements.url);
}

function fill(name, value) {
  const control = form.elements[name];
  control.value = value;
  control.dispatchEvent(new Event("change", { bubbles: true }));
}

if (form) {
  const parameters = form.querySelector("[data-pairs=parameters]");
  const url = form.elements.url;

  form.addEventListener("input", (event) => {
    const table = event.target.closest("[data-pairs]");
    if (table) keepOneEmptyRow(table);
    if (table === parameters) urlFromParameters(parameters, url);
    if (event.target === url) parametersFromUrl(parameters, url);
  });
  form.addEventListener("change", (event) => {
    if (event.target.closest("[data-shows]")) show(event.target);
  });
  form.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove-pair]");
    if (remove) {
      const table = remove.closest("[data-pairs]");
      const next = remove.closest("tr").nextElementSibling ?? remove.closest("tr").previousElementSibling;
      if (rowsOf(table).length > 1) remove.closest("tr").remove();
      else {
        inputsOf(remove.closest("tr")).forEach((input) => (input.value = ""));
        if (fileOf(remove.closest("tr"))) nameFile(remove.closest("tr"));
      }
      keepOneEmptyRow(table);
      if (table === parameters) urlFromParameters(parameters, url);
      (next ?? rowsOf(table)[0]).querySelector("input").focus();
    }
    const path = event.target.closest("[data-use-path]");
    if (path) {
      fill("records_path", path.dataset.usePath);
      form.querySelector("[data-run]").click();
    }
  });
  // Enter in a field sends the request once: saving is said with a button.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=radio], [type=checkbox])")) {
      event.preventDefault();
      form.querySelector("[data-run]")?.click();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const hint = event.target.querySelector?.("[data-answer][data-records-path]");
    if (hint && !form.elements.records_path.value) fill("records_path", hint.dataset.recordsPath);
    // The answer begins below the edge of a small window: its first line must be seen without scrolling.
    if (event.target.id === "answer") event.target.querySelector(".notice, .stats")?.scrollIntoView({ block: "nearest" });
    if (event.target.id === "problems") showProblems(event.target.querySelectorAll("[data-problem-of]"));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const isTrial = ["answer", "second-page"].includes(event.detail.target.id);
    if (isTrial) clearProblems();
    // What is wrong with the form stands at its top and its fields, not where the answer goes.
    if (event.detail.xhr.status === 422 && isTrial) {
      event.detail.target = document.getElementById("problems");
      event.detail.shouldSwap = true;
      event.detail.isError = false;
      document.getElementById("problems").scrollIntoView({ block: "nearest" });
    } else if (isTrial) {
      document.getElementById("problems").replaceChildren();
    }
  });
  document.addEventListener("oauth:connected", async (event) => {
    const choices = document.getElementById("connection-choices");
    const answer = await fetch(`${choices.dataset.choicesUrl}?chosen=${event.detail.id}`);
    if (answer.ok) choices.innerHTML = await answer.text();
    // The message goes where the connection is chosen now; the window over the page has done its work.
    const dialog = document.getElementById("new-connection");
    const told = dialog.querySelector("[data-oauth-result]");
    document.getElementById("connection-message").replaceChildren(...(told?.childNodes ?? []));
    dialog.close();
  });
  document.addEventListener("oauth:leaving", keepDraft);
  restoreDraft();
  form.querySelectorAll("[data-shows] input:checked").forEach(show);
}
