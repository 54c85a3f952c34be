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

export function clockText(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const minutes = Math.floor(value / 60 + 1e-9);
  const text = `${minutes}:${Math.max(0, value - 60 * minutes).toFixed(2).padStart(5, "0")}`;
  return minutes < 60 ? text : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text.split(":")[1]}`;
}

export function problem(text) {
  const box = document.getElementById("problem");
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(problem.timer);
  problem.timer = setTimeout(() => (box.hidden = true), 8000);
}

export const failing = (work) => (...values) => Promise.resolve(work(...values)).catch((error) => problem(error.message));

// whether a key press belongs to the control that has the focus and not to the page
export function typing(event) {
  const name = event.target.tagName;
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  if (name === "SELECT" || name === "TEXTAREA") return true;
  if (name === "INPUT") return event.target.type !== "range" || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  return (name === "BUTTON" || name === "A" || name === "SUMMARY") && (event.key === " " || event.key === "Enter");
}

// keys of a view: they stop when the view has left the page
export function viewKeys(root, handle) {
  const listen = (event) => {
    if (!root.isConnected) { document.removeEventListener("keydown", listen); return; }
    if (!typing(event) && handle(event.key, event)) event.preventDefault();
  };
  document.addEventListener("keydown", listen);
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
