// What the checkpoints of the network that is shown are counted by: epochs or, of one that came trained, perhaps steps; and
// what its samples are called: images, texts or, as rows of a table, samples.

let axis = "epoch",
  noun = "image";

export const speakOf = (ofAxis, ofSample) => ([axis, noun] = [ofAxis, ofSample]);

// A text that speaks of epochs and images, in the words of that network.
export const inWords = text =>
  typeof text !== "string"
    ? text
    : text
        .replace(/\bepoch(?=s?\b)/g, axis)
        .replace(/\ban image(?=s?\b)/g, noun === "image" ? "an image" : `a ${noun}`)
        .replace(/\bimage(?=s?\b)/g, noun);
