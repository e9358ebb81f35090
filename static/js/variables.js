// Variables: the hosts of a secret are asked for only if it is one; and what will be sent, told anew as one types.

const secret = document.querySelector("[data-variable] [name=is_secret]");
if (secret) {
  const part = document.querySelector("[data-for-secret]");
  const show = () => (part.hidden = !secret.checked);
  secret.addEventListener("change", show);
  show();
}

const foretold = document.querySelector("[data-will-send]");
if (foretold) {
  const target = foretold.querySelector("[data-will-send-target]");
  // Only while somebody looks: htmx waits until the typing pauses.
  const tell = () => foretold.open && target.dispatchEvent(new CustomEvent("will-send"));
  foretold.addEventListener("toggle", tell);
  const form = foretold.closest("form");
  form.addEventListener("input", tell);
  form.addEventListener("change", tell);
  form.addEventListener("click", (event) => event.target.closest("[data-remove-pair]") && tell());
}
