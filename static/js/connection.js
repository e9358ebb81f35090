/* The form of a connection: what was typed outlives that its fields are shown anew, and the Redirect URL follows
   its switch. Listens on the document, because the form also opens in a dialog. */

const SECRETS = "form[data-oauth-popup] input[type=password]";
// Form → name of the field → what was typed. No server sends a secret back.
const typed = new WeakMap();

document.addEventListener("input", (event) => {
  if (!event.target.matches(SECRETS)) return;
  const { form, name, value } = event.target;
  typed.set(form, { ...typed.get(form), [name]: value });
});

function restoreSecrets(form) {
  const values = typed.get(form) ?? {};
  for (const input of form.querySelectorAll("input[type=password]")) input.value ||= values[input.name] ?? "";
  if (values.client_secret) form.querySelectorAll("[data-lost-secret]").forEach((notice) => notice.remove());
}

// popup.js has put the fields in by itself: htmx does not know them yet.
document.addEventListener("oauth:fields", (event) => {
  window.htmx?.process(event.target);
  restoreSecrets(event.target.closest("form"));
  // What is asked before the window opens stands at the top, and the button that was pressed at the bottom.
  event.target.querySelector("[data-asks] button")?.focus();
});
document.addEventListener("htmx:afterSwap", (event) => {
  const form = event.target.closest?.("form[data-oauth-popup]");
  if (form) restoreSecrets(form);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-oauth-popup]");
  if (!form || event.target.name !== "has_own_redirect_url") return;
  const shown = event.target.checked ? "own" : "shared";
  for (const address of form.querySelectorAll("[data-redirect-url]")) address.hidden = address.dataset.redirectUrl !== shown;
});
