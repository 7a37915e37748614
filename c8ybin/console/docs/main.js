// Shows the description by the viewer beside it, in the colours that the system wants and in those of the console.

import "./rapidoc-min.js";

const LIGHT = { theme: "light", "bg-color": "#f6f5f1", "text-color": "#1b2023", "nav-bg-color": "#efede7", "primary-color": "#0b5a70" };
const DARK = { theme: "dark", "bg-color": "#14171a", "text-color": "#e7e9ea", "nav-bg-color": "#101316", "primary-color": "#7cc9de" };
const SETTINGS = {
  // The viewer has no list of operations in a narrow window: there they are one page.
  "render-style": matchMedia("(min-width: 768px)").matches ? "focused" : "read",
  "schema-style": "table",
  "show-header": "false",
  "show-curl-before-try": "true",
  "allow-server-selection": "false",
  "allow-spec-url-load": "false",
  "allow-spec-file-load": "false",
  "load-fonts": "false",
  "regular-font": "system-ui, sans-serif",
  "mono-font": "ui-monospace, 'DejaVu Sans Mono', monospace",
  "persist-auth": "false",
  "use-path-in-nav-bar": "false",
  "nav-item-spacing": "compact",
};

const viewer = document.createElement("rapi-doc");
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour() {
  for (const [name, value] of Object.entries(dark.matches ? DARK : LIGHT)) viewer.setAttribute(name, value);
}

for (const [name, value] of Object.entries(SETTINGS)) viewer.setAttribute(name, value);
colour();
dark.addEventListener("change", colour);

const home = document.createElement("a");
home.slot = "nav-logo";
home.className = "wordmark";
home.href = "./";
home.textContent = "c8ybin";
viewer.append(home);

viewer.setAttribute("spec-url", "openapi.json");
document.getElementById("main").append(viewer);
