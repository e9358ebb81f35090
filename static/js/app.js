// What every page may use: copying, local times, theme, menus, dialogs, tabs, dismissing, and a word when a request fails.
// Everything listens on the document, so that what htmx swaps in works without being told of. Other scripts speak to it by
// events: an import would load this file a second time, under the name that it has without its fingerprint.
//   document.dispatchEvent(new CustomEvent("face:notify", { detail: { kind: "error", text: "…" } }))     a banner
//   document.dispatchEvent(new CustomEvent("face:announce", { detail: { text: "…" } }))                  spoken only

const announcer = document.getElementById("announcer");

/** Says `text` to people who listen to the page. */
function announce(text) {
  if (!announcer) return;
  announcer.textContent = "";
  // A change is spoken only when the region was empty for a moment.
  setTimeout(() => (announcer.textContent = text), 50);
}

// --- copying: <button data-copy="text"> or <button data-copy-from="#element">

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  event.preventDefault();
  const text = button.dataset.copyFrom ? textOf(document.querySelector(button.dataset.copyFrom)) : button.dataset.copy;
  const done = await copy(text);
  announce(done ? "Copied" : "Could not copy: select the text and copy it by hand");
  if (!done) return;
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, 1600);
});

function textOf(element) {
  if (!element) return "";
  return "value" in element ? element.value : element.textContent;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard is only there on https and localhost: over plain http in an office network the old way still works.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr-only";
    const holder = document.querySelector("dialog[open]") ?? document.body;
    const focused = document.activeElement;
    holder.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

// --- moments: <time datetime="…" data-local="relative|exact">; accounts/templatetags/face.py counts the same way

const UNITS = [[3600, 60, "min"], [86400, 3600, "h"], [2592000, 86400, "d"]];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

// Written out by hand: engines disagree about "Sep" and "Sept", and the server says the same words.
const day = (at) => `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`;

function exact(at) {
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
  const zone = ZONE.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "";
  return `${day(at)}, ${clock} ${zone}`;
}

function relative(at, now) {
  const distance = Math.abs(now - at) / 1000;
  if (distance < 45) return at <= now ? "just now" : "in a moment";
  for (const [limit, seconds, unit] of UNITS) {
    const count = Math.max(1, Math.round(distance / seconds));
    if (count * seconds < limit) return at <= now ? `${count} ${unit} ago` : `in ${count} ${unit}`;
  }
  return day(new Date(at));
}

function tellTimes(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-local]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    const text = element.dataset.local === "exact" ? exact(new Date(at)) : relative(at, now);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact(new Date(at));
  }
}

tellTimes();
setInterval(tellTimes, 15000);
document.addEventListener("htmx:load", (event) => tellTimes(event.detail.elt.parentElement ?? document));

// --- theme: <button data-theme-choice="system|light|dark">; static/js/theme.js applies it before the next page paints

function remembered() {
  try {
    return localStorage.getItem("theme") ?? "system";
  } catch {
    return document.documentElement.dataset.theme ?? "system";
  }
}

function showTheme(choice) {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
}

showTheme(remembered());
window.addEventListener("storage", (event) => event.key === "theme" && showTheme(event.newValue ?? "system"));
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]")?.dataset.themeChoice;
  if (!choice) return;
  showTheme(choice);
  try {
    if (choice === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", choice);
  } catch {
    // Not remembered where storage is forbidden; this page still shows it.
  }
});

// --- menus: <details class="menu">

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu) return;
  const items = [...menu.querySelectorAll(".menu-item")];
  const place = items.indexOf(document.activeElement);
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "ArrowDown" && items.length) {
    items[(place + 1) % items.length].focus();
  } else if (event.key === "ArrowUp" && items.length) {
    items[(place <= 0 ? items.length : place) - 1].focus();
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// In a table that scrolls, a menu would be cut off at the table's edge: there it stands on the window instead.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.open || !menu.matches(".table-scroll .menu")) return;
  const items = menu.querySelector(".menu-items");
  const button = menu.querySelector("summary").getBoundingClientRect();
  Object.assign(items.style, { position: "fixed", inset: "auto" });
  const below = button.bottom + 4;
  const fits = below + items.offsetHeight < innerHeight - 8;
  const left = items.matches(".menu-right") ? button.right - items.offsetWidth : button.left;
  items.style.top = `${fits ? below : Math.max(8, button.top - 4 - items.offsetHeight)}px`;
  items.style.left = `${Math.max(8, Math.min(left, innerWidth - 8 - items.offsetWidth))}px`;
}, true);

document.addEventListener("scroll", (event) => {
  for (const menu of document.querySelectorAll(".table-scroll .menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
}, true);

// --- dialogs: data-dialog="id" opens, data-dialog-close closes

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog instanceof HTMLDialogElement && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    opener.closest("details.menu")?.removeAttribute("open");
    dialog.showModal();
    return;
  }
  if (event.target.closest("[data-dialog-close]") || (event.target instanceof HTMLDialogElement && isOutside(event))) {
    event.target.closest("dialog")?.close();
  }
});

/** Whether a click on a dialog fell on what is behind it. */
function isOutside(event) {
  if (!event.target.classList.contains("dialog") || !event.clientX) return false;
  const box = event.target.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

// --- asking first: data-confirm="what will happen" on a form, and hx-confirm

/** Asks in a dialog; answers whether the person agreed. */
function confirm({ title = "Are you sure?", text = "", label = "Go on" } = {}) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "confirm-title");
  const heading = Object.assign(document.createElement("h2"), { className: "dialog-title", id: "confirm-title", textContent: title });
  const body = Object.assign(document.createElement("div"), { className: "dialog-body" });
  body.append(Object.assign(document.createElement("p"), { textContent: text }));
  const actions = Object.assign(document.createElement("div"), { className: "dialog-actions" });
  const cancel = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: "Cancel", autofocus: true });
  const agree = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-danger", textContent: label });
  actions.append(cancel, agree);
  dialog.append(heading, body, actions);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let agreed = false;
    cancel.addEventListener("click", () => dialog.close());
    agree.addEventListener("click", () => {
      agreed = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(agreed);
    });
    dialog.showModal();
  });
}

const questionOf = (element, text) => ({ text, title: element.dataset.confirmTitle, label: element.dataset.confirmLabel });
const agreed = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  // A form that htmx sends asks by hx-confirm, below.
  if (!form.dataset.confirm || form.matches("[hx-post], [hx-get], [hx-put], [hx-delete], [hx-patch]")) return;
  if (agreed.delete(form)) return;
  event.preventDefault();
  const { submitter } = event;
  if (!(await confirm(questionOf(form, form.dataset.confirm)))) return;
  agreed.add(form);
  form.requestSubmit(submitter);
});

document.addEventListener("htmx:confirm", async (event) => {
  const text = event.detail.question ?? event.detail.elt.dataset.confirm;
  if (!text) return;
  event.preventDefault();
  if (await confirm(questionOf(event.detail.elt, text))) event.detail.issueRequest(true);
});

// --- tabs on one page: <div data-tabs><nav class="tab-strip"><a href="#panel">…</a></nav><section id="panel" class="tab-panel">…
// Without a script the links jump to panels that stand one below the other.

function makeTabs(group) {
  const strip = group.querySelector(".tab-strip");
  const tabs = [...strip.querySelectorAll("a[href^='#']")].filter((tab) => document.getElementById(tab.hash.slice(1)));
  const panelOf = (tab) => document.getElementById(tab.hash.slice(1));
  if (!tabs.length) return;
  // A nav may not be a tablist: the strip gives up its own role.
  strip.setAttribute("role", "tablist");
  const show = (chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panelOf(tab).hidden = !isChosen;
    }
    group.dataset.tab = chosen.hash.slice(1);
    panelOf(chosen).dispatchEvent(new CustomEvent("tab:shown", { bubbles: true }));
  };
  for (const tab of tabs) {
    tab.id ||= `tab-${tab.hash.slice(1)}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", tab.hash.slice(1));
    const panel = panelOf(tab);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      show(tab);
      // On a phone the strip is wider than the screen.
      tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }
  strip.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(event.target);
    if (place < 0) return;
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    if (next !== undefined) {
      show(tabs[next % tabs.length]);
      tabs[next % tabs.length].focus();
    } else if (event.key === " ") {
      show(tabs[place]);
    } else {
      return;
    }
    event.preventDefault();
  });
  // A field with an error must be seen: its panel is shown first. Then the one in the address, then the one marked.
  const wrong = tabs.find((tab) => panelOf(tab).querySelector("[aria-invalid='true'], .field-error"));
  const named = tabs.find((tab) => tab.hash === location.hash);
  show(wrong ?? named ?? tabs.find((tab) => tab.hasAttribute("data-selected")) ?? tabs[0]);
  // A required field in a hidden panel would stop the form without a word.
  group.addEventListener("invalid", (event) => {
    const tab = tabs.find((each) => panelOf(each).contains(event.target));
    if (tab && tab.getAttribute("aria-selected") !== "true") show(tab);
  }, true);
}

function makeAllTabs(root) {
  for (const group of root.querySelectorAll("[data-tabs]:not([data-tab])")) makeTabs(group);
}

makeAllTabs(document);
document.addEventListener("htmx:load", (event) => makeAllTabs(event.detail.elt.parentElement ?? document));

// --- what was typed before anything listened: on a slow network, or put back by the browser on the way back

function wasTouched(control) {
  if (control instanceof HTMLSelectElement) {
    const chosen = [...control.options].findLastIndex((option) => option.defaultSelected);
    return control.selectedIndex !== Math.max(chosen, 0);
  }
  if (control.matches("[type=checkbox], [type=radio]")) return control.checked !== control.defaultChecked;
  return control.value !== control.defaultValue;
}

// After htmx, which asked for the same moment before this file was read.
document.addEventListener("DOMContentLoaded", () => {
  for (const control of document.querySelectorAll("form :is(input:not([type=hidden]), select, textarea)")) {
    if (!wasTouched(control)) continue;
    for (const name of ["input", "change"]) control.dispatchEvent(new Event(name, { bubbles: true }));
  }
});

// --- banners

document.addEventListener("click", (event) => event.target.closest("[data-notice-close]")?.closest(".notice")?.remove());

// The drawings of components/notice.html, for banners that a script makes.
const SHAPES = {
  info: "M12 2a10 10 0 1 0 0 20 10 10 0 1 0 0-20M12 16v-4M12 8h.01",
  success: "M12 2a10 10 0 1 0 0 20 10 10 0 1 0 0-20M9 12l2 2 4-4",
  warning: "m21.73 18-8-14a2 2 0 0 0-3.48 0l-8 14A2 2 0 0 0 4 21h16a2 2 0 0 0 1.73-3M12 9v4M12 17h.01",
  error: "M8.6 2h6.8L22 8.6v6.8L15.4 22H8.6L2 15.4V8.6zM15 9l-6 6M9 9l6 6",
};

function drawing(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "path"));
  svg.firstChild.setAttribute("d", path);
  return svg;
}

/** Shows a banner at the top of the page. kind: info, success, warning or error. */
function notify(kind, text) {
  const notice = document.createElement("div");
  notice.className = `notice notice-${kind}`;
  notice.setAttribute("role", kind === "error" || kind === "warning" ? "alert" : "status");
  const body = Object.assign(document.createElement("div"), { className: "notice-body", textContent: text });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "notice-close" });
  close.append(drawing("M18 6 6 18M6 6l12 12"));
  close.dataset.noticeClose = "";
  close.setAttribute("aria-label", "Dismiss");
  notice.append(drawing(SHAPES[kind]), body, close);
  document.getElementById("notices")?.append(notice);
  notice.scrollIntoView({ block: "nearest" });
}

document.addEventListener("face:notify", (event) => notify(event.detail.kind, event.detail.text));
document.addEventListener("face:announce", (event) => announce(event.detail.text));

const FAILURES = {
  403: "You may not do this, or the page was open too long. Reload it and try again.",
  404: "This is not there any more. Reload the page.",
  429: "Too many requests. Wait a moment and try again.",
};

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  notify("error", FAILURES[status] ?? `The server answered with an error (${status}). Nothing may have been saved; try again.`);
});
document.addEventListener("htmx:sendError", () => notify("error", "The server could not be reached. Check the network and try again."));
document.addEventListener("htmx:timeout", () => notify("error", "The server took too long to answer. Try again."));
