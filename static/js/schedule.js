// The schedule form: only the fields that the chosen kind needs; a new schedule begins in the reader's time zone.

const form = document.querySelector("[data-schedule]");

function show() {
  for (const part of form.querySelectorAll("[data-shown-for]")) {
    const days = part.dataset.shownForDays?.split(" ");
    const isRight = part.dataset.shownFor.split(" ").includes(form.elements.kind.value);
    part.hidden = !isRight || (days && !days.includes(form.elements.day.value));
  }
}

if (form) {
  const zone = form.elements.timezone;
  if (zone.value === "UTC" && zone.defaultValue === "UTC" && !form.dataset.kept) {
    zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  }
  form.addEventListener("change", show);
  show();
}
