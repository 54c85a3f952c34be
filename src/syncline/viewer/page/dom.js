// Making elements, writing times, and the small things that every view needs. No network: the shared page uses it too.

export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export function timeText(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const hundredths = Math.max(0, Math.round(100 * value)), minutes = Math.floor(hundredths / 6000); // rounded first: never 0:60.00
  const text = `${minutes}:${(hundredths % 6000 / 100).toFixed(2).padStart(5, "0")}`;
  return minutes < 60 ? text : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text.split(":")[1]}`;
}

export function problem(text) {
  const box = document.getElementById("problem");
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(problem.timer);
  problem.timer = setTimeout(() => (box.hidden = true), 8000);
}

// "left": the work was for a part of the page that is gone, which is nobody's trouble
export const failing = (work) => (...values) => Promise.resolve(work(...values)).catch((error) => { if (error.message !== "left") problem(error.message); });

// a text that is written again and again, but only where it changes
export function say(node, text) { if (node.textContent !== text) node.textContent = text; }

const NO_TEXT = new Set(["range", "checkbox"]);
export const takesText = (node) => node.tagName === "TEXTAREA" || (node.tagName === "INPUT" && !NO_TEXT.has(node.type));

// whether a key press belongs to the control that has the focus and not to the page
function typing(event) {
  const name = event.target.tagName, bracket = event.key === "[" || event.key === "]";
  if (takesText(event.target) || name === "SELECT") return true;
  if (event.metaKey || ((event.ctrlKey || event.altKey) && !(bracket && event.altKey))) return true; // many layouts have brackets on AltGr or Option
  if (name === "INPUT" && event.target.type === "range") return (event.key.startsWith("Arrow") && !event.shiftKey) || event.key === "Home" || event.key === "End";
  if (name === "INPUT") return event.key === " " || event.key === "Enter";
  return (name === "BUTTON" || name === "A" || name === "SUMMARY") && (event.key === " " || event.key === "Enter");
}

// until no button of the pointer is down: a control that is replaced between press and release loses its click
let pressed = false, holding = [];
const letGo = () => { pressed = false; for (const go of holding.splice(0)) go(); };
document.addEventListener("pointerdown", () => { pressed = true; }, true);
for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(letGo), true); // the click comes first
document.addEventListener("pointermove", (event) => { if (pressed && !event.buttons) letGo(); }, true); // let go outside of the window
export const released = () => pressed ? new Promise((go) => holding.push(go)) : Promise.resolve();

// the children of a list, where those that are there already stay what they are
export function keepChildren(list, nodes) {
  nodes.forEach((node, k) => { if (list.children[k] !== node) list.insertBefore(node, list.children[k] ?? null); });
  while (list.children.length > nodes.length) list.lastElementChild.remove();
}

// what a view does at an event of the document: it stops when the view has left the page
export function whileShown(root, name, handle) {
  const listen = (event) => { if (root.isConnected) handle(event); else document.removeEventListener(name, listen); };
  document.addEventListener(name, listen);
}

// keys of a view, and the sheet that lists them: [[keys, what they do], ...]
export function viewKeys(root, handle, list = []) {
  const sheet = () => showSheet(list);
  whileShown(root, "keydown", (event) => {
    if (typing(event) || document.querySelector("dialog[open]")) return;
    if (event.key === "?" && list.length) sheet(); else if (!handle(event.key, event)) return;
    event.preventDefault();
  });
  whileShown(root, "keys", sheet);
}

function showSheet(list) {
  const rows = list.map(([keys, does]) => el("div", {}, el("dt", {}, keys.split(" ").map((key) => el("kbd", {}, key))), el("dd", {}, does)));
  openDialog("Keyboard", el("dl", { class: "keys" }, rows, el("div", {}, el("dt", {}, el("kbd", {}, "?")), el("dd", {}, "this sheet"))));
}

// a dialog that leaves the page when it is closed; gives the function that closes it
export function openDialog(title, ...content) {
  const close = el("button", { class: "quiet", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { "aria-label": title, onclose: () => dialog.remove(), onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    el("div", { class: "sheet" }, el("div", { class: "heading" }, el("h2", {}, title), close), ...content));
  document.body.append(dialog);
  dialog.showModal();
  return () => dialog.close();
}

// what has just been done, said once and briefly
export function done(text) {
  const box = document.getElementById("done");
  if (!box) return;
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(done.timer);
  done.timer = setTimeout(() => (box.hidden = true), 5000);
}

// what to draw anew when light turns into dark; what has left the page is forgotten when the next one comes
const drawn = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((draw, root) => { if (root.isConnected) draw(); }));
export function withColours(root, draw) {
  for (const other of drawn.keys()) if (!other.isConnected) drawn.delete(other);
  drawn.set(root, draw);
}

export const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

// a canvas that is as sharp as the screen; gives the pen in CSS pixels and the size
export function sized(canvas) {
  const width = Math.max(1, canvas.clientWidth), height = Math.max(1, canvas.clientHeight), ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

export const eventColour = (k) => `hsl(${(k * 67 + 18) % 360} 80% 60%)`;
