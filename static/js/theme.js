// Runs before the first paint, so that a remembered theme does not flash. Without a choice the system decides (CSS).
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then the system's theme is right.
  }
})();
