// Every text a person reads on the page, in English.

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

/** A span of time in words: about how long, never too exact. */
export function span(seconds) {
  if (seconds < 1.5) return "about a second";
  if (seconds < 90) return `about ${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  return `about ${Math.round(seconds / 3600)} hours`;
}

/** A parameter's name as a label. */
export const label = (name) => LABELS[name] ?? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

const LABELS = {
  input_image: "Input images", num_inference_steps: "Steps", output_format: "Format", output_compression: "Compression",
  input_fidelity: "Input fidelity", negative_prompt: "Leave out", aspect_ratio: "Aspect ratio", enqueued_at: "Asked",
};

export const words = {
  create: "Create", history: "History", compare: "Compare", docs: "Docs", theme: "Switch light and dark",
  compareOf: (count) => (count ? `Compare (${count})` : "Compare"), signOut: "Sign out",
  offline: "The server cannot be reached. Nothing is lost: what was queued goes on, and this page returns by itself.",
  online: "The server is back.", close: "Close", loading: "Loading …", tryAgain: "Try again",
  status: { queued: "Queued", processing: "Running", succeeded: "Succeeded", failed: "Failed", cancelled: "Cancelled" },
  answered: (status) => `The server answered ${status}.`, tryAgainIn: (seconds) => `Try again in ${span(seconds)}.`,
  broken: "Something on this page went wrong. Reload it; what was queued goes on.",

  signIn: "Sign in",
  signInHint: "This server asks for a key. It is exchanged for a cookie and kept nowhere in this page.",
  key: "Key", keyHelp: "Make one with", signedOut: "You have been signed out. Sign in to go on.",
  signedInAs: (namespace) => `You are signed in as ${namespace}.`,

  model: "Model", prompt: "Prompt",
  unknownModel: (id) => `There is no model “${id}” here, so another one is chosen.`,
  promptHint: "Describe the picture. Ctrl+Enter runs.", promptHintTouch: "Describe the picture.",
  referHint: (count) => (count > 1 ? `Say what to change; they are called @Image1 to @Image${count}.`
    : "Say what to change; it is called @Image1."),
  alias: (id, name) => `“${id}” is run here by ${name}.`,
  inputs: "Input images", addInputs: "Drop, paste or choose", addInputsHint: (most) =>
    `PNG, JPEG or WebP${most === 1 ? "" : `, up to ${most}`}`, tooManyInputs: (most) =>
    `This model takes at most ${plural(most, "input image", "input images")}.`, removeInput: (n) => `Remove Image${n}`,
  unreadable: "This file is no picture that the browser can read.", uploading: "Uploading …",
  inputAlt: (n) => `Image${n}`,
  paintMask: "Paint mask", changeMask: "Change mask", removeMask: "Remove mask", masked: "masked",
  more: "More settings", settings: "Settings", changed: (count) => plural(count, "changed", "changed"), seed: "Seed",
  seedRandom: "Random", dice: "Draw a new seed", lock: "Keep this seed",
  count: "Pictures", run: "Run", cancel: "Cancel", reset: "Reset all", notSet: "Not set",
  required: "Describe the picture first.",

  results: "Results", grid: "Grid", api: "API", noResults: "Your pictures appear here",
  noResultsHint: "Describe one and press Run, or try one of these:",
  examples: ["a large brown ox standing on a snowy road", "a red car on a beach at sunset",
    "a small white house in a field at night"],
  queued: "Waiting", ahead: (count) => (count ? `${count} ahead` : "next"), left: (seconds) => `${span(seconds)} left`,
  starting: "Starting", step: (step, of) => `Step ${step} of ${of}`, progress: "Progress", cancelled: "Cancelled",
  cancelAll: "Cancel what has not ended", partial: "The unfinished picture",
  ready: (prompt) => `A picture is ready: ${prompt}`, failedSay: (why) => `A picture failed: ${why}`,
  queuedSay: (count) => `${plural(count, "picture", "pictures")} queued.`, cancelledSay: "Cancelled.",
  gone: "The picture has been deleted from this server.", open: "Open", retry: "Run again", download: "Download",
  favourite: "Favourite", edit: "Edit", editHint: "Use it as the input image", restore: "Restore settings",
  compareThese: "Compare these", dropFromCompare: "Do not compare", remove: "Delete",
  chosen: (count) => (count > 1 ? `${count} pictures are chosen: see them under Compare.`
    : "Chosen. Press Compare on another picture too."),
  madeWith: ({ size, quality, seed }, seconds) => [size?.replace("x", "×"), quality,
    seed !== undefined && `seed ${seed}`, words.took(seconds)].filter(Boolean).join(" · "),
  took: (seconds) => `${Math.max(1, Math.round(seconds))}\u00a0s`,
  sureToDelete: (count) => `Delete ${plural(count, "picture", "pictures")}? This cannot be undone.`,
  keep: "Keep", warnings: "Worth knowing", details: "Details", before: "Before", after: "After",
  beforeAfter: "Before and after", previous: "Previous", next: "Next", restored: "The settings are back in the form.",
  inputsLost: "An input image of it was sent inside the call and is not kept; add it again.",
  nowInput: "The picture is the input image now. Say what to change.",
  dropOnCreate: "Drop it on Create to use it as the input image.",
  maskSet: "Now say what to draw where you painted.",

  language: "Language", way: "Call", copy: "Copy", copied: "Copied",
  copyFailed: "The browser refused; select and copy it.",
  ways: { sync: "Sync", polling: "Async, polling", events: "Async, events" }, needs: (what) => `Needs: ${what}.`,
  keyNow: "It reads your key from LIMNER_KEY.",
  keyLater: "This server asks for no key yet; once it does, put yours into LIMNER_KEY.",
  sdkWaits: "The OpenAI SDK waits for its pictures; queue and events are the hub's.",
  dropped: (names) => `OpenAI's dialect has no ${names.join(", ")}; the call leaves it out.`,
  noPrompt: "The prompt is still empty; the call is refused until there is one.",

  search: "Search prompts", anyModel: "Any model", anyStatus: "Any status", favouritesOnly: "Favourites",
  noHistory: "Nothing here yet", noHistoryHint: "What you make on this server is kept here.",
  noMatches: "Nothing matches these filters.", clearFilters: "Clear filters", select: "Select",
  selected: (count) => `${count} selected`, clear: "Clear", downloadZip: "Download zip", historyList: "Generations",

  firstOnly: (count) => `The first ${count} are compared.`, compareEmpty: "Choose pictures to compare",
  compareEmptyHint: "Press Compare on two or more pictures, in the results or in the history.",
  side: "Side by side", slider: "Slider", difference: "Difference", zoomIn: "Zoom in", zoomOut: "Zoom out", fit: "Fit",
  divider: "Where the first picture ends", both: (labels) => labels.join(" and "), first: "A", second: "B",
  onlyDifferences: "Only differences", differing: (percent) => `${percent} % of the pixels differ`,
  zoomHint: "Wheel or + and − zoom, dragging or the arrow keys move; all pictures move together.",
  zoomTouch: "Two fingers zoom, one moves; all pictures move together.", dropAll: "Clear",
  parameters: "Parameters", same: "All parameters are the same.", sizesDiffer: "The pictures differ in size.",

  gridLead: "Vary one or two parameters of the form and see every combination.", across: "Across", down: "Down",
  nothing: "Nothing", values: "Values", valuesHint: "One per line",
  gridCount: (count) => plural(count, "picture", "pictures"),
  gridTime: (seconds) => span(seconds), gridNoTime: "no estimate until a picture was made lately",
  gridStart: "Make the grid", gridTooMany: (most) => `At most ${most} pictures in a grid.`,
  gridSame: "Across and down must differ.", gridEmpty: "Choose at least one value.",
  gridSeed: "All cells share one seed.", gridTable: "Grid of results", gridStopped: "You stopped it.",
  gridQueued: (queued, all) => `${queued} of ${plural(all, "cell", "cells")} queued.`, gridRest: "Queue the rest",

  maskTitle: "Paint what to edit",
  maskHint: "What you paint is drawn anew; the rest stays. With the keyboard: arrows move, Space paints.",
  brush: "Brush", eraser: "Eraser", rectangle: "Rectangle", brushSize: "Size", undo: "Undo", invert: "Invert",
  useMask: "Use mask", maskEmpty: "Paint something first.", canvas: "Mask over the first input image",
};
