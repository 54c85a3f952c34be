// The similarity matrix with path and cursor, the tempo curve under it, and the track of matches: all over A's time.
import { clamp, timeText, colour, eventColour, sized } from "/page/dom.js";

const LEFT = 46, BOTTOM = 22, TOP = 8, RIGHT = 10;
const STOPS = [[13, 14, 34], [38, 30, 92], [52, 84, 150], [40, 150, 160], [110, 205, 130], [240, 232, 120]];

const shade = (value) => {
  const place = value / 255 * (STOPS.length - 1), low = Math.min(STOPS.length - 2, Math.floor(place)), share = place - low;
  return STOPS[low].map((channel, k) => channel + (STOPS[low + 1][k] - channel) * share);
};
const SHADES = Array.from({ length: 256 }, (_, value) => shade(value));

function bitmap({ cells, shape: [rows, columns] }) {
  const picture = new ImageData(columns, rows);
  for (let i = 0; i < cells.length; i++) picture.data.set([...SHADES[cells[i]], 255], 4 * i);
  const canvas = new OffscreenCanvas(columns, rows);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

function ticks(from, to, most) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600].find((width) => (to - from) / width <= most) || 7200;
  const found = [];
  for (let t = Math.ceil(from / step - 1e-9) * step; t <= to + 1e-9; t += step) found.push([t, tickText(t, step)]);
  return found;
}

function tickText(t, step) {
  const tenths = Math.round(10 * t), rest = tenths % 600 / 10; // rounded first: never 1:60
  if (tenths < 600) return `${rest}s`;
  return `${Math.floor(tenths / 600)}:${step < 1 ? rest.toFixed(1).padStart(4, "0") : String(Math.round(rest)).padStart(2, "0")}`;
}

// B waits or A has more: stripes, so that a gap never looks like a match
function stripes(pen, x, y, width, height) {
  pen.save();
  pen.beginPath(); pen.rect(x, y, width, height); pen.clip();
  pen.fillStyle = "rgb(10 10 20 / .22)"; pen.fillRect(x, y, width, height);
  pen.strokeStyle = colour("--warm"); pen.globalAlpha = 0.55; pen.lineWidth = 1;
  pen.beginPath();
  for (let k = -height; k < width; k += 8) { pen.moveTo(x + k, y + height); pen.lineTo(x + k + height, y); }
  pen.stroke();
  pen.restore();
}

export class MatrixPlot {
  // seek(second of A); fetchTile(window) gives a sharper matrix of a part, where there is a server; pins: see pins.js
  constructor(canvas, data, tile, { seek, fetchTile = null, pins = null }) {
    Object.assign(this, { canvas, data, seek, fetchTile, pins, dragged: null, all: [...tile.extent] });
    this.whole = { extent: tile.extent, image: bitmap(tile) };
    this.sharp = null; // of a part
    this.view = [...this.all];
    this.now = [0, 0];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      const pin = this.pinAt(event), [a, b] = this.at(event);
      if (pin) { this.dragged = { ...pin }; pins.chosen = pin.number; pins.draw(); }
      else if (event.altKey && pins) pins.put({ second_a: a, second_b: b });
      else this.pointed(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.dragged) { [this.dragged.a, this.dragged.b] = this.at(event); this.draw(); }
      else if (event.buttons) this.pointed(event);
    });
    canvas.addEventListener("pointerup", () => {
      const pin = this.dragged, before = pin && pins.list.find(({ number }) => number === pin.number);
      this.dragged = null;
      if (before && (before.a !== pin.a || before.b !== pin.b)) pins.move(pin.number, pin.a, pin.b);
    });
    canvas.addEventListener("pointercancel", () => { this.dragged = null; this.draw(); });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.at(event)); }, { passive: false });
  }
  get span() { return [Math.max(1e-6, this.view[1] - this.view[0]), Math.max(1e-6, this.view[3] - this.view[2])]; }
  x(t) { return LEFT + (t - this.view[0]) / this.span[0] * (this.canvas.clientWidth - LEFT - RIGHT); }
  y(t) { return this.canvas.clientHeight - BOTTOM - (t - this.view[2]) / this.span[1] * (this.canvas.clientHeight - TOP - BOTTOM); }
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const across = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT), up = (box.bottom - BOTTOM - event.clientY) / (box.height - TOP - BOTTOM);
    return [this.view[0] + clamp(across, 0, 1) * this.span[0], this.view[2] + clamp(up, 0, 1) * this.span[1]];
  }
  pinAt(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    return this.pins?.list.find((pin) => Math.hypot(this.x(pin.a) - x, this.y(pin.b) - y) < 11);
  }
  pointed(event) { this.seek(this.at(event)[0]); }
  zoom(factor, centre = this.now) {
    for (const axis of [0, 1]) {
      const low = this.all[2 * axis], high = this.all[2 * axis + 1], width = clamp(this.span[axis] * factor, Math.min(1, high - low), high - low);
      const share = clamp((centre[axis] - this.view[2 * axis]) / this.span[axis], 0, 1);
      const from = clamp(centre[axis] - share * width, low, high - width);
      this.view[2 * axis] = from; this.view[2 * axis + 1] = from + width;
    }
    this.draw();
    this.sharpenSoon();
  }
  sharpenSoon() {
    clearTimeout(this.timer);
    if (this.fetchTile) this.timer = setTimeout(() => { if (this.canvas.isConnected) this.sharpen().catch(() => {}); }, 150); // it stays as it is
  }
  async sharpen() {
    const wanted = [...this.view];
    const margin = [0.2 * this.span[0], 0.2 * this.span[1]];
    const tile = await this.fetchTile([wanted[0] - margin[0], wanted[1] + margin[0], wanted[2] - margin[1], wanted[3] + margin[1]]);
    if (tile && wanted.every((value, k) => value === this.view[k])) { this.sharp = { extent: tile.extent, image: bitmap(tile) }; this.draw(); }
  }
  move(a, b) {
    this.now = [a, b];
    let shifted = false;
    for (const axis of [0, 1]) {
      const [low, high] = this.view.slice(2 * axis, 2 * axis + 2), now = this.now[axis], width = this.span[axis];
      if (now >= low && now <= high) continue;
      const from = clamp(now - width / 2, this.all[2 * axis], this.all[2 * axis + 1] - width);
      shifted ||= Math.abs(from - low) > 1e-9;
      this.view[2 * axis] = from; this.view[2 * axis + 1] = from + width;
    }
    if (shifted) this.sharpenSoon();
    this.canvas.setAttribute("aria-valuenow", a.toFixed(2));
    this.canvas.setAttribute("aria-valuetext", `A ${timeText(a)}, B ${timeText(b)}`);
    this.draw();
  }
  draw() {
    if (!this.canvas.isConnected) return;
    const { pen, width, height } = sized(this.canvas);
    const [a0, a1, b0, b1] = this.view, right = width - RIGHT, bottom = height - BOTTOM;
    pen.save();
    pen.beginPath(); pen.rect(LEFT, TOP, right - LEFT, bottom - TOP); pen.clip();
    pen.imageSmoothingEnabled = false;
    for (const part of [this.whole, this.sharp]) if (part) this.paint(pen, part); // around the sharp part nothing is blank
    for (const gap of this.data.gaps) {
      if (gap.video === "a") stripes(pen, this.x(gap.from), TOP, this.x(gap.to) - this.x(gap.from), bottom - TOP);
      else stripes(pen, LEFT, this.y(gap.to), right - LEFT, this.y(gap.from) - this.y(gap.to));
    }
    pen.lineJoin = "round";
    for (const { first, last } of this.data.segments) {
      for (const [stroke, wide] of [["rgb(0 0 0 / .65)", 6], ["#fff", 2.5]]) {
        pen.strokeStyle = stroke; pen.lineWidth = wide; pen.beginPath();
        for (let k = first; k <= last; k++) { const [a, b] = this.data.rows[k]; if (k === first) pen.moveTo(this.x(a), this.y(b)); else pen.lineTo(this.x(a), this.y(b)); }
        pen.stroke();
      }
    }
    const known = new Map(this.data.events[1]);
    for (const [k, a] of this.data.events[0]) {
      if (!known.has(k)) continue;
      pen.fillStyle = eventColour(k); pen.strokeStyle = "#000"; pen.lineWidth = 1;
      pen.beginPath(); pen.arc(this.x(a), this.y(known.get(k)), 5, 0, 7); pen.fill(); pen.stroke();
    }
    for (const pin of this.pins?.list ?? []) this.drawPin(pen, this.dragged?.number === pin.number ? this.dragged : pin);
    const [a, b] = this.now;
    pen.strokeStyle = colour("--cursor"); pen.lineWidth = 1.5; pen.beginPath();
    pen.moveTo(this.x(a), TOP); pen.lineTo(this.x(a), bottom); pen.moveTo(LEFT, this.y(b)); pen.lineTo(right, this.y(b)); pen.stroke();
    pen.fillStyle = colour("--cursor"); pen.beginPath(); pen.arc(this.x(a), this.y(b), 4.5, 0, 7); pen.fill();
    pen.restore();
    this.axes(pen, right, bottom, [a0, a1, b0, b1]);
  }
  drawPin(pen, { number, a, b }) {
    const x = this.x(a), y = this.y(b), size = number === this.pins.chosen ? 9 : 7;
    pen.fillStyle = colour("--pin"); pen.strokeStyle = "#000"; pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(x, y - size); pen.lineTo(x + size, y); pen.lineTo(x, y + size); pen.lineTo(x - size, y); pen.closePath(); pen.fill(); pen.stroke();
  }
  paint(pen, { image, extent: [a0, a1, b0, b1] }) {
    pen.save(); // row 0 of the cells is B's start: at the bottom
    pen.translate(0, this.y(b0)); pen.scale(1, -1);
    pen.drawImage(image, this.x(a0), 0, Math.max(1, this.x(a1) - this.x(a0)), Math.max(1, this.y(b0) - this.y(b1)));
    pen.restore();
  }
  axes(pen, right, bottom, [a0, a1, b0, b1]) {
    pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "middle";
    for (const [k, t] of this.data.events[0]) { pen.fillStyle = eventColour(k); if (t >= a0 && t <= a1) pen.fillRect(this.x(t) - 1.5, bottom, 3, 6); }
    for (const [k, t] of this.data.events[1]) { pen.fillStyle = eventColour(k); if (t >= b0 && t <= b1) pen.fillRect(LEFT - 6, this.y(t) - 1.5, 6, 3); }
    pen.textAlign = "center"; pen.fillStyle = colour("--a");
    for (const [t, text] of ticks(a0, a1, (right - LEFT) / 60)) if (this.x(t) > LEFT + 20 && this.x(t) < right - 8) pen.fillText(text, this.x(t), bottom + 14);
    pen.fillText("A", LEFT + 4, bottom + 14);
    pen.textAlign = "right"; pen.fillStyle = colour("--b");
    for (const [t, text] of ticks(b0, b1, (bottom - TOP) / 32)) if (this.y(t) > TOP + 16 && this.y(t) < bottom - 8) pen.fillText(text, LEFT - 9, this.y(t));
    pen.fillText("B", LEFT - 9, TOP + 6);
  }
}

export class TempoPlot {
  constructor(canvas, data, matrix) { Object.assign(this, { canvas, data, matrix }); }
  draw() {
    if (!this.canvas.isConnected) return;
    const { pen, width, height } = sized(this.canvas), bottom = height - 8, right = width - RIGHT;
    const y = (slope) => clamp((bottom + 8) / 2 - Math.log2(Math.max(slope, 0.01)) / 2.3 * (bottom - 8) / 2, 8, bottom);
    pen.font = "11px system-ui, sans-serif"; pen.textAlign = "right"; pen.textBaseline = "middle";
    for (const slope of [0.25, 0.5, 1, 2, 4]) {
      pen.strokeStyle = colour("--line"); pen.lineWidth = slope === 1 ? 1.5 : 1; pen.setLineDash(slope === 1 ? [] : [3, 4]);
      pen.beginPath(); pen.moveTo(LEFT, y(slope)); pen.lineTo(right, y(slope)); pen.stroke();
      pen.fillStyle = colour("--soft"); pen.fillText(`${slope}×`, LEFT - 8, y(slope));
    }
    pen.setLineDash([]);
    pen.save(); pen.beginPath(); pen.rect(LEFT, 0, right - LEFT, height); pen.clip();
    for (const gap of this.data.gaps) if (gap.video === "a") stripes(pen, this.matrix.x(gap.from), 8, this.matrix.x(gap.to) - this.matrix.x(gap.from), bottom - 8);
    pen.strokeStyle = colour("--accent"); pen.lineWidth = 2.5; pen.lineJoin = "round"; pen.beginPath();
    let before = null;
    for (const [t, slope] of this.data.tempo) {
      const inside = before !== null && this.data.segments.some(({ a }) => before >= a[0] - 1e-6 && t <= a[1] + 1e-6);
      if (inside) pen.lineTo(this.matrix.x(t), y(slope)); else pen.moveTo(this.matrix.x(t), y(slope));
      before = t;
    }
    pen.stroke();
    pen.fillStyle = colour("--cursor"); pen.fillRect(this.matrix.x(this.matrix.now[0]) - 0.75, 0, 1.5, height);
    pen.restore();
  }
}

// under the player: where A is matched (solid), the gaps in which it is alone (stripes), its key events, the loop
// events: [[number, second, carried?], ...]; those that were carried are drawn lighter, with their names where one points
export function drawTrack(canvas, { duration, segments, gaps = [], events = [], names = [], spans = [], now = 0, loop = null }) {
  if (!canvas.isConnected) return;
  const { pen, width, height } = sized(canvas), x = (t) => 8 + t / Math.max(duration, 1e-6) * (width - 16);
  pen.fillStyle = colour("--line"); pen.fillRect(8, 3, width - 16, height - 6); // too short to be called a gap
  for (const { from, to } of gaps) { pen.fillStyle = colour("--card"); pen.fillRect(x(from), 3, x(to) - x(from), height - 6); stripes(pen, x(from), 3, x(to) - x(from), height - 6); }
  pen.fillStyle = colour("--a");
  for (const { a: [start, end] } of segments) { pen.fillRect(x(start), 2, Math.max(2, x(end) - x(start)), height - 4); }
  for (const [k, from, to] of spans) { pen.fillStyle = eventColour(k); pen.globalAlpha = 0.75; pen.fillRect(x(from), 3, Math.max(2, x(to) - x(from)), height - 6); pen.globalAlpha = 1; }
  if (loop) { pen.strokeStyle = colour("--cursor"); pen.lineWidth = 2; pen.strokeRect(x(loop[0]), 1, Math.max(3, x(loop[1]) - x(loop[0])), height - 2); }
  for (const [k, t, carried] of events) {
    pen.fillStyle = "#000"; pen.fillRect(x(t) - 2.5, 0, 5, height);
    pen.fillStyle = eventColour(k);
    if (carried) { pen.fillRect(x(t) - 1.5, 0, 3, 4); pen.fillRect(x(t) - 1.5, height - 4, 3, 4); } else pen.fillRect(x(t) - 1.5, 0, 3, height);
  }
  pen.fillStyle = colour("--cursor"); pen.fillRect(x(now) - 1, 0, 2, height);
  canvas.ticks = events.map(([k, t, carried]) => [x(t), `${names[k] || `event ${k + 1}`} at ${timeText(t)}${carried ? ", carried" : ""}`, k]);
  canvas.secondAt = (left) => clamp((left - 8) / Math.max(1, width - 16), 0, 1) * duration;
  if (!canvas.tipped) canvas.addEventListener("pointermove", (event) => {
    const at = event.offsetX, near = canvas.ticks.filter(([left]) => Math.abs(left - at) < 6);
    canvas.title = near.map(([, text]) => text).join("; ");
  });
  canvas.tipped = true;
}
