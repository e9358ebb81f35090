// The requests of an imported file: the list is searched as one types, and ticks stay where they are.

const search = document.querySelector("[data-filters]");
const list = search && document.getElementById(search.dataset.filters);

function filter() {
  const words = search.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const body of list.querySelectorAll("tbody")) {
    const folder = body.dataset.folder.toLowerCase();
    let any = false;
    for (const row of body.querySelectorAll("[data-filtered]")) {
      const text = `${folder} ${row.textContent.toLowerCase()}`;
      row.hidden = !words.every((word) => text.includes(word));
      any ||= !row.hidden;
      shown += row.hidden ? 0 : 1;
    }
    body.hidden = !any;
  }
  search.querySelector("[data-filter-count]").textContent = `${shown} request${shown === 1 ? "" : "s"}`;
}

const boxes = () => [...list.querySelectorAll("input[name=take]")];

function countTicks() {
  const place = list.querySelector("[data-ticked]");
  if (!place) return;
  const count = boxes().filter((box) => box.checked).length;
  place.textContent = count ? `${count} ticked` : "";
}

if (list) {
  search.elements.q.addEventListener("input", filter);
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  list.addEventListener("change", countTicks);
  list.querySelector("[data-tick-all]")?.addEventListener("click", () => {
    const shown = boxes().filter((box) => !box.closest("[hidden]"));
    // Pressed again when all are ticked, it takes the ticks away.
    const wanted = shown.some((box) => !box.checked);
    shown.forEach((box) => (box.checked = wanted));
    countTicks();
  });
  filter();
  countTicks();
}
