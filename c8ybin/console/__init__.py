"""The web console: pages for people, over the public API alone.

`static/` holds it as the browser gets it: `index.html`, one style sheet, ES modules and a dictionary for each
language. There is no build step. `static/main.js` is where a browser begins; `static/README.md` tells which module
is what. `docs/` is the page that shows the description of the API; `docs/README.md` tells whose the viewer is.
"""

from c8ybin.console.files import INDEX, StaticFile, compressed, load

__all__ = ["INDEX", "StaticFile", "compressed", "load"]
