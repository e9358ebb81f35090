// A table's page: the widths of columns and which are seen, kept in this browser; the fields of a filter; a row in a dialog.
// Everything listens on the document, for htmx swaps what is below the search.

const rows = () => document.getElementById("rows");
const heads = () => [...document.querySelectorAll("#grid thead th[data-column]")];
const NARROWEST = 48;
const WIDEST = 1600;

// --- widths and hidden columns: { widths: { name: pixels }, hidden: [name] }, by table

const place = () => `table:${rows()?.dataset.table}`;
let layout = remembered();

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(place())) ?? {};
    return { widths: { ...kept.widths }, hidden: [...(kept.hidden ?? [])] };
  } catch {
    return { widths: {}, hidden: [] };
  }
}

function remember() {
  try {
    localStorage.setItem(place(), JSON.stringify(layout));
  } catch {
    // Not remembered where storage is forbidden; this page still shows it.
  }
  show();
}

// A sheet of its own: the policy of our pages forbids styles in attributes, and this outlives what htmx swaps.
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

function show() {
  const rules = heads().flatMap((head, index) => {
    const cells = `#grid :is(th, td):nth-child(${index + 2})`;
    const width = layout.widths[head.dataset.column];
    return [
      ...(layout.hidden.includes(head.dataset.column) ? [`${cells} { display: none; }`] : []),
      ...(width ? [`${cells} { min-width: ${width}px; max-width: ${width}px; }`] : []),
    ];
  });
  sheet.replaceSync(rules.join("\n"));
}

function setWidth(name, width) {
  if (width) layout.widths[name] = Math.round(Math.min(WIDEST, Math.max(NARROWEST, width)));
  else delete layout.widths[name];
}

// --- by the mouse: a handle at the right of each head; twice on it: as wide as before

function addHandles() {
  for (const head of heads()) {
    if (head.querySelector(".grid-handle")) continue;
    const handle = document.createElement("span");
    handle.className = "grid-handle";
    handle.setAttribute("aria-hidden", "true");
    head.append(handle);
  }
}

document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest?.(".grid-handle");
  if (!handle) return;
  event.preventDefault();
  const head = handle.closest("th");
  const from = event.clientX - head.offsetWidth;
  handle.setPointerCapture(event.pointerId);
  const move = (moved) => {
    setWidth(head.dataset.column, moved.clientX - from);
    show();
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("lostpointercapture", () => {
    handle.removeEventListener("pointermove", move);
    remember();
  }, { once: true });
});

document.addEventListener("dblclick", (event) => {
  const handle = event.target.closest?.(".grid-handle");
  if (!handle) return;
  setWidth(handle.closest("th").dataset.column, null);
  remember();
});

// --- by the keyboard: the menu of columns

function fillColumns(menu) {
  const items = menu.querySelector(".grid-columns");
  items.replaceChildren();
  heads().forEach((head, index) => {
    const name = head.dataset.column;
    const line = Object.assign(document.createElement("div"), { className: "grid-column" });
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !layout.hidden.includes(name) });
    label.append(box, Object.assign(document.createElement("span"), { textContent: name }));
    const width = Object.assign(document.createElement("input"), {
      type: "number", className: "input input-sm", min: NARROWEST, max: WIDEST, step: 10, placeholder: "auto", id: `width-${index}`,
      value: layout.widths[name] ?? "",
    });
    width.setAttribute("aria-label", `Width of ${name} in pixels`);
    box.addEventListener("change", () => {
      layout.hidden = layout.hidden.filter((each) => each !== name);
      if (!box.checked) layout.hidden.push(name);
      remember();
    });
    width.addEventListener("change", () => {
      setWidth(name, Number(width.value));
      width.value = layout.widths[name] ?? "";
      remember();
    });
    line.append(label, width);
    items.append(line);
  });
  const reset = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: "Show all, automatic widths" });
  reset.addEventListener("click", () => {
    layout = { widths: {}, hidden: [] };
    remember();
    fillColumns(menu);
    menu.querySelector("input")?.focus();
  });
  items.append(reset);
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("[data-columns]") && event.target.open) fillColumns(event.target);
}, true);

// --- a filter: only what can be asked of the column, and only the values that are compared

function fitFilter() {
  const column = document.getElementById("filter-column");
  const operator = document.getElementById("filter-operator");
  const value = document.getElementById("filter-value");
  const until = document.getElementById("filter-until");
  if (!column) return;
  const chosen = column.selectedOptions[0];
  const known = chosen?.dataset.operators?.split(" ");
  for (const option of operator.options) option.hidden = option.disabled = Boolean(known) && !known.includes(option.value);
  if (operator.selectedOptions[0]?.disabled) operator.value = known[0];
  const operands = Number(operator.selectedOptions[0]?.dataset.operands ?? 1);
  const input = { date: "date", datetime: "datetime-local" }[chosen?.dataset.type] ?? "text";
  for (const field of [value, until]) if (field.type !== input) field.type = input;
  value.hidden = operands < 1;
  document.querySelector("label[for=filter-value]").hidden = operands < 1;
  for (const part of document.querySelectorAll("[data-until]")) part.hidden = operands < 2;
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("#filter-column, #filter-operator")) fitFilter();
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("[data-filter]") && event.target.open) {
    fitFilter();
    document.getElementById("filter-column").focus();
  }
}, true);

// --- a row in a dialog, where its page would be; with a modifier key the page opens as links do

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-row]");
  const dialog = document.getElementById("row-dialog");
  if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await htmx.ajax("GET", link.href, { target: "#row-body", swap: "innerHTML", source: dialog });
  if (document.getElementById("row-title")) dialog.showModal();
});

document.getElementById("row-dialog")?.addEventListener("close", () => document.getElementById("row-body").replaceChildren());

// --- whenever rows came

function settle() {
  addHandles();
  show();
  fitFilter();
}

settle();
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "rows" && event.target.id !== "rows") return;
  settle();
  // What is new is not read out by itself, and a link that led here is gone with the focus.
  const found = document.getElementById("found")?.textContent.trim();
  if (found) document.dispatchEvent(new CustomEvent("face:announce", { detail: { text: found } }));
  const came = event.detail.requestConfig?.elt;
  if (came?.matches?.("a") && document.activeElement === document.body) {
    document.querySelector("#rows [role=region]")?.focus({ preventScroll: true });
  }
});
