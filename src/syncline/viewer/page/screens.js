// The two pictures: beside each other, one above the other, over each other, wiped, or subtracted; zoomed and moved as one.
import { clamp, el } from "/page/dom.js";

const LAYOUTS = [["side", "Side by side"], ["stack", "Top and bottom"], ["overlay", "Overlay"], ["wipe", "Wipe"], ["difference", "Difference"]];
const MIXED = { overlay: "Opacity of B", wipe: "Where B begins" };
const MOST_ZOOM = 8, CLICK = 5; // pixels that a hand may move within a click

export const plainLook = () => ({ layout: "side", mix: 0.5, zoom: 1, x: 0, y: 0 });

export class Screens {
  // look: {layout, mix 0..1, zoom, x, y: shift in shares of a picture}; it is changed in place. onclick: a click on a picture
  constructor(videos, names, { look = plainLook(), onclick = () => {} } = {}) {
    Object.assign(this, { videos, look });
    this.waiting = el("p", { class: "waits", role: "status", hidden: true });
    this.times = ["a", "b"].map((side) => el("span", { class: "time", id: `time-${side}` }));
    this.figures = videos.map((video, k) => el("figure", { class: "ab"[k] },
      el("div", { class: "framed" }, el("div", { class: "screen" }, video), k ? this.waiting : null), // outside what a wipe cuts
      el("figcaption", {}, el("span", { class: "tag" }, "AB"[k]), el("span", { class: "name", title: names[k] }, names[k]), this.times[k])));
    this.pair = el("div", { class: "pair" }, this.figures);
    this.layout = el("select", { "aria-label": "Layout", onchange: () => this.set({ layout: this.layout.value }) },
      LAYOUTS.map(([value, text]) => el("option", { value }, text)));
    this.mix = el("input", { type: "range", class: "mix", min: 0, max: 1, step: 0.01, oninput: () => this.set({ mix: Number(this.mix.value) }) });
    this.size = el("button", { class: "quiet", title: "Fit (0)", onclick: () => this.set({ zoom: 1, x: 0, y: 0 }) });
    this.tools = [this.layout, this.mix, el("span", { class: "joined" },
      el("button", { class: "round", "aria-label": "Smaller pictures", title: "Zoom out (Shift Z)", onclick: () => this.zoom(1 / 1.5) }, "−"), this.size,
      el("button", { class: "round", "aria-label": "Larger pictures", title: "Zoom in (Z)", onclick: () => this.zoom(1.5) }, "+"))];
    for (const video of videos) video.addEventListener("loadedmetadata", () => this.fit());
    this.listen(onclick);
    this.set({});
    this.fit();
  }
  get aspect() { const { clientWidth: width, clientHeight: height } = this.figures[0].querySelector(".screen"); return width / Math.max(1, height); }
  fit() { // both boxes are as high as the taller picture needs
    const shapes = this.videos.map((video) => video.videoWidth ? video.videoHeight / video.videoWidth : 0);
    this.pair.style.setProperty("--shape", Math.max(...shapes) || 0.5625);
  }
  set(change) {
    const look = Object.assign(this.look, change), room = (look.zoom - 1) / 2;
    look.x = clamp(look.x, -room, room); look.y = clamp(look.y, -room, room);
    this.pair.dataset.layout = look.layout;
    for (const [name, value] of [["mix", look.mix], ["zoom", look.zoom], ["x", look.x], ["y", look.y]]) this.pair.style.setProperty(`--${name}`, value);
    this.layout.value = look.layout;
    this.mix.value = look.mix;
    this.mix.hidden = !(look.layout in MIXED);
    this.mix.setAttribute("aria-label", MIXED[look.layout] || "Mix");
    this.size.textContent = `${Math.round(100 * look.zoom)} %`;
    this.size.setAttribute("aria-label", `Size of the pictures: ${this.size.textContent}; fit`);
    this.pair.classList.toggle("zoomed", look.zoom > 1);
  }
  next() { const at = LAYOUTS.findIndex(([name]) => name === this.look.layout); this.set({ layout: LAYOUTS[(at + 1) % LAYOUTS.length][0] }); }
  zoom(factor, [u, v] = [0, 0]) { // u, v: the point that stays, from the centre, in shares of the picture's box
    const { zoom, x, y } = this.look, to = clamp(zoom * factor, 1, MOST_ZOOM), grown = to / zoom;
    this.set({ zoom: to, x: u - (u - x) * grown, y: v - (v - y) * grown });
  }
  at(event) {
    const box = event.target.closest(".screen").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5, box];
  }
  listen(onclick) {
    let from = null;
    this.pair.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.target.closest(".screen")) return;
      const [u, v, box] = this.at(event);
      from = { u, v, box, x: this.look.x, y: this.look.y, mix: this.look.mix, moved: false, left: event.clientX, top: event.clientY };
      event.target.setPointerCapture(event.pointerId);
    });
    this.pair.addEventListener("pointermove", (event) => {
      if (!from) return;
      const right = event.clientX - from.left, down = event.clientY - from.top;
      if (!from.moved && Math.hypot(right, down) < CLICK) return;
      from.moved = true;
      if (this.look.zoom > 1) this.set({ x: from.x + right / from.box.width, y: from.y + down / from.box.height });
      else if (this.look.layout === "wipe") this.set({ mix: clamp((event.clientX - from.box.left) / from.box.width, 0, 1) });
    });
    this.pair.addEventListener("pointerup", () => { if (from && !from.moved) onclick(); from = null; });
    this.pair.addEventListener("pointercancel", () => { from = null; });
    this.pair.addEventListener("wheel", (event) => { // as maps and photographs do it; without Ctrl the page scrolls
      if (!(event.ctrlKey || event.metaKey) || !event.target.closest(".screen")) return;
      event.preventDefault();
      const [u, v] = this.at(event);
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, [u, v]);
    }, { passive: false });
  }
  key(key) {
    if (key === "z") this.zoom(1.5);
    else if (key === "Z") this.zoom(1 / 1.5);
    else if (key === "0") this.set({ zoom: 1, x: 0, y: 0 });
    else if (key === "o" || key === "O") this.next();
    else return false;
    return true;
  }
}
