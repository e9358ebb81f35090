// Copies what pages need out of node_modules, so that the product runs without Node: htmx, and the drawings of the
// icons named here. A template shows an icon with components/icon.html.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const ICONS = [
  "activity", "arrow-left", "arrow-right", "arrow-up-right", "ban", "bell", "braces", "building-2", "calendar-clock", "calendar-x",
  "check", "chevron-down", "chevron-right", "chevron-up", "chevrons-up-down", "circle-alert", "circle-check", "circle-dashed", "circle-minus", "circle-pause",
  "circle-play", "circle-question-mark", "circle-slash", "circle-user", "circle-x", "clock", "copy", "download", "ellipsis", "external-link", "eye",
  "eye-off", "file-braces", "inbox", "info", "key-round", "link", "list-filter", "loader-circle", "lock", "log-out", "mail", "menu", "monitor",
  "moon", "octagon-x", "pause", "pencil", "play", "plug", "plus", "refresh-cw", "rotate-ccw", "search", "send", "settings", "shield-check",
  "sun", "table-2", "trash-2", "triangle-alert", "unplug", "user-plus", "users", "x",
];

cpSync("node_modules/htmx.org/dist/htmx.min.js", "static/js/htmx.min.js");

const folder = "templates/components/icons";
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const name of ICONS) {
  const drawing = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
  const shapes = drawing.replace(/^[\s\S]*?<svg[^>]*>/, "").replace("</svg>", "").replace(/\s*\n\s*/g, "");
  writeFileSync(`${folder}/${name}.svg`, shapes);
}
cpSync("node_modules/lucide-static/LICENSE", `${folder}/LICENSE`);
