// What the checkpoints of the network that is shown are counted by: epochs or, of one that came trained, perhaps steps.

let axis = "epoch";

export const countBy = found => (axis = found);

// A text that speaks of epochs, in the words of that network.
export const inWords = text =>
  axis === "epoch" || typeof text !== "string" ? text : text.replace(/\bepoch(?=s?\b)/g, axis);
