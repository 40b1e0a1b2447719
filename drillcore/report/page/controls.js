// What a person changes: each control is bound to a key of the state.

import { h } from "dom";
import * as state from "state";
import { inWords } from "words";

let count = 0;
const FRAMES_A_SECOND = 3;

function labelled(label, control, ...more) {
  control.id ||= `control-${++count}`;
  return h("div", { class: "control" }, h("label", { for: control.id }, inWords(label)), control, ...more);
}

// `options` are values, or pairs of a value and its text.
export function select(key, label, options, fallback) {
  const pairs = options.map(option => (Array.isArray(option) ? option : [option, option]));
  const chosen = state.get(
    key,
    pairs.map(pair => pair[0]),
    fallback ?? pairs[0][0],
  );
  const control = h(
    "select",
    { "data-key": key, onchange: () => state.set({ [key]: control.value }) },
    pairs.map(([value, text]) => h("option", { value, selected: value === chosen }, String(text))),
  );
  return labelled(label, control);
}

// A slider over `values`; `play` adds a button that walks through them.
export function slider(key, label, values, { format = String, fallback = values.at(-1), play = false } = {}) {
  const at = () => Math.max(0, values.indexOf(state.get(key, values, fallback)));
  const shown = h("output", {}, format(values[at()]));
  const control = h("input", {
    type: "range",
    min: 0,
    max: values.length - 1,
    step: 1,
    "data-key": key,
    disabled: values.length < 2,
    oninput: () => go(Number(control.value)),
  });
  function go(position) {
    control.value = position;
    shown.textContent = format(values[position]);
    control.setAttribute("aria-valuetext", format(values[position]));
    state.set({ [key]: values[position] });
  }
  control.value = at();
  control.setAttribute("aria-valuetext", format(values[at()]));
  const element = labelled(label, control, shown);
  element.classList.add("wide");
  if (play) element.append(player(control, values.length, go));
  element.step = by => go(Math.min(values.length - 1, Math.max(0, Number(control.value) + by)));
  return element;
}

function player(control, length, go) {
  let timer;
  const button = h(
    "button",
    { type: "button", "aria-pressed": "false", disabled: length < 2, "data-play": true, onclick: toggle },
    "▶ Play",
  );
  function toggle() {
    const playing = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!playing));
    button.textContent = playing ? "▶ Play" : "❚❚ Pause";
    clearInterval(timer);
    if (playing) return;
    go((Number(control.value) + 1) % length);
    timer = setInterval(() => {
      if (!button.isConnected) clearInterval(timer);
      else go((Number(control.value) + 1) % length);
    }, 1000 / FRAMES_A_SECOND);
  }
  return button;
}

// Buttons of which one is pressed; `options` as for `select`.
export function choice(key, label, options, fallback) {
  const pairs = options.map(option => (Array.isArray(option) ? option : [option, option]));
  const chosen = state.get(
    key,
    pairs.map(pair => pair[0]),
    fallback ?? pairs[0][0],
  );
  const buttons = pairs.map(([value, text]) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(value === chosen),
        "data-key": key,
        "data-value": value,
        onclick: () => press(value),
      },
      text,
    ),
  );
  function press(value) {
    buttons.forEach(button => button.setAttribute("aria-pressed", String(button.dataset.value === value)));
    state.set({ [key]: value });
  }
  return h(
    "div",
    { class: "control", role: "group", "aria-label": label },
    h("span", { class: "label" }, label),
    buttons,
  );
}

// Boxes of which several are ticked: the state holds their names, joined by commas.
export function checks(key, label, names, chosen, colour, text = String) {
  const boxes = names.map(name =>
    h("input", {
      type: "checkbox",
      value: name,
      checked: chosen.includes(name),
      "data-key": key,
      onchange: () =>
        state.set({
          [key]: boxes
            .filter(box => box.checked)
            .map(box => box.value)
            .join(","),
        }),
    }),
  );
  return h(
    "div",
    { class: "control", role: "group", "aria-label": label },
    h("span", { class: "label" }, label),
    boxes.map(box => {
      const swatch = h("i");
      swatch.style.background = colour(box.value);
      return h("label", { class: "check" }, box, swatch, text(box.value));
    }),
  );
}
