/* The page that the consent window ends on: wakes the page that opened it, and closes itself on success. */

const page = document.querySelector("[data-flow]");
if (page) {
  const channel = new BroadcastChannel("oauth");
  channel.postMessage({ flow: page.dataset.flow });
  channel.close();
  const close = page.querySelector("[data-close]");
  // A window that a script opened may be closed by one; for the others the way back is a link.
  if (sessionStorage.getItem("oauth-window")) {
    page.querySelector("[data-back]")?.setAttribute("hidden", "");
    close?.removeAttribute("hidden");
    close?.addEventListener("click", () => window.close());
    if (page.dataset.state === "succeeded") setTimeout(() => window.close(), 4000);
  }
}

/* The implicit flow answers behind the #, which no server sees. */
const lost = document.querySelector("[data-implicit-answer]");
if (lost && /(^#|&)access_token=/.test(location.hash)) {
  lost.textContent = lost.dataset.implicitAnswer;
  history.replaceState(null, "", location.pathname);
}
