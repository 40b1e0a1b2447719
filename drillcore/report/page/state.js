// What is shown, as the page's fragment: a link to it restores the view.

import { settled } from "dom";

let values = parse();
let listener = () => {};

function parse() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// Another link, or a step back: its view is shown from the start.
addEventListener("hashchange", () => {
  values = parse();
  listener(["view"]);
});

export const onChange = call => {
  listener = call;
};

export const link = changes => `#${new URLSearchParams({ ...values, ...changes })}`;

export const raw = key => values[key];

// The value of `key` if it is one of `allowed`, which anyone's link may not respect, else `fallback`.
export const get = (key, allowed, fallback) => allowed.find(value => String(value) === values[key]) ?? fallback;

export function set(changes) {
  const changed = Object.keys(changes).filter(key => values[key] !== String(changes[key]));
  if (!changed.length) return;
  for (const key of changed) values[key] = String(changes[key]);
  write();
  listener(changed);
}

// Only when a slider rests: browsers refuse pages that change their address too often.
const write = settled(() => history.replaceState(null, "", link({})));

// The value of `key`, which is good for once: no link that is made from now on has it.
export function take(key) {
  const { [key]: value, ...others } = values;
  values = others;
  return value;
}

// Another view starts with nothing but the network that the last one showed.
export const enter = view => follow(values.network === undefined ? { view } : { view, network: values.network });

// Show what `chosen` says, and nothing of what was chosen before.
export function follow(chosen) {
  values = Object.fromEntries(Object.entries(chosen).map(([key, value]) => [key, String(value)]));
  history.pushState(null, "", link({}));
  listener(["view"]);
}
