// Elements, made so that no text of anyone's is ever read as markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

// Plotly reads some tags in its labels, and %{...} in its templates: these characters shall be themselves.
export const plain = text =>
  String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\{/g, "&#123;");

// What `plain` was made of.
export const unplain = text =>
  text.replace(/&#123;/g, "{").replace(/&gt;/g, ">").replace(/&lt;/g, "<").replace(/&amp;/g, "&");

// The value of a custom property, such as --ink, in the theme that is shown.
export const themed = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A number as text: 0.0123, 1e-7, 12,345.
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "undefined";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 0.001 && size < 1e6
    ? String(Number(value.toPrecision(4)))
    : value.toExponential(3).replace(/\.?0+e/, "e");
}

// A share as text, as drillcore/report/evidence.py writes it.
export function percent(share) {
  if (share >= 0.9995 && share < 1) return "more than 99.9 %";
  return `${share >= 0.01 || !share ? (100 * share).toFixed(1) : Number((100 * share).toPrecision(2))} %`;
}

// One call of `draw` in the next frame, however often it is asked for until then.
export function once(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

// One call of `draw` when it has not been asked for during a moment: a chart that would slow down the slider it follows.
export function settled(draw, milliseconds = 80) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(draw, milliseconds);
  };
}

export function download(name, url) {
  h("a", { download: name.replace(/[^\w.-]+/g, "_"), href: url }).click();
}
