// Files that are dropped or pasted anywhere on the page.

import { openCreate } from "./create.js";
import { h } from "./dom.js";
import { attach } from "./panel.js";
import { mayChange } from "./session.js";
import { t } from "./words.js";

const hasFiles = (transfer) => [...(transfer?.types ?? [])].includes("Files");

/** Return the files, without folders, which have no bytes. */
function filesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile());
}

/** Name a picture from the clipboard, which is always image.png, by when it was pasted. */
function named(file) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const stamp = new Date().toISOString().slice(0, 19).replace(/:/g, "-");
  return new File([file], `${stamp}.${file.name.split(".").pop()}`, { type: file.type, lastModified: file.lastModified });
}

/** Take files from now on; `where` returns the place and the view that they are for, null where there is none. */
export function receiveFiles(where) {
  let depth = 0;
  const veil = h("div", { class: "veil", hidden: true }, h("p", {}));
  document.body.append(veil);
  const isOpen = () => where() && mayChange() && !document.querySelector("dialog[open]");

  function give(files) {
    const { place, view } = where();
    if (!files.length) return;
    if (place.name === "event" && files.length === 1 && view.event()) attach(view.event(), files[0]);
    else openCreate({ files, params: place.params });
  }

  function cover(isOver) {
    depth = isOver ? depth : 0;
    veil.hidden = !isOver;
    if (isOver) veil.firstChild.textContent = t(where().place.name === "event" ? "drop.event" : "drop.events");
  }

  addEventListener("dragenter", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    depth += 1;
    if (isOpen()) cover(true);
  });
  addEventListener("dragleave", (event) => {
    if (hasFiles(event.dataTransfer) && (depth -= 1) <= 0) cover(false);
  });
  addEventListener("dragover", (event) => {
    // Else the browser would open the file instead of the page.
    if (hasFiles(event.dataTransfer)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    cover(false);
    if (isOpen()) give(filesOf(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    if (!hasFiles(event.clipboardData) || !isOpen()) return;
    // Text from an office program comes with a picture of itself.
    if (event.target.closest?.("input, textarea") && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    give(filesOf(event.clipboardData).map(named));
  });
}
