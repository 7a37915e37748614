// The language: a dictionary each, chosen by the browser's, or by the person.

export const LANGUAGES = { en: "English", de: "Deutsch" };

const KEY = "c8ybin.language";
let words = {};
let plurals;
export let language = "en";
// The language with the country of the person, for dates and numbers.
export let locale = "en";

function wanted() {
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen in LANGUAGES) return chosen;
  } catch {
    // A browser that keeps nothing has its own language.
  }
  for (const tag of navigator.languages) {
    const name = tag.slice(0, 2).toLowerCase();
    if (name in LANGUAGES) return name;
  }
  return "en";
}

/** Load the dictionary; to be awaited before anything is shown. */
export async function loadWords() {
  language = wanted();
  const answer = await fetch(new URL(`./${language}.json`, import.meta.url), { credentials: "omit" });
  words = await answer.json();
  locale = navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** Choose another language, now and for later visits. */
export async function chooseLanguage(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    language = name;
  }
  await loadWords();
}

/** Say something; `{name}` in the sentence is replaced, and `n` chooses between `key.one` and `key.other`. */
export function t(key, values = {}) {
  const found = words[key] ?? (values.n === undefined ? undefined : words[`${key}.${plurals.select(values.n)}`]);
  if (found === undefined) return key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

/** Tell whether there is a sentence. */
export function has(key) {
  return key in words;
}

function shown(value) {
  return typeof value === "number" ? new Intl.NumberFormat(locale).format(value) : value;
}
