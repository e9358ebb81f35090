// Fails when static/css/app.css is not what assets/app.css and the templates give.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "css-"));
const fresh = join(folder, "app.css");
try {
  execFileSync("npx", ["tailwindcss", "--input", "assets/app.css", "--output", fresh, "--minify"], { stdio: "pipe" });
  if (!readFileSync(fresh).equals(readFileSync("static/css/app.css"))) {
    console.error("static/css/app.css is out of date: run `npm run css` and commit it.");
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
