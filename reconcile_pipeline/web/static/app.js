// Comfort on top of pages that work without it: keys, selecting, messages, focus after a swap.
// Nothing is decided here: every key presses a button that is on the page.
"use strict";

document.documentElement.classList.add("js");

const keysAreOn = () => {
  try {
    return localStorage.getItem("keys") === "on";
  } catch {
    return false; // storage is switched off: so are the keys
  }
};

// A select that stands for a whole form, such as the month.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  if (event.target.id === "pick-all") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches("#pick-all, .pick input")) tellPicked();
});

const boxes = () => [...document.querySelectorAll("tbody .pick input")];

function tellPicked() {
  const output = document.getElementById("picked");
  if (!output) return;
  const count = boxes().filter((box) => box.checked).length;
  output.textContent = count ? `${count} selected` : "Select cards";
}

// What a form did, in words; the server sends it along with the new row.
document.addEventListener("told", (event) => {
  const { text, open } = event.detail;
  const place = document.getElementById("told");
  if (place && text) place.textContent = text;
  const badge = document.querySelector("nav .count");
  if (badge && open !== undefined) badge.firstChild.textContent = open.toLocaleString("en");
});

// A row that was swapped keeps the focus, so that the keyboard stays where it was.
let busy = null;
document.addEventListener("htmx:before:request", (event) => {
  busy = event.target.closest?.("tr.card")?.id ?? null;
  if (busy) document.getElementById(busy)?.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:after:swap", () => {
  if (!busy) return;
  document.getElementById(busy)?.focus({ preventScroll: true });
  busy = null;
  tellPicked();
});

// Keys, only when switched on in Help, and never while something is typed.
let wentTo = false;
document.addEventListener("keydown", (event) => {
  if (!keysAreOn() || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (isTyping) {
    if (event.key === "Escape") event.target.closest("tr.card")?.focus();
    return;
  }
  const used = wentTo ? go(event.key) : press(event.key);
  wentTo = !wentTo && event.key === "g";
  if (used) event.preventDefault();
});

function go(key) {
  const link = document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
  link?.click();
  return Boolean(link);
}

function press(key) {
  if (key === "?") return follow("/help");
  if (key === "/") {
    document.getElementById("search")?.focus();
    return true;
  }
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  const row = document.activeElement?.closest("tr.card");
  if (!row) return false;
  if (key === "x") {
    row.querySelector(".pick input")?.click();
    return true;
  }
  if (key === "n" && row.querySelector("[data-act=n]")) {
    // Leaving a card as it is needs a reason: the key leads to where it is written.
    row.querySelector("input[name=note]")?.focus();
    return true;
  }
  const control = ["a", "r", "u", "o"].includes(key) && row.querySelector(`[data-act="${key}"]`);
  control?.click?.();
  return Boolean(control);
}

function step(by) {
  const rows = [...document.querySelectorAll("tr.card")];
  const here = rows.indexOf(document.activeElement?.closest("tr.card"));
  const next = rows[here < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, here + by))];
  next?.focus();
  return Boolean(next);
}

function follow(address) {
  location.assign(address);
  return true;
}

// In a note, Enter means "no change because …": the plain button, not the first one of the form.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("tr.card input[name=note]")) return;
  const button = event.target.form.querySelector("[data-act=n]");
  if (!button) return;
  event.preventDefault();
  event.target.form.requestSubmit(button);
});

// Mapping by dragging: the same as typing the name and pressing the row's button.
document.addEventListener("dragstart", (event) => {
  const target = event.target.closest?.("[data-target]");
  if (target) event.dataTransfer.setData("text/plain", target.dataset.target);
});
for (const item of document.querySelectorAll("[data-item]")) {
  item.addEventListener("dragover", (event) => {
    event.preventDefault();
    item.classList.add("is-over");
  });
  item.addEventListener("dragleave", () => item.classList.remove("is-over"));
  item.addEventListener("drop", (event) => {
    event.preventDefault();
    item.classList.remove("is-over");
    const form = item.querySelector("form.choose");
    if (!form) return;
    form.elements.target.value = event.dataTransfer.getData("text/plain");
    form.requestSubmit(form.querySelector("button[value=map]"));
  });
}

// The switch for the keys, on the help page.
const keySwitch = document.getElementById("keys");
if (keySwitch) {
  keySwitch.checked = keysAreOn();
  keySwitch.addEventListener("change", () => {
    localStorage.setItem("keys", keySwitch.checked ? "on" : "off");
  });
}
