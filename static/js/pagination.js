// Pagination in the builder: what is shown for a kind, a suggestion that fills the fields, and what a path leads to in the
// answer of the last Run, said under its field while it is typed.

const form = document.querySelector("[data-builder]");
const holder = form?.querySelector("[data-pagination]");

// Each part names the kinds, ends or extents that it belongs to.
const SHOWN_BY = { kinds: "pagination_kind", ends: "pagination_end", extents: "pagination_extent" };

function show() {
  for (const [attribute, name] of Object.entries(SHOWN_BY)) {
    const chosen = form.elements[name].value;
    holder.querySelectorAll(`[data-${attribute}]`).forEach((part) => (part.hidden = !part.dataset[attribute].split(" ").includes(chosen)));
  }
}

function use(fields) {
  for (const [name, value] of Object.entries(fields)) {
    const control = form.elements[name];
    control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
    control.dispatchEvent(new Event("change", { bubbles: true }));
  }
  form.elements.pagination_kind.scrollIntoView({ block: "center" });
  form.elements.pagination_kind.focus();
}

const roleOf = (part) => {
  const role = part.dataset.checked;
  const source = form.elements.cursor_source.value;
  return role === "cursor" && source !== "answer" ? `cursor_${source}` : role;
};

async function check(part) {
  if (!holder.dataset.checkUrl || !form.elements.sample || part.closest("[hidden]")) return;
  const input = part.querySelector("input");
  const body = new URLSearchParams({ role: roleOf(part), path: input?.value ?? "" });
  for (const name of ["csrfmiddlewaretoken", "sample", "records_path"]) body.set(name, form.elements[name].value);
  const asked = (part.asked = {});
  const answer = await fetch(holder.dataset.checkUrl, { method: "POST", body }).catch(() => null);
  // Only the answer to what stands there now counts.
  if (!answer?.ok || part.asked !== asked) return;
  let place = part.querySelector("[data-check]");
  if (!place) {
    place = Object.assign(document.createElement("div"), { className: "mt-1" });
    place.dataset.check = "";
    place.setAttribute("aria-live", "polite");
    part.append(place);
  }
  place.innerHTML = await answer.text();
}

let waiting;

/** Says anew what each path that is shown leads to, once nobody types. */
function checkSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(() => holder.querySelectorAll("[data-checked]").forEach(check), 300);
}

if (holder) {
  holder.addEventListener("change", (event) => {
    if (Object.values(SHOWN_BY).includes(event.target.name)) show();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-use-pagination]");
    if (button) use(JSON.parse(button.dataset.usePagination));
  });
  for (const name of ["input", "change"]) holder.addEventListener(name, checkSoon);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "answer") checkSoon();
  });
  show();
  checkSoon();
}
