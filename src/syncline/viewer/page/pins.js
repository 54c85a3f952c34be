// Pins: moments of A and B that a person marked as the same. Kept on disk; the alignment goes through them.
import { timeText, done, el, failing, keepChildren } from "/page/dom.js";
import { getJSON } from "/page/core.js";

export const PIN_KEYS = [["B N", "move B alone, one frame back, on"], ["P", "pin: these two moments are the same"], ["Delete", "remove the chosen pin"], ["Ctrl+Z", "undo"]];

export class Pins {
  // changed: the pins have changed, and with them the alignment
  constructor(a, b, { changed }) {
    Object.assign(this, { a, b, changed, list: [], chosen: null, stage: null, shown: new Map() });
    this.items = el("ul", { class: "pinned" });
    this.root = el("div", { class: "pins" }, el("h2", {}, "Pins"),
      el("p", { class: "soft" }, "Where the path is wrong: pause, move B alone, and pin the two."),
      el("div", { class: "tools" }, el("button", { "aria-label": "B one frame back", title: "B alone, one frame back (B)", onclick: () => this.stage.nudge(-1) }, "B ◂"), el("button", { "aria-label": "B one frame on", title: "B alone, one frame on (N)", onclick: () => this.stage.nudge(1) }, "B ▸"),
        el("button", { onclick: () => this.add(), title: "These two moments are the same (P)" }, "Pin these two"), el("button", { onclick: () => this.undo(), title: "Take the last change of pins and marks back (Ctrl Z)" }, "Undo")), this.items);
  }
  async load() { this.take(await getJSON(`/api/pins?a=${this.a}&b=${this.b}`)); }
  take({ pins }) { this.list = pins; this.draw(); }
  draw() {
    keepChildren(this.items, this.list.map((pin) => {
      const key = `${pin.number} ${pin.a} ${pin.b}`, item = this.shown.get(key) ?? this.item(pin);
      this.shown.set(key, item);
      item.setAttribute("aria-current", String(pin.number === this.chosen));
      return item;
    }));
    this.stage?.redraw();
  }
  item(pin) {
    return el("li", {},
      el("button", { class: "link", onclick: () => { this.chosen = pin.number; this.stage.transport.pause(); this.stage.transport.goTo(pin.a); this.draw(); } }, `A ${timeText(pin.a)} = B ${timeText(pin.b)}`),
      el("button", { class: "quiet", "aria-label": `Remove the pin at A ${timeText(pin.a)}`, title: "Remove (Delete)", onclick: () => this.remove(pin.number) }, "×"));
  }
  add = failing(async () => {
    this.stage.transport.pause();
    await this.put({ second_a: this.stage.transport.second, second_b: this.stage.b });
    done(`Pinned A ${timeText(this.stage.transport.second)} to B ${timeText(this.stage.b)}`);
  });
  move = failing(async (number, second_a, second_b) => { await this.put({ number, second_a, second_b }); done("Pin moved"); });
  remove = failing(async (number) => { await this.send("/api/pins", { number, clear: true }); this.chosen = null; done("Pin removed"); });
  undo = failing(async () => { const { undone } = await this.send("/api/undo", {}); done(undone ? "Undone" : "There is nothing to undo"); });
  put(body) { return this.send("/api/pins", { a: this.a, b: this.b, ...body }); }
  async send(path, body) {
    const answer = await getJSON(path, body);
    await this.load();
    await this.changed();
    return answer;
  }
  key(key, event) {
    if (key === "p" || key === "P") this.add();
    else if (key === "b" || key === "B") this.stage.nudge(-1);
    else if (key === "n" || key === "N") this.stage.nudge(1);
    else if ((key === "Delete" || key === "Backspace") && this.chosen !== null) this.remove(this.chosen);
    else return false;
    return true;
  }
}
