// Small drawings, 16 by 16, of lines in the colour of the text. They are decoration: words stand beside them.

import { svg } from "./dom.js";

const PATHS = {
  add: "M8 3v10M3 8h10",
  back: "M10 3 5 8l5 5",
  braces: "M6 2.5c-2 0-2 1-2 2.5s0 2.5-1.5 3C4 8.5 4 9.5 4 11s0 2.5 2 2.5M10 2.5c2 0 2 1 2 2.5s0 2.5 1.5 3C12 8.5 12 9.5 12 11s0 2.5-2 2.5",
  check: "m3 8.5 3.5 3.5L13 4.5",
  close: "m4 4 8 8M12 4l-8 8",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  file: "M4 1.5h5l3 3v10H4zM9 1.5v3h3",
  image: "M2.5 3h11v10h-11zM2.5 11l3-3 2.5 2.5 2-2 3.5 3M10.5 6h.01",
  part: "M8 2a6 6 0 1 1-6 6M8 5v3l2 1.5",
  play: "M4.5 3v10l8-5z",
  replace: "M3 6.5h9M9.5 4 12 6.5M13 9.5H4M6.5 12 4 9.5",
  table: "M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13",
  text: "M4 1.5h5l3 3v10H4zM6 7h4M6 9.5h4M6 12h2.5",
  trash: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.5 9h6l.5-9",
  upload: "M8 11V3M4.5 6.5 8 3l3.5 3.5M3 13.5h10",
  warning: "M8 2 1.5 13.5h13zM8 6.5v3M8 11.5h.01",
};

/** Draw one. */
export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
