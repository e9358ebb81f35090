// Copying is an extra: without scripts there are no buttons, and the text can still be selected.
const spoken = document.getElementById("spoken");
for (const value of document.querySelectorAll("dd > code")) {
  const button = document.createElement("button");
  // Two lists have a "URL": the heading above tells them apart.
  const heading = value.closest("dl").parentElement.querySelector("h3")?.textContent ?? "";
  const label = `${heading} ${value.closest("dd").previousElementSibling.textContent}`.trim();
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(value.textContent);
    } catch {
      getSelection().selectAllChildren(value);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    spoken.textContent = label + " copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  value.after(button);
}
