// The tab Headers: values for usual names, a word under a header that is not the reader's to set, and a pasted credential that
// moves to where it is kept secret.

const form = document.querySelector("[data-builder]");
const root = form?.querySelector("[data-headers]");
const table = root?.querySelector("[data-pairs=headers]");

const announce = (text) => document.dispatchEvent(new CustomEvent("face:announce", { detail: { text } }));
const told = (control) => ["input", "change"].forEach((name) => control.dispatchEvent(new Event(name, { bubbles: true })));
const partsOf = (row) => [...row.querySelectorAll("input")];

/** What there is to say about a header: a sentence, and whether its value is a credential that can move. */
function noteOn(name, value) {
  const key = name.trim().toLowerCase();
  if (root.dataset.own.split(" ").includes(key)) return { text: `${name.trim()} is set by the sender itself. Remove it: with it the request is refused.` };
  if (key === "accept-encoding") return { text: "Left out when it is sent: the sender decides what it can unpack." };
  if (key === "authorization" && /^(bearer|basic)\s+\S/i.test(value.trim())) return { text: "Here everybody in the team can read it. Under Authorization it is kept secret.", canMove: true };
  return null;
}

function look(row) {
  const [name, value] = partsOf(row);
  const list = `header-values-${name.value.trim().toLowerCase()}`;
  if (document.getElementById(list)) value.setAttribute("list", list);
  else value.removeAttribute("list");
  const note = noteOn(name.value, value.value);
  const shown = row.querySelector("[data-header-note]");
  if (shown?.dataset.headerNote === note?.text) return;
  shown?.remove();
  if (!note) return;
  const place = Object.assign(document.createElement("p"), { className: "pairs-note" });
  place.dataset.headerNote = note.text;
  place.setAttribute("role", "status");
  place.append(note.text);
  if (note.canMove) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: "Move to Authorization" });
    button.dataset.moveCredential = "";
    place.append(" ", button);
  }
  name.parentElement.append(place);
}

function decoded(text) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    return "";
  }
}

function fill(name, value) {
  form.elements[name].value = value;
  told(form.elements[name]);
}

/** Puts the credential of a row into Authorization, and takes the row away. */
function move(row) {
  const [scheme, ...rest] = partsOf(row)[1].value.trim().split(/\s+/);
  const credential = rest.join(" ");
  const kind = scheme.toLowerCase();
  const [username, ...password] = decoded(credential).split(":");
  if (kind === "basic" && !password.length) {
    announce("This is not the Base64 of a user name and password.");
    return;
  }
  const radio = [...form.elements.authorization_kind].find((each) => each.value === kind);
  radio.checked = true;
  told(radio);
  if (kind === "bearer") fill("bearer_token", credential);
  else {
    fill("username", username);
    fill("password", password.join(":"));
  }
  row.querySelector("[data-remove-pair]").click();
  document.querySelector('.tab-strip a[href="#authorization"]').click();
  form.elements[kind === "bearer" ? "bearer_token" : "password"].focus();
  announce("Moved to Authorization");
}

const lookAtAll = () => [...table.tBodies[0].rows].forEach(look);

if (table) {
  for (const name of ["input", "change"]) table.addEventListener(name, (event) => look(event.target.closest("tr")));
  table.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move-credential]");
    if (button) move(button.closest("tr"));
  });
  // Rows are also filled by scripts, and a removed row may have been the last one, which is only emptied.
  form.addEventListener("click", () => setTimeout(lookAtAll));
  lookAtAll();
}
