// Making elements, and the base of every component. It knows neither the server nor the state.

/** An element with attributes (`on...` are listeners, `.name` are properties) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...real(children));
  return element;
}

/** The children that are there: what a condition left out is null, undefined or false. */
const real = (children) => children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);

/** Put these children in the place of all there were. */
export const fill = (element, ...children) => element.replaceChildren(...real(children));

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith(".")) element[name.slice(1)] = value;
    else if (name.startsWith("aria-") && typeof value === "boolean") element.setAttribute(name, String(value));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
}

const ICONS = {
  close: "M5 5l10 10M15 5L5 15", trash: "M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11",
  compare: "M10 3v14M3 5h4v10H3zM13 5h4v10h-4z", sliders: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  dice: "M4 4h12v12H4zM7.5 7.5h.01M12.5 12.5h.01M12.5 7.5h.01M7.5 12.5h.01M10 10h.01",
  download: "M10 3v10M6 9l4 4 4-4M4 17h12", leave: "M8 4H4v12h4M8 10h9M14 7l3 3-3 3",
  left: "M12 4l-6 6 6 6", right: "M8 4l6 6-6 6",
  lock: "M5 9h10v8H5zM7 9V6a3 3 0 0 1 6 0v3", unlock: "M5 9h10v8H5zM7 9V6a3 3 0 0 1 5.8-1",
  minus: "M4 10h12", plus: "M10 4v12M4 10h12",
  picture: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5h.01", theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  star: "M10 3l2.2 4.5 5 .7-3.6 3.5.8 5L10 14.4 5.6 16.7l.8-5L2.8 8.2l5-.7z",
  undo: "M7 5L3 9l4 4M3 9h8a5 5 0 0 1 0 10H8", redo: "M16 5v4h-4M15.5 9A6 6 0 1 0 16 12",
  book: "M10 5.5C8 4 5 4 3 4.5v11c2-.5 5-.5 7 1 2-1.5 5-1.5 7-1v-11c-2-.5-5-.5-7 1zM10 5.5v11",
  brush: "M4 16c0-3 1-4 3-4l1 1c0 2-1 3-4 3zM8 12l7-8 1 1-7 8",
};

/** A drawing of 20 x 20 in the colour of the text; it says nothing to a screen reader. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** A button that is only a drawing; `label` names it for everyone. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "quiet only-icon", "aria-label": label, title: label, onclick,
    ...attributes }, icon(name));
}

/** A component in the page's own tree: `start` runs each time it is put there, `on` listens as long as it is. */
export class Part extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.start();
  }

  disconnectedCallback() {
    this.gone.abort();
  }

  on(target, type, listener, options = {}) {
    target.addEventListener(type, listener, { signal: this.gone.signal, ...options });
  }
}

/** Radio buttons that look like one switch. `options` are [value, label]. */
export function switchOf(legend, name, options, value, onchange, attributes = {}) {
  return h("fieldset", { class: "switch", ...attributes }, h("legend", {}, legend),
    h("div", {}, options.map(([option, label]) => h("label", {},
      h("input", { type: "radio", name, value: option, ".checked": String(option) === String(value),
        onchange: () => onchange(option) }),
      h("span", {}, label)))));
}

/** Text in which `code` between backticks is shown as such. */
export function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** A tab list over panels; the arrow keys move along it. `tabs` are [name, label, panel]. */
export function tabs(label, entries, onselect) {
  const buttons = entries.map(([name, text, panel]) => {
    panel.id = `panel-${name}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${name}`);
    return h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": panel.id,
      onclick: () => select(name) }, text);
  });
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    select(entries[at][0]);
    buttons[at].focus();
  } }, buttons);
  function select(name) {
    entries.forEach(([own, , panel], i) => {
      panel.hidden = own !== name;
      buttons[i].setAttribute("aria-selected", own === name);
      buttons[i].tabIndex = own === name ? 0 : -1;
    });
    onselect?.(name);
  }
  select(entries[0][0]);
  return { list, select };
}
