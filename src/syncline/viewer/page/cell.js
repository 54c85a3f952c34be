// One event of one video as a picture that can be dragged sideways, or moved by the arrow keys, to correct it.
import { clamp, timeText, el } from "/page/dom.js";
import { go, pictureOf } from "/page/core.js";

const PIXELS_A_FRAME = 4;

export class Cell {
  constructor(video, event, { keep, label }) {
    Object.assign(this, { video, event, keep, label, second: null, from: null, dirty: false });
    this.frame = 1 / video.rate;
    this.image = el("img", { alt: "", width: 120, height: 90, draggable: "false", loading: "lazy" });
    this.text = el("span", { class: "time" });
    this.sure = el("meter", { min: 0, max: 1, low: 0.35, high: 0.7, optimum: 1 });
    this.by = el("span", { class: "soft" });
    this.root = el("div", { class: "moment", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": video.duration.toFixed(2) }, this.image, el("span", { class: "none", "aria-hidden": "true" }, "∅"), el("span", { class: "line" }, this.text, this.by), this.sure);
    this.root.addEventListener("pointerdown", (down) => { if (down.button === 0) { this.from = [down.clientX, this.second ?? 0]; this.root.setPointerCapture(down.pointerId); } });
    this.root.addEventListener("pointermove", (move) => {
      if (!this.from) return;
      const frames = Math.round((move.clientX - this.from[0]) / PIXELS_A_FRAME);
      if (frames || this.dirty) this.move(this.from[1] + frames * this.frame);
    });
    this.root.addEventListener("pointerup", () => {
      const clicked = this.from && !this.dirty;
      this.from = null;
      if (clicked) go("label", { id: this.video.id, t: (this.second ?? 0).toFixed(5) }); else this.commit();
    });
    this.root.addEventListener("pointercancel", () => { this.from = null; this.commit(); });
    this.root.addEventListener("blur", () => this.commit());
    this.root.addEventListener("keydown", (key) => this.pressed(key));
  }
  pressed(key) {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[key.key];
    if (steps) {
      this.move((this.second ?? 0) + steps * (key.shiftKey ? 10 : 1) * this.frame);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.commit(), 800);
    } else if (key.key === "Enter") { this.dirty = true; this.commit(); }
    else if (key.key === "Delete" || key.key === "Backspace") { this.second = null; this.dirty = true; this.commit(); }
    else return;
    key.preventDefault(); key.stopPropagation();
  }
  move(second) {
    this.second = clamp(second, 0, this.video.duration - this.frame / 2);
    this.dirty = true;
    this.show();
  }
  commit() {
    clearTimeout(this.timer);
    if (!this.dirty) return;
    this.dirty = false;
    const before = this.told;
    this.keep(this.video.id, this.event, this.second).then((kept) => { if (!kept && this.told === before) this.set(before); }); // not saved: not shown
  }
  set(told) { // what the server says; not while somebody is moving it
    this.told = told;
    if (this.dirty || this.from) return;
    const { second, confidence, by } = told;
    Object.assign(this, { second, confidence, hand: by === "hand" });
    this.show();
  }
  show() {
    const absent = this.second === null, hand = this.hand || this.dirty;
    this.text.textContent = absent ? "absent" : timeText(this.second);
    this.by.textContent = hand ? "by hand" : `${Math.round(100 * this.confidence)} %`;
    this.sure.value = hand ? 1 : this.confidence;
    this.sure.hidden = hand;
    this.sure.setAttribute("aria-label", `Confidence ${this.by.textContent}`);
    this.root.classList.toggle("hand", hand); this.root.classList.toggle("absent", absent);
    this.root.classList.toggle("unsure", !hand && this.confidence < 0.35);
    this.root.setAttribute("aria-label", `${this.label()} of ${this.video.name}`);
    this.root.setAttribute("aria-valuenow", (this.second ?? 0).toFixed(3));
    this.root.setAttribute("aria-valuetext", absent ? "absent" : `${timeText(this.second)}, ${hand ? "by hand" : `confidence ${this.by.textContent}`}`);
    if (absent) { this.image.removeAttribute("src"); return; }
    clearTimeout(this.picture);
    const source = pictureOf(this.video.id, this.second);
    if (this.dirty) this.picture = setTimeout(() => { this.image.src = source; }, 40); else if (this.image.getAttribute("src") !== source) this.image.src = source;
  }
}
