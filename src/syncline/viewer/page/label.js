// Label once: mark key events while the video plays; they are carried to all the others.
import { clamp, clockText, el, eventColour, failing, problem, takesText, viewKeys, whileShown } from "/page/dom.js";
import { download, getJSON, go, heading, nameOf, openVideo, state, videoSelect } from "/page/core.js";
import { drawTrack } from "/page/plots.js";
import { Transport } from "/page/transport.js";
import { Cell } from "/page/cell.js";

const ROWS = 24;
const KEYS = [["1 – 9", "mark that event here"], ["N", "mark the next event here"], ["Space", "play or pause"], ["← →", "one frame"], ["U or Ctrl Z", "undo"]];

function exportPanel() {
  const form = el("select", { "aria-label": "Form of the label file" }, state.folder.forms.map((name) => el("option", {}, name)));
  const carried = el("input", { type: "checkbox", checked: true });
  const save = failing(() => download(`/api/export?form=${form.value}&carried=${carried.checked ? 1 : 0}`));
  return el("div", { class: "bar export" }, form, el("label", { class: "check" }, carried, "with what was carried"), el("button", { onclick: save }, "Export labels"));
}

export async function labelView(root, query) {
  const id = Number(query.get("id") || 0), video = state.folder.videos[id], wait = el("p", { class: "wait soft", role: "status" }, "Opening …");
  root.replaceChildren(heading("Label once", "Mark the key events of one video; the others get them too."), wait);
  const [{ video: element, clock }, first] = await Promise.all([openVideo(id, wait), getJSON("/api/labels")]);
  if (!root.isConnected) return;
  element.id = "labelled"; element.muted = true;
  const track = el("canvas", { class: "track", role: "img", "aria-label": "The marked events of this video" });
  const list = el("ol", { class: "events", "aria-label": "Key events" }), others = el("div", { class: "others" }), said = el("p", { class: "soft", role: "status" });
  let marks = {}, names = [], transport = null;
  const draw = () => {
    drawTrack(track, { duration: clock.end, segments: [{ a: [0, clock.end] }], events: Object.entries(marks).filter(([, t]) => t !== null).map(([k, t]) => [Number(k), t]), now: transport.second });
  };
  transport = new Transport(element, clock, { name: video.name, onframe: () => { if (transport) draw(); } });
  const count = () => Math.max(names.length, 4, ...Object.keys(marks).map((k) => Number(k) + 1));
  const nameOfEvent = (k) => names[k] || `event ${k + 1}`;
  const takeIn = (answer) => { // what the server has on disk is what is shown
    marks = answer.marks[video.name] || {}; names = answer.names; video.marks = marks; state.folder.events = names;
    fillList();
    draw();
    carry();
  };
  let pressed = false, late = false; // a row that is replaced between press and release loses the click
  const fillList = () => {
    late = pressed;
    if (pressed) return;
    const focus = document.activeElement?.dataset?.focus;
    list.replaceChildren(...Array.from({ length: Math.min(200, count() + (marks[count() - 1] !== undefined ? 1 : 0)) }, (_, k) => row(k)));
    if (focus) list.querySelector(`[data-focus="${focus}"]`)?.focus();
  };
  const released = () => setTimeout(() => { pressed = false; if (late) fillList(); });
  list.addEventListener("pointerdown", () => {
    pressed = true;
    for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, released, { once: true });
  });
  let before = Promise.resolve();
  const change = (path, body) => { // one after another: the last one that was made is the last one on disk and in view
    const answer = before.then(() => getJSON(path, body));
    before = answer.catch(() => {});
    return answer;
  };
  const send = failing(async (event, second, more = {}) => {
    takeIn(await change("/api/labels", { id, event, second, ...more }));
    said.textContent = more.clear ? `${nameOfEvent(event)} forgotten` : `${nameOfEvent(event)} ${second === null ? "is absent" : `at ${clockText(second)}`}, kept on disk`;
  });
  const undo = failing(async () => { const answer = await change("/api/undo", {}); takeIn(answer); said.textContent = answer.undone ? "Undone" : "There is nothing to undo"; });
  const row = (k) => {
    const second = marks[k], known = second !== undefined;
    const name = el("input", { class: "name", value: nameOfEvent(k), "aria-label": `Name of event ${k + 1}`, "data-focus": `name${k}`, maxlength: 60, onchange: failing(async () => takeIn(await change("/api/names", { event: k, name: name.value }))) });
    const badge = el("span", { class: "badge" }, String(k + 1));
    badge.style.background = eventColour(k);
    return el("li", { class: known ? "known" : "" }, badge, name,
      known && second !== null ? el("button", { class: "link time", title: "Go there", "data-focus": `go${k}`, onclick: () => { transport.pause(); transport.goTo(second); } }, clockText(second)) : el("span", { class: "soft time" }, known ? "absent" : "–"),
      el("button", { "aria-label": `Mark ${nameOfEvent(k)} here`, title: k < 9 ? `Mark here (${k + 1})` : "Mark here", "data-focus": `mark${k}`, onclick: () => send(k, transport.second) }, known ? "Move here" : "Mark here"),
      known ? el("button", { class: "quiet", "aria-label": `Forget ${nameOfEvent(k)}`, title: "Forget", "data-focus": `forget${k}`, onclick: () => send(k, null, { clear: true }) }, "×")
        : el("button", { class: "quiet", "aria-label": `${nameOfEvent(k)} is absent`, title: "Absent in this video", "data-focus": `absent${k}`, onclick: () => send(k, null) }, "∅"));
  };

  // ---- the other videos
  const table = el("table", {}), body = el("tbody"), head = el("tr"), more = el("button", { onclick: () => { rows += ROWS; carry(0); } }, "Show more videos");
  table.append(el("caption", { class: "hidden" }, "The events in all other videos"), el("thead", {}, head), body);
  const cells = new Map();
  let rows = ROWS, timer = null, asked = 0;
  const rest = state.folder.videos.filter((other) => other.id !== id);
  const keep = async (other, event, second) => { // whether it is on disk
    try {
      const answer = await change("/api/labels", { id: other, event, second });
      names = answer.names; state.folder.videos[other].marks = answer.marks[nameOf(other)] || {};
      said.textContent = `${nameOfEvent(event)} of ${nameOf(other)} corrected; it counts for the others from now on`;
    } catch (error) { problem(`The correction was not saved: ${error.message}`); return false; }
    carry(0);
    return true;
  };
  const fill = (found) => {
    const width = found.length ? found[0].events.length : 0;
    head.replaceChildren(el("th", { scope: "col" }, "Video"), ...Array.from({ length: width }, (_, k) => el("th", { scope: "col" }, nameOfEvent(k))));
    for (const { id: other, events } of found) {
      let entry = cells.get(other);
      if (!entry || entry.cells.length !== width) {
        const made = events.map((_, k) => new Cell(state.folder.videos[other], k, { keep, label: () => nameOfEvent(k) }));
        const line = el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#/label?id=${other}` }, nameOf(other))), made.map((cell) => el("td", {}, cell.root)));
        if (entry) entry.line.replaceWith(line); else body.append(line);
        entry = { line, cells: made };
        cells.set(other, entry);
      }
      events.forEach((event, k) => entry.cells[k].set(event));
    }
  };
  const carryNow = failing(async () => {
    const mine = ++asked;
    if (!state.status.generation) { others.replaceChildren(el("p", { class: "soft" }, "The marks are kept. They are carried to the other videos as soon as those are embedded.")); return; }
    const { videos: found } = await getJSON(`/api/transfer?ids=${rest.slice(0, rows).map((other) => other.id)}`);
    if (mine !== asked || !root.isConnected) return;
    if (!found.length) { cells.clear(); body.replaceChildren(); others.replaceChildren(el("p", { class: "soft" }, rest.length ? "Nothing has been marked yet. Play, and press 1 at the first key event." : "There is no other video.")); return; }
    fill(found);
    more.hidden = rows >= rest.length;
    if (table.parentNode !== others) others.replaceChildren(table, more);
  });
  const carry = (wait = 150) => { clearTimeout(timer); timer = setTimeout(carryNow, wait); };
  const nextOne = failing(async () => { const { id: next } = await getJSON("/api/next"); if (next === null) said.textContent = "Mark one video first"; else go("label", { id: next }); });

  wait.replaceWith(
    el("div", { class: "workbench" },
      el("div", {}, el("div", { class: "bar" }, videoSelect("Video", id, (value) => go("label", { id: value }))), el("figure", { class: "a" }, el("div", { class: "screen" }, element)), el("div", { class: "deck" }, track, transport.bar)),
      el("section", { class: "panel", "aria-label": "Key events of this video" }, el("h2", {}, "Key events"), list, el("div", { class: "bar" }, el("button", { onclick: undo }, "Undo"), said),
        el("details", { class: "keys" }, el("summary", {}, "Keyboard"), el("dl", {}, KEYS.map(([key, does]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, does))))))),
    el("section", { class: "carried", "aria-label": "Carried to the others" }, el("div", { class: "split" }, el("div", {}, el("h2", {}, "Carried to the others"), el("p", { class: "soft" }, "Drag a picture sideways to correct it, or use the arrow keys; Delete says that it is absent. Corrections count at once.")),
      el("div", { class: "bar" }, el("button", { onclick: nextOne }, "Open the least certain"), exportPanel())), others));
  viewKeys(root, (key, event) => {
    if (/^[1-9]$/.test(key)) { if (!event.repeat) send(Number(key) - 1, transport.second); return true; }
    if (key === "n" || key === "N") { const next = Array.from({ length: count() + 1 }, (_, k) => k).find((k) => marks[k] === undefined); if (!event.repeat) send(next, transport.second); return true; }
    if (key === "u" || key === "U") { undo(); return true; }
    return transport.key(key, event);
  });
  whileShown(root, "keydown", (event) => { // where text is written, it takes back what was written
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !takesText(event.target)) { event.preventDefault(); undo(); }
  });
  whileShown(root, "embedded", () => carry(0));
  new ResizeObserver(draw).observe(track);
  takeIn(first);
  if (query.has("t")) transport.goTo(clamp(Number(query.get("t")), 0, clock.end)); else transport.go(0);
}
