/* The consent window. A form with data-oauth-popup saves by fetch; the window that was opened in the same
   click then goes to the provider by way of our own address.

   The result is read from the server, again and again until it is there: a provider that sends
   Cross-Origin-Opener-Policy cuts both windows from each other, and then `closed` is true although the
   window is open. What the other window says only makes us look sooner. */

const LOOK_EVERY = 800; // ms
const CHANNEL = "oauth";

/** Shows a notice; `ways` are links and buttons that stand under its words. */
function say(region, kind, title, text, ...ways) {
  const notice = document.createElement("div");
  notice.className = `notice notice-${kind}`;
  notice.setAttribute("role", kind === "error" || kind === "warning" ? "alert" : "status");
  const body = document.createElement("div");
  body.className = "notice-body";
  body.append(
    Object.assign(document.createElement("p"), { className: "notice-title", textContent: title }),
    Object.assign(document.createElement("p"), { textContent: text }),
  );
  if (ways.length) {
    const line = Object.assign(document.createElement("p"), { className: "flex flex-wrap gap-2 mt-2" });
    line.append(...ways);
    body.append(line);
  }
  notice.append(body);
  region.replaceChildren(notice);
  region.scrollIntoView({ block: "nearest" });
}

/** The way in this very tab; a page with something unsaved is told before it is left. */
function wayHere(flow) {
  const link = Object.assign(document.createElement("a"), { className: "btn btn-sm", href: flow.go, textContent: "Open the provider’s page here" });
  link.addEventListener("click", () => document.dispatchEvent(new CustomEvent("oauth:leaving")));
  return link;
}

function openWindow() {
  const [width, height] = [560, 720];
  const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2);
  const top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
  // A name of its own: a second connection in another tab opens a second window.
  const name = `oauth-${Math.random().toString(36).slice(2)}`;
  const opened = window.open("", name, `popup,width=${width},height=${height},left=${left},top=${top}`);
  if (opened) {
    opened.document.title = "Opening the provider…";
    opened.document.body.textContent = "Opening the provider’s page…";
    // Its own session storage outlives what cuts the two windows from each other; its name does not.
    opened.sessionStorage.setItem("oauth-window", "yes");
  }
  return opened;
}

// The attempt that this page waits for; a newer one ends the waiting for it.
let attempt = 0;

/** Send the window to the provider, and wait for what comes of it. */
async function consent(flow, opened, region, form) {
  attempt += 1;
  const mine = attempt;
  if (flow.needs_window === false) {
    // Nobody has to consent: the outcome is there already.
    opened?.close();
    await finish(flow, await (await fetch(flow.status)).json(), region, form);
    return;
  }
  if (opened && !opened.closed) {
    opened.location.replace(flow.go);
    say(region, "info", "Waiting for the provider", "Consent in the window that has opened. This page notices by itself when you are done.");
  } else {
    opened = null;
    say(region, "warning", "Your browser has blocked the window", "The connection is saved. Allow windows for this page and press the button again, or go on in this tab:", wayHere(flow));
  }
  const channel = new BroadcastChannel(CHANNEL);
  let wake = () => {};
  channel.onmessage = () => wake();
  let closedLooks = 0;
  try {
    while (mine === attempt && region.isConnected) {
      const answer = await fetch(flow.status, { headers: { Accept: "application/json" } }).catch(() => null);
      if (answer && (answer.status === 404 || answer.redirected)) {
        say(region, "error", "The result cannot be read", "Sign in again and look at OAuth Connections.");
        return;
      }
      const status = answer?.ok ? await answer.json() : null;
      if (mine !== attempt) return;
      if (status?.is_finished) {
        await finish(flow, status, region, form);
        return;
      }
      if (status?.state === "pending" && opened?.closed) {
        closedLooks += 1;
        if (closedLooks === 2) {
          const again = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: "Open the window again" });
          again.addEventListener("click", () => consent(flow, openWindow(), region, form));
          say(region, "info", "Still waiting for the provider", "If the window is closed, nothing was connected: open it again. If it is open, go on there; this page notices by itself when you are done.", again, wayHere(flow));
        }
      }
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, LOOK_EVERY);
      });
    }
  } finally {
    channel.close();
  }
}

async function finish(flow, status, region, form) {
  const isSuccess = status.state === "succeeded";
  if (isSuccess && !form.closest("dialog")) {
    // The page shows the connection as it was before: go to where it is shown as it is.
    location.assign(flow.after);
    return;
  }
  const fragment = await fetch(flow.result, { headers: { "HX-Request": "true" } });
  region.innerHTML = await fragment.text();
  region.scrollIntoView({ block: "nearest" });
  if (isSuccess) document.dispatchEvent(new CustomEvent("oauth:connected", { detail: status.connection }));
}

async function submit(event) {
  const form = event.target.closest("form[data-oauth-popup]");
  if (!form || event.submitter?.hasAttribute("data-no-popup")) return;
  event.preventDefault();
  const opened = openWindow(); // now, within the click: later it would be blocked
  const region = document.querySelector(form.dataset.oauthResult || "[data-oauth-result]");
  const fields = form.querySelector("[data-form-fields]");
  const buttons = form.querySelectorAll("button");
  const data = new FormData(form, event.submitter);
  buttons.forEach((button) => (button.disabled = true));
  let flow = null;
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" } });
    if (answer.status === 201) {
      flow = await answer.json();
      // It is saved now: pressed again, the button changes it and connects anew.
      if (fields) {
        form.action = flow.edit;
        fields.querySelectorAll("[aria-invalid=true]").forEach((field) => field.removeAttribute("aria-invalid"));
        fields.querySelectorAll(".field-error").forEach((error) => error.remove());
      }
    } else if (answer.status === 422 && fields) {
      fields.innerHTML = await answer.text();
      fields.dispatchEvent(new CustomEvent("oauth:fields", { bubbles: true }));
      fields.querySelector("[aria-invalid=true]")?.focus();
    } else {
      const why = answer.status === 403 || answer.redirected ? "You may not do this, or your session has ended. Reload the page." : `The answer was ${answer.status}. Reload the page and try again.`;
      say(region, "error", "That did not work", why);
    }
  } catch {
    say(region, "error", "The product did not answer", "Check your network, then try again.");
  }
  // Before the waiting: whoever has lost the window may press again.
  buttons.forEach((button) => (button.disabled = false));
  if (flow) await consent(flow, opened, region, form);
  else opened?.close();
}

document.addEventListener("submit", submit);

// In a dialog, "Edit and try again" stays there; the field to look at comes with it.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-edit-connection]");
  const holder = link?.closest("dialog")?.querySelector(".dialog-body");
  if (!holder) return;
  event.preventDefault();
  await window.htmx.ajax("GET", link.href, { target: holder, swap: "innerHTML" });
  const suspect = link.hash && document.getElementById(link.hash.slice(1));
  suspect?.closest("details")?.setAttribute("open", "");
  suspect?.focus();
});
