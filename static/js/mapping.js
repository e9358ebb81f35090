// Response Field Mapping: the table of fields, written as JSON into the form's hidden input; what the path and the mapping
// make of the answer of the last Run is asked of the server while one types. Without a choice the input stays empty.

const form = document.querySelector("[data-builder]");
const root = document.querySelector("[data-mapping]");

const SHOWN_AT_ONCE = 100;
const SEARCH_FROM = 16;
const PAUSE = 400;
const PLAIN = { drift: "evolve", flatten: true, separator: ", ", timezone: "UTC" };
const canEdit = root?.hasAttribute("data-can-edit") ?? false;

const find = (name) => root.querySelector(`[data-mapping-${name}]`);
const state = { columns: [], options: { ...PLAIN }, isMapped: false, shown: SHOWN_AT_ONCE };

// --- the hidden input

function read() {
  const text = form.elements.mapping.value;
  let mapping = null;
  try {
    mapping = text ? JSON.parse(text) : null;
  } catch {
    // What was posted was refused; the server has said so beside it.
  }
  take(mapping);
}

/** The mapping as it is stored becomes what is shown; what is known of the answer is kept. */
function take(mapping, columns = mapping?.columns ?? []) {
  state.isMapped = Boolean(mapping);
  state.options = { ...PLAIN, ...options(mapping ?? {}) };
  state.columns = columns.map((column) => ({ included: true, arrays: "json", format: "", samples: [], here: true, misfits: 0, array: (column.arrays ?? "json") !== "json", ...column }));
}

const options = (mapping) => Object.fromEntries(Object.keys(PLAIN).filter((key) => key in mapping).map((key) => [key, mapping[key]]));

function write() {
  const columns = state.columns.map(({ path, name, type, included, arrays, format }) => ({ path, name, type, included, arrays, format }));
  form.elements.mapping.value = state.isMapped ? JSON.stringify({ columns, ...state.options }) : "";
}

function changed({ anew = false } = {}) {
  state.isMapped = true;
  write();
  tellStatus();
  ask({ anew });
}

// --- what the server makes of it

let waiting = null;
let asking = null;

function ask({ anew = false, accepts = false, at = PAUSE } = {}) {
  clearTimeout(waiting?.timer);
  asking?.abort();
  if (!canEdit || !form.elements.sample) return;
  // What was asked for and not sent yet is asked for still.
  const wanted = { anew: anew || Boolean(waiting?.anew), accepts: accepts || Boolean(waiting?.accepts) };
  waiting = { ...wanted, timer: setTimeout(() => send(wanted), at) };
}

async function send({ anew, accepts }) {
  waiting = null;
  const controller = (asking = new AbortController());
  const body = new FormData();
  for (const name of ["csrfmiddlewaretoken", "sample", "records_path", "mapping"]) body.set(name, form.elements[name].value);
  if (anew) body.set("anew", "on");
  if (accepts) body.set("accepts", "on");
  root.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(root.dataset.url, { method: "POST", body, signal: controller.signal });
    // A redirect leads to the page that one signs in at.
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    place(await answer.text(), anew || accepts);
    root.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name === "AbortError") return;
    root.removeAttribute("aria-busy");
    document.dispatchEvent(new CustomEvent("face:notify", { detail: { kind: "error", text: "The preview of the mapping could not be made. Try again in a moment." } }));
  }
}

function place(html, isAnother) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const isOpen = root.querySelector("[data-mapping-part=result] details")?.open;
  for (const target of root.querySelectorAll("[data-mapping-part]")) {
    const part = holder.content.querySelector(`[data-part="${target.dataset.mappingPart}"]`);
    target.replaceChildren(...(part?.childNodes ?? []));
  }
  const details = root.querySelector("[data-mapping-part=result] details");
  if (details && isOpen) details.open = true;
  form.elements.records_path.toggleAttribute("data-refused", Boolean(root.querySelector("#mapping-path-problem")));
  const known = holder.content.querySelector("[data-part=state]");
  if (known) learn(JSON.parse(known.value), isAnother);
}

/** Take over what the answer says about the columns; the columns themselves only when that was asked for. */
function learn(known, isAnother) {
  if (isAnother && state.isMapped) {
    take(known.mapping, known.columns);
    write();
  } else if (!state.isMapped) {
    take(null, known.columns);
  } else {
    const byPath = new Map(known.columns.map((column) => [column.path, column]));
    for (const column of state.columns) {
      const now = byPath.get(column.path);
      if (now) Object.assign(column, { samples: now.samples, array: now.array, here: now.here, misfits: now.misfits });
    }
    rows().forEach(tellRow);
    tellStatus();
    return;
  }
  render();
}

// --- the table of fields

const rows = () => [...find("rows").rows];
const columnOf = (row) => state.columns.find((column) => column.path === row.dataset.path);
const cellOf = (row, name) => row.querySelector(`[data-cell="${name}"]`);

function visible() {
  const wanted = find("search").querySelector("input").value.trim().toLowerCase();
  return wanted ? state.columns.filter((column) => `${column.path} ${column.name}`.toLowerCase().includes(wanted)) : state.columns;
}

function render() {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const [path, name] = [focused?.closest("tr")?.dataset.path, focused?.dataset.cell];
  const found = visible();
  find("editor").hidden = !state.columns.length;
  find("search").hidden = state.columns.length < SEARCH_FROM;
  find("rows").replaceChildren(...found.slice(0, state.shown).map(rowOf));
  find("more").hidden = found.length <= state.shown;
  find("more").firstElementChild.textContent = `Show more of ${found.length.toLocaleString("en")} fields`;
  for (const [name, value] of Object.entries(state.options)) put(root.querySelector(`#mapping-${name}`), value);
  if (path && name) rows().find((row) => row.dataset.path === path)?.querySelector(`[data-cell="${name}"]`)?.focus();
  tellStatus();
}

/** Have a control show this and hold it for untouched: what differs from its default counts as typed by somebody. */
function put(control, value) {
  if (control.type === "checkbox") control.checked = control.defaultChecked = value;
  else if (control.matches("select")) for (const option of control.options) option.selected = option.defaultSelected = option.value === value;
  else control.value = control.defaultValue = value;
}

function rowOf(column) {
  const row = root.querySelector("template[data-mapping-row]").content.firstElementChild.cloneNode(true);
  row.dataset.path = column.path;
  cellOf(row, "path").textContent = column.path;
  const labels = { included: "Include", name: "Column of", type: "Type of", arrays: "What becomes of the list", format: "Form of the dates in" };
  for (const [name, label] of Object.entries(labels)) cellOf(row, name).setAttribute("aria-label", `${label} ${column.path}`);
  cellOf(row, "up").setAttribute("aria-label", `Move ${column.path} up`);
  cellOf(row, "down").setAttribute("aria-label", `Move ${column.path} down`);
  for (const name of ["included", "name", "type", "arrays", "format"]) put(cellOf(row, name), column[name]);
  for (const control of row.querySelectorAll("input, select, button")) control.disabled = !canEdit;
  tellRow(row);
  return row;
}

/** What a row says beside its fields. */
function tellRow(row) {
  const column = columnOf(row);
  row.classList.toggle("is-left-out", !column.included);
  cellOf(row, "gone").hidden = column.here;
  cellOf(row, "samples").textContent = column.samples.join(" · ");
  cellOf(row, "misfits").hidden = !column.misfits;
  cellOf(row, "misfits").lastElementChild.textContent = column.misfits === 1 ? "1 value does not fit" : `${column.misfits.toLocaleString("en")} values do not fit`;
  cellOf(row, "arrays").hidden = !column.array;
  cellOf(row, "type").disabled = !canEdit || column.arrays === "join";
  cellOf(row, "format").hidden = !["date", "datetime"].includes(column.type);
}

function tellStatus() {
  const chosen = state.columns.filter((column) => column.included).length;
  const count = (number) => number.toLocaleString("en");
  let text = "Everything is taken as it comes.";
  if (state.isMapped && !state.columns.length) text = "Every field becomes a column.";
  else if (state.isMapped) text = `${count(chosen)} of ${count(state.columns.length)} fields become columns.`;
  else if (state.columns.length) text += " Change something here to choose the fields.";
  else if (canEdit) text += " Press Run to see the fields of the records and to choose among them.";
  if (find("status").textContent !== text) find("status").textContent = text;
}

function change(control) {
  const row = control.closest("tr");
  const column = columnOf(row);
  const name = control.dataset.cell;
  const before = column[name];
  column[name] = name === "included" ? control.checked : control.value;
  if (name === "arrays") {
    if (column.arrays === "join") column.type = cellOf(row, "type").value = "text";
    if (column.arrays === "json") column.type = cellOf(row, "type").value = "json";
    if (column.arrays === "rows") {
      // There is one such list at most, and of elements with fields the fields are what is wanted.
      state.columns.filter((other) => other !== column && other.arrays === "rows").forEach((other) => (other.arrays = "json"));
      if (/^\[\s*\{/.test(column.samples[0] ?? "")) column.included = cellOf(row, "included").checked = false;
    }
  }
  if (name === "type" && !["date", "datetime"].includes(column.type)) column.format = cellOf(row, "format").value = "";
  tellRow(row);
  changed({ anew: name === "arrays" && [before, column.arrays].includes("rows") });
}

function move(column, other, isAfter) {
  if (!other || column === other) return;
  state.columns.splice(state.columns.indexOf(column), 1);
  state.columns.splice(state.columns.indexOf(other) + (isAfter ? 1 : 0), 0, column);
  render();
  changed();
}

function moveByButton(button) {
  const row = button.closest("tr");
  const isDown = button.dataset.cell === "down";
  const shown = visible();
  const column = columnOf(row);
  move(column, shown[shown.indexOf(column) + (isDown ? 1 : -1)], isDown);
  const place = visible().indexOf(column) + 1;
  document.dispatchEvent(new CustomEvent("face:announce", { detail: { text: `${column.name}: place ${place} of ${visible().length}` } }));
}

// --- what people do

function onClick(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const { cell, mappingPath } = button.dataset;
  if (cell === "up" || cell === "down") moveByButton(button);
  else if (mappingPath !== undefined) {
    form.elements.records_path.value = mappingPath;
    ask({ at: 0 });
  } else if (button.hasAttribute("data-mapping-accept")) ask({ accepts: true, at: 0 });
  else if (button.hasAttribute("data-mapping-all") || button.hasAttribute("data-mapping-none")) {
    const included = button.hasAttribute("data-mapping-all");
    visible().forEach((column) => (column.included = included));
    render();
    changed();
  } else if (button.hasAttribute("data-mapping-reset")) {
    take(null, state.columns);
    write();
    render();
    ask({ at: 0 });
  } else if (button.closest("[data-mapping-more]")) {
    state.shown += SHOWN_AT_ONCE;
    render();
  }
}

function onInput(event) {
  const control = event.target;
  if (control === form.elements.records_path) ask();
  else if (control.type === "search") {
    state.shown = SHOWN_AT_ONCE;
    render();
  } else if (control.matches("input[data-cell=name], input[data-cell=format]")) change(control);
}

function onChange(event) {
  const control = event.target;
  if (control.matches("select[data-cell], [data-cell=included]")) change(control);
  const option = control.id.replace("mapping-", "");
  if (!(option in PLAIN)) return;
  state.options[option] = option === "flatten" ? control.checked : control.value;
  changed({ anew: option === "flatten" });
}

let dragged = null;

function makeDraggable(tbody) {
  // Only while the handle is held: a row that can always be dragged lets nobody select text in its fields.
  tbody.addEventListener("pointerdown", (event) => {
    if (canEdit && event.target.closest("[data-cell=handle]")) event.target.closest("tr").draggable = true;
  });
  tbody.addEventListener("dragstart", (event) => {
    dragged = columnOf(event.target.closest("tr"));
    event.dataTransfer.effectAllowed = "move";
  });
  tbody.addEventListener("dragover", (event) => dragged && event.preventDefault());
  tbody.addEventListener("drop", (event) => {
    const row = event.target.closest("tr");
    if (!dragged || !row) return;
    event.preventDefault();
    const { top, height } = row.getBoundingClientRect();
    move(dragged, columnOf(row), event.clientY > top + height / 2);
  });
  tbody.addEventListener("dragend", () => {
    dragged = null;
    rows().forEach((row) => (row.draggable = false));
  });
}

if (form && root) {
  root.addEventListener("click", onClick);
  root.addEventListener("input", onInput);
  root.addEventListener("change", onChange);
  // Enter sends the request, but not from a field that only says what becomes of the answer.
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input") || event.target === form.elements.records_path) return;
    event.preventDefault();
    event.stopPropagation();
  });
  makeDraggable(find("rows"));
  document.addEventListener("htmx:afterSwap", (event) => event.target.id === "answer" && ask({ at: 0 }));
  form.elements.records_path.addEventListener("change", () => ask());
  read();
  render();
  for (const control of find("editor").querySelectorAll("input, select, button")) if (control.type !== "search") control.disabled = !canEdit;
  root.dataset.ready = "";
  ask({ at: 0 });
}
