// One parameter of a model as a form field, made from its JSON Schema. It keeps no value: `change` is told each one.

import { h, switchOf, withCode } from "./dom.js";
import { label, words } from "./words.js";

const MOST_IN_A_SWITCH = 4;
const LONGEST_IN_A_SWITCH = 26;

/** Whether a parameter belongs into the form at all: the rest has a place of its own there, or none. */
export const isField = (name) => !["model", "prompt", "input_image", "mask", "seed", "response_format", "n",
  "num_generations", "partial_images", "stream", "user", "target_namespace"].includes(name);

/** The names of the parameters in the order of `x-order`. */
export const ordered = (schema) => Object.keys(schema.properties).sort(
  (a, b) => (schema.properties[a]["x-order"] ?? 99) - (schema.properties[b]["x-order"] ?? 99));

/** The kinds of field: each answers [the control or controls, whether it brings its own label]. */
function control(name, property, value, change) {
  const id = `field-${name}`;
  const shown = value ?? property.default ?? "";
  const about = { id, name, "aria-describedby": `${id}-hint ${id}-error` };
  if (property.enum) {
    const short = property.enum.length <= MOST_IN_A_SWITCH && property.enum.join("").length <= LONGEST_IN_A_SWITCH;
    const options = property.enum.map((option) => [option, String(option)]);
    if (short) return [switchOf(label(name), name, options, shown, change, about), true];
    return [h("select", { ...about, onchange: (event) => change(property.enum[event.target.selectedIndex]) },
      options.map(([option, text]) => h("option", { value: option, ".selected": option === shown }, text))), false];
  }
  if (property.type === "boolean") {
    return [h("input", { ...about, type: "checkbox", ".checked": shown === true,
      onchange: (event) => change(event.target.checked) }), false];
  }
  if (property.type === "integer" || property.type === "number") {
    const step = property.type === "integer" ? 1 : "any";
    return [h("input", { ...about, type: "number", inputmode: "numeric", min: property.minimum, max: property.maximum,
      step, placeholder: words.notSet, ".value": shown,
      oninput: (event) => change(event.target.value === "" ? null : Number(event.target.value)) }), false];
  }
  const long = property.renderType === "textarea";
  return [h(long ? "textarea" : "input", { ...about, rows: long && 2, maxlength: property.maxLength, ".value": shown,
    placeholder: long ? null : words.notSet, oninput: (event) => change(event.target.value) }), false];
}

/** The whole field: label, control, what it means, and a place for what was wrong with it. */
export function field(name, property, value, change) {
  const id = `field-${name}`;
  const [made, labelled] = control(name, property, value, change);
  return h("div", { class: "field", "data-field": name },
    !labelled && h("label", { for: id }, label(name)), made,
    h("p", { class: "hint", id: `${id}-hint` }, withCode(property.description ?? "")),
    h("p", { class: "error", id: `${id}-error`, hidden: true }));
}

/** Show at a field inside `form` what the server or the page found wrong with it; whether there is such a field. */
export function complain(form, name, message) {
  const place = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (!place) return false;
  const error = place.querySelector(".error");
  error.textContent = /^[a-z]+[ ,]/.test(message) ? message[0].toUpperCase() + message.slice(1) : message;
  error.hidden = false;
  const folded = place.closest("details");
  if (folded) folded.open = true;
  const target = place.querySelector("textarea, select, input:not([type=radio]), input:checked, button");
  target?.setAttribute("aria-invalid", "true");
  target?.focus();
  return true;
}

/** Take back all complaints. */
export function calm(form) {
  for (const error of form.querySelectorAll(".error")) error.hidden = true;
  for (const wrong of form.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
}
