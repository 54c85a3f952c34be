// The table of key events beside the player: marked, carried or unknown; names to edit, colours, an empty row to add.
import { clockText, el, eventColour, failing } from "/page/dom.js";

const MOST = 200;

export class EventTable {
  // of: {marks, names, carried} of the video; send(event, second, more), rename(event, name), goTo(second)
  constructor({ send, rename, goTo }) {
    Object.assign(this, { send, rename, goTo, extra: 0, pressed: false, late: false, of: { marks: {}, names: [], carried: [] } });
    this.list = el("ol", { class: "events", "aria-label": "Key events" });
    this.list.addEventListener("pointerdown", () => { // a row that is replaced between press and release loses the click
      this.pressed = true;
      for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(() => { this.pressed = false; if (this.late) this.fill(); }), { once: true });
    });
    this.root = el("div", {}, this.list, el("div", { class: "tools" }, el("button", { onclick: () => this.add() }, "Add event"),
      el("button", { title: "Two events, a begin and an end, with the time between them as a band", onclick: failing(() => this.addSpan()) }, "Add a phase with begin and end")));
  }
  get count() {
    const { marks, names, carried } = this.of;
    return Math.min(MOST, Math.max(names.length, carried.length, this.extra, 4, ...Object.keys(marks).map((k) => Number(k) + 1)));
  }
  name(k) { return this.of.names[k] || `event ${k + 1}`; }
  get spans() { // [[number, from, to], ...] of names that end in begin and end
    const { marks, names } = this.of, found = [];
    names.forEach((name, k) => {
      const last = names.indexOf(`${name.replace(/ begin$/, "")} end`);
      if (/ begin$/.test(name) && last >= 0 && marks[k] != null && marks[last] > marks[k]) found.push([k, marks[k], marks[last]]);
    });
    return found;
  }
  add() {
    this.extra = this.count + 1;
    this.fill();
    const field = this.list.lastElementChild.querySelector("input");
    field.focus(); field.select();
  }
  async addSpan() {
    const at = Math.max(this.of.names.length, ...Object.keys(this.of.marks).map((k) => Number(k) + 1)), number = this.spanCount + 1;
    await this.rename(at, `phase ${number} begin`);
    await this.rename(at + 1, `phase ${number} end`);
  }
  get spanCount() { return this.of.names.filter((name) => / begin$/.test(name)).length; }
  take(of) { this.of = of; this.fill(); }
  fill() {
    this.late = this.pressed;
    if (this.pressed) return;
    const active = document.activeElement, focus = active?.dataset?.focus, typed = active?.value;
    const selected = active?.tagName === "INPUT" ? [active.selectionStart, active.selectionEnd] : [];
    this.list.replaceChildren(...Array.from({ length: this.count }, (_, k) => this.row(k)));
    const again = focus && this.list.querySelector(`[data-focus="${focus}"]`);
    if (again) {
      if (again.tagName === "INPUT") again.value = typed;
      again.focus();
      if (again.tagName === "INPUT") again.setSelectionRange(...selected); // what is being typed goes where it went
    }
  }
  row(k) {
    const second = this.of.marks[k], known = second !== undefined, carried = known ? null : this.of.carried[k];
    const name = el("input", { class: "name", value: this.name(k), "aria-label": `Name of event ${k + 1}`, "data-focus": `name${k}`, maxlength: 60, onchange: failing(() => this.rename(k, name.value)), onkeydown: (event) => { if (event.key === "Enter") name.blur(); else if (event.key === "Escape") { name.value = this.name(k); name.blur(); } } });
    const badge = el("span", { class: "badge" }, String(k + 1));
    badge.style.background = eventColour(k);
    const go = (at, text) => el("button", { class: "link time", title: "Go there", "data-focus": `go${k}`, onclick: () => this.goTo(at) }, text);
    const sure = carried ? `${Math.round(100 * carried.confidence)} %` : "";
    const time = known ? (second === null ? el("span", { class: "soft time" }, "∅ absent") : go(second, clockText(second)))
      : carried ? el("span", { class: "guess" }, carried.second === null ? el("span", { class: "soft time" }, "∅ absent?") : go(carried.second, clockText(carried.second)), el("span", { class: `sure${carried.confidence < 0.35 ? " unsure" : ""}`, title: "Carried from other videos, with this confidence" }, sure))
        : el("span", { class: "soft time" }, "–");
    return el("li", { class: known ? "known" : carried ? "carried" : "" }, badge, name, time,
      el("span", { class: "acts" }, carried ? el("button", { "aria-label": `Accept ${this.name(k)}`, title: "It is right: count it as marked by hand", "data-focus": `accept${k}`, onclick: () => this.send(k, carried.second) }, "Accept") : null,
        el("button", { "aria-label": `Mark ${this.name(k)} here`, title: keyOf(k) ? `Mark here (${keyOf(k)})` : "Mark here", "data-focus": `mark${k}`, onclick: () => this.send(k, null, { here: true }) }, known || carried ? "Move here" : "Mark here"),
        known ? el("button", { class: "quiet", "aria-label": `Forget ${this.name(k)}`, title: "Forget", "data-focus": `forget${k}`, onclick: () => this.send(k, null, { clear: true }) }, "×")
          : el("button", { class: "quiet", "aria-label": `${this.name(k)} is absent`, title: "Absent in this video", "data-focus": `absent${k}`, onclick: () => this.send(k, null) }, "∅")));
  }
}

const keyOf = (k) => k < 9 ? String(k + 1) : k === 9 ? "0" : k < 19 ? `Shift ${k - 9}` : "";

// the event that a digit names: 1 to 9, 0 is the tenth, with Shift eleven to nineteen; null for other keys
export function eventOfKey(event) {
  const digit = /^Digit(\d)$/.exec(event.code);
  if (event.shiftKey) return digit && digit[1] !== "0" ? 9 + Number(digit[1]) : null;
  if (!/^\d$/.test(event.key)) return null;
  return event.key === "0" ? 9 : Number(event.key) - 1;
}
