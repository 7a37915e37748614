// Who is signed in. The credentials live as long as the tab (sessionStorage), and go out with each request alone.

const KEY = "c8ybin.session";
const listeners = new Set();

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

let current = read();

/** Return the account: `name`, `roles`, `authorization`; null where nobody is signed in. */
export function account() {
  return current;
}

/** Tell whether the account may change events. */
export function mayChange() {
  return Boolean(current?.roles.includes("ROLE_EVENT_ADMIN"));
}

/** Write the Authorization field of a name and a password (RFC 7617, in UTF-8). */
export function basic(name, password) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Keep an account, or nobody with null; `why` tells the next page a key of the dictionary. */
export function become(next, why = null) {
  current = next;
  try {
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without storage the account lasts until the page is left.
  }
  for (const listener of listeners) listener(why);
}

/** Be told when somebody signs in or out. */
export function onChange(listener) {
  listeners.add(listener);
}
