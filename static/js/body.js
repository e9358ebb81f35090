// The tab Body: whether a text is what it should be, said under its field while it is typed, and Format for JSON.

const form = document.querySelector("[data-builder]");
const root = form?.querySelector("[data-body]");

const announce = (text) => document.dispatchEvent(new CustomEvent("face:announce", { detail: { text } }));
const fieldOf = (part) => part.querySelector("textarea");
const kindOf = (part) => part.dataset.draft || form.elements.body_kind.value;
// Longer texts are judged when they are sent.
const LONGEST = 1_000_000;

/** Says what the server makes of the text; whether nothing speaks against it. */
async function check(part) {
  const place = part.querySelector("[data-draft-check]");
  const field = fieldOf(part);
  const asked = (part.asked = {});
  if (!field.value.trim() || field.value.length > LONGEST || part.closest("[hidden]") || !["json", "xml", "graphql_variables"].includes(kindOf(part))) {
    place.replaceChildren();
    return false;
  }
  const body = new URLSearchParams({ kind: kindOf(part), text: field.value, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  const answer = await fetch(root.dataset.checkUrl, { method: "POST", body }).catch(() => null);
  // Only the answer to what stands there now counts.
  if (!answer?.ok || part.asked !== asked) return false;
  const text = await answer.text();
  // The same words again would be spoken again.
  if (place.dataset.said !== text) {
    place.innerHTML = text;
    place.dataset.said = text;
  }
  return !place.querySelector("[data-objection]");
}

/** JSON with a line for each value, its tokens untouched: numbers keep their digits, {{ variables }} their braces. */
function formatted(text) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\{\{[^{}]*\}\}|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, place) => {
    const [before, after] = [tokens[place - 1], tokens[place + 1]];
    if (token === "{" || token === "[") {
      depth += 1;
      out += token + (after === "}" || after === "]" ? "" : line());
    } else if (token === "}" || token === "]") {
      depth -= 1;
      out += (before === "{" || before === "[" ? "" : line()) + token;
    } else if (token === ",") out += token + line();
    else out += token === ":" ? ": " : token;
  });
  return out;
}

async function format(part) {
  const field = fieldOf(part);
  const text = field.value;
  if (!(await check(part)) || field.value !== text) {
    field.focus();
    return;
  }
  field.focus();
  field.select();
  // As though it were typed: the browser's undo takes it back.
  if (!document.execCommand("insertText", false, formatted(text))) field.value = formatted(text);
  field.setSelectionRange(0, 0);
  field.scrollTop = 0;
  announce("Formatted");
}

let waiting;

function checkSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(() => root.querySelectorAll("[data-draft]").forEach(check), 300);
}

if (root?.dataset.checkUrl) {
  root.addEventListener("input", (event) => event.target.matches("textarea") && checkSoon());
  root.addEventListener("change", checkSoon);
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-format]");
    if (button) format(button.closest("[data-draft]"));
  });
  checkSoon();
}
