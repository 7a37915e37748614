// Addresses within the page: #/events?source=1001, #/events/123, #/overview.

/** Read where the browser is: the view's name, an event's ID, and the filters. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  const params = Object.fromEntries(new URLSearchParams(query));
  if (name === "overview") return { name, params };
  if (name === "events" && /^[1-9]\d{0,15}$/.test(id ?? "")) return { name: "event", id, params };
  return { name: "events", params };
}

/** Write such an address; filters that are empty are left out. */
export function to(name, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  return `#/${name}${query ? `?${query}` : ""}`;
}

/** Go there, as a step that Back undoes. */
export function go(name, params) {
  location.hash = to(name, params);
}

let list = "#/events";

/** Return the list as it was filtered last. */
export function listAddress() {
  return list;
}

/** Remember how the list is filtered. */
export function rememberList(params) {
  list = to("events", params);
}
