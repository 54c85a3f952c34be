// The table of key events beside the player: marked, carried or unknown; names to edit, colours, an empty row to add.
import { timeText, el, eventColour, failing } from "/page/dom.js";

const MOST = 200;

export class EventTable {
  // of: {marks, names, carried} of the video; send(event, second, more), rename(event, name), goTo(second)
  constructor({ send, rename, goTo }) {
    Object.assign(this, { send, rename, goTo, extra: 0, rows: [], of: { marks: {}, names: [], carried: [] } });
    this.list = el("ol", { class: "events", "aria-label": "Key events" });
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
  fill() { // rows stay: a field that is removed ends its typing, a button that is removed loses its click
    while (this.rows.length < this.count) this.rows.push(this.row(this.rows.length));
    for (const { root } of this.rows.splice(this.count)) root.remove();
    this.rows.forEach((row, k) => row.show(k));
    if (this.list.children.length !== this.rows.length) this.list.append(...this.rows.map((row) => row.root).filter((root) => !root.isConnected));
  }
  row(k) {
    let at = null; // the second that is shown: marked, or carried here
    const button = (act, text, onclick, more) => el("button", { "data-focus": `${act}${k}`, onclick, ...more }, text);
    const name = el("input", { class: "name", "data-focus": `name${k}`, "aria-label": `Name of event ${k + 1}`, maxlength: 60, onchange: failing(() => this.rename(k, name.value)), onkeydown: (event) => { if (event.key === "Enter") name.blur(); else if (event.key === "Escape") { name.value = this.name(k); name.blur(); } } });
    const badge = el("span", { class: "badge" }, String(k + 1));
    badge.style.background = eventColour(k);
    const go = button("go", "", () => this.goTo(at), { class: "link time", title: "Go there" });
    const none = el("span", { class: "soft time" }), sure = el("span", { title: "Carried from other videos, with this confidence" });
    const accept = button("accept", "Accept", () => this.send(k, at), { title: "It is right: count it as marked by hand" });
    const mark = button("mark", "", () => this.send(k, null, { here: true }), { title: keyOf(k) ? `Mark here (${keyOf(k)})` : "Mark here" });
    const forget = button("forget", "×", () => this.send(k, null, { clear: true }), { class: "quiet", title: "Forget" });
    const absent = button("absent", "∅", () => this.send(k, null), { class: "quiet", title: "Absent in this video" });
    const time = el("span", {}, go, none, sure), root = el("li", {}, badge, name, time, el("span", { class: "acts" }, accept, mark, forget, absent));
    const show = () => {
      const marked = this.of.marks[k], known = marked !== undefined, carried = known ? null : this.of.carried[k], called = this.name(k);
      at = known ? marked : carried ? carried.second : null;
      if (document.activeElement !== name) name.value = called; // what is being typed stays
      root.className = known ? "known" : carried ? "carried" : "";
      time.className = carried ? "guess" : "";
      go.textContent = at === null ? "" : timeText(at);
      none.textContent = known ? "∅ absent" : carried ? "∅ absent?" : "–";
      sure.textContent = carried ? `${Math.round(100 * carried.confidence)} %` : "";
      sure.className = `sure${carried && carried.confidence < 0.35 ? " unsure" : ""}`;
      mark.textContent = known || carried ? "Move here" : "Mark here";
      go.hidden = at === null; none.hidden = at !== null; sure.hidden = accept.hidden = !carried; forget.hidden = !known; absent.hidden = known;
      for (const [one, says] of [[accept, `Accept ${called}`], [mark, `Mark ${called} here`], [forget, `Forget ${called}`], [absent, `${called} is absent`]]) one.ariaLabel = says;
    };
    return { root, show };
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
