// The filters of the list, which live in the address.

import { h } from "./dom.js";
import { go } from "./router.js";
import { t } from "./words.js";

// What the address says, and which fragment the API is asked for.
const HAS = { file: "c8y_IsBinary", part: "c8y_IsIncompleteBinary" };

const SUGGESTED = 200;

function startOf(day) {
  const date = new Date(`${day}T00:00`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function endOf(day) {
  const date = new Date(`${day}T23:59:59.999`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Return the API's query for the filters of an address; days are those of this place. */
export function queryOf(params) {
  return {
    source: params.source,
    type: params.type,
    dateFrom: params.from && startOf(params.from),
    dateTo: params.to && endOf(params.to),
    fragmentType: HAS[params.has],
  };
}

/** Make the form; a change goes to the address, and `update` brings the address to the form. */
export function filterForm(params) {
  const fields = {
    source: h("input", { id: "filter-source", list: "sources", autocomplete: "off", spellcheck: "false" }),
    type: h("input", { id: "filter-type", list: "types", autocomplete: "off", spellcheck: "false" }),
    from: h("input", { id: "filter-from", type: "date" }),
    to: h("input", { id: "filter-to", type: "date" }),
    has: h(
      "select",
      { id: "filter-has" },
      ["", "file", "part"].map((value) => h("option", { value }, t(`filter.has.${value || "any"}`))),
    ),
  };
  const clear = h("button", { type: "button", class: "quiet clear", onclick: () => go("events") }, t("filter.clear"));

  const lists = { sources: h("datalist", { id: "sources" }), types: h("datalist", { id: "types" }) };
  const known = { sources: new Set(), types: new Set() };

  /** Offer the sources and types of these events, too. */
  function suggest(events) {
    for (const { source, type } of events) {
      for (const [name, value] of [["sources", source.id], ["types", type]]) {
        if (known[name].size >= SUGGESTED || known[name].has(value)) continue;
        known[name].add(value);
        lists[name].append(h("option", { value }));
      }
    }
  }

  // In a narrow window the fields are folded away.
  const unfold = h("button", { type: "button", class: "unfold", "aria-controls": "filters", "aria-expanded": "false" });
  unfold.addEventListener("click", () => {
    unfold.setAttribute("aria-expanded", String(node.classList.toggle("unfolded")));
  });

  function apply() {
    const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]));
    go("events", values);
  }

  function update(next) {
    for (const [name, field] of Object.entries(fields)) {
      const value = next[name] ?? "";
      if (field.value !== value) field.value = value;
    }
    const set = Object.values(queryOf(next)).filter(Boolean).length;
    clear.hidden = !set;
    unfold.textContent = set ? t("filter.some", { n: set }) : t("filter.label");
  }

  const node = h(
    "form",
    {
      id: "filters",
      class: "filters",
      role: "search",
      "aria-label": t("filter.label"),
      onchange: apply,
      onsubmit: (event) => {
        event.preventDefault();
        apply();
      },
    },
    Object.entries(fields).map(([name, field]) =>
      h("div", { class: "field" }, h("label", { for: field.id }, t(`filter.${name}`)), field),
    ),
    clear,
    Object.values(lists),
  );
  update(params);
  return { node, unfold, update, suggest };
}
