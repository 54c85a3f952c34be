// Label once: mark key events while the video plays; they are carried to all the others.
import { clamp, timeText, done, el, failing, problem, takesText, viewKeys, whileShown } from "/page/dom.js";
import { api, download, getJSON, go, heading, nameOf, openVideo, shaped, state, videoSelect } from "/page/core.js";
import { EventTable, eventOfKey } from "/page/events.js";
import { drawTrack } from "/page/plots.js";
import { PLAYER_KEYS, Transport } from "/page/transport.js";
import { Cell } from "/page/cell.js";

const ROWS = 24;
const KEYS = [["1 – 9 0", "mark that event here (0: the tenth; with Shift the eleventh on)"], ["N", "mark the next event here"], ["A", "accept what was carried to this video"], ["G", "go to the next uncertain one"], ["U Ctrl+Z", "undo"], ...PLAYER_KEYS];
const FORM_NAMES = { csv: "CSV table", json: "JSON", elan: "ELAN (.eaf)", boris: "BORIS project", "boris-csv": "BORIS events (.csv)", "label-studio": "Label Studio", activitynet: "ActivityNet (.json)", srt: "Subtitles (.srt)", vtt: "Subtitles (.vtt)", npy: "NumPy arrays (.npy)", text: "Text, a line a frame" };

// saving labels, and opening those of other programs; changed: labels have come
export function filesPanel(changed) {
  const form = el("select", { "aria-label": "Form of the label file" }, state.folder.forms.map((name) => el("option", { value: name }, FORM_NAMES[name] || name)));
  const carried = el("input", { type: "checkbox", checked: true });
  const save = failing(async () => done(`Exported ${await download(`/api/export?form=${form.value}&carried=${carried.checked ? 1 : 0}`)}`));
  const open = failing(async () => {
    let videos = 0;
    for (const file of choose.files) videos += (await (await api(`/api/open?name=${encodeURIComponent(file.name)}`, file)).json()).videos;
    choose.value = "";
    await changed();
    done(`Opened labels of ${videos} ${videos === 1 ? "video" : "videos"}; undo takes them back`);
  });
  const choose = el("input", { type: "file", multiple: true, hidden: true, accept: ".csv,.tsv,.json,.boris,.eaf,.npy,.txt,.srt,.vtt", "aria-label": "Label files to open", onchange: open });
  return el("div", { class: "bar export" }, choose, el("button", { onclick: () => choose.click() }, "Open labels …"), form,
    el("label", { class: "check" }, carried, "with what was carried"), el("button", { onclick: save }, "Export labels"),
    state.folder.timeOrigin === "container" ? el("p", { class: "soft" }, "Label files count seconds from where a container begins; this page counts from the first picture.") : null);
}

export async function labelView(root, query) {
  const id = Number(query.get("id") || 0), video = state.folder.videos[id], wait = el("p", { class: "wait soft", role: "status" }, "Opening …");
  root.replaceChildren(heading("Label once", "Mark the key events of one video; the others get them too."), wait);
  const [{ video: element, pts }, first] = await Promise.all([openVideo(id, wait), getJSON("/api/labels")]);
  if (!root.isConnected) return;
  element.id = "labelled"; element.muted = true;
  const track = el("canvas", { class: "track", role: "img", "aria-label": "The events of this video; those that were carried are drawn lighter" });
  const others = el("div", { class: "others" }), said = el("p", { class: "soft", role: "status" });
  let marks = {}, names = [], own = [], transport = null;
  const table = new EventTable({ send: (...given) => send(...given), rename: (k, name) => rename(k, name), goTo: (second) => { transport.pause(); transport.goTo(second); } });
  const draw = () => {
    const known = Object.entries(marks).filter(([, t]) => t !== null).map(([k, t]) => [Number(k), t]);
    const carried = own.flatMap((event, k) => marks[k] === undefined && event.second !== null ? [[k, event.second, true]] : []);
    drawTrack(track, { duration: pts.end, segments: [{ a: [0, pts.end] }], events: [...known, ...carried], spans: table.spans, names, now: transport.second });
  };
  transport = new Transport(element, pts, { name: video.name, onframe: () => { if (transport) draw(); } });
  let moved = null; // the number of the event whose tick is dragged
  track.addEventListener("pointerdown", (event) => {
    const near = track.ticks.filter(([left]) => Math.abs(left - event.offsetX) < 7).at(-1);
    moved = near ? near[2] : null;
    track.setPointerCapture(event.pointerId);
    transport.pause();
    transport.goTo(track.secondAt(event.offsetX));
  });
  track.addEventListener("pointermove", (event) => { if (event.buttons) transport.goTo(track.secondAt(event.offsetX)); });
  track.addEventListener("pointerup", () => { if (moved !== null) send(moved, null, { here: true }); moved = null; });
  track.addEventListener("pointercancel", () => { moved = null; });
  const show = () => { table.take({ marks, names, carried: own }); draw(); };
  const takeIn = (answer) => { // what the server has on disk is what is shown
    marks = answer.marks[video.name] || {}; names = answer.names; video.marks = marks; state.folder.events = names;
    show();
    carry();
  };
  let before = Promise.resolve();
  const change = (path, body) => { // one after another: the last one that was made is the last one on disk and in view
    const answer = before.then(() => getJSON(path, body));
    before = answer.catch(() => {});
    return answer;
  };
  const send = failing(async (event, second, { here, ...more } = {}) => {
    if (here) second = transport.second;
    takeIn(await change("/api/labels", { id, event, second, ...more }));
    said.textContent = more.clear ? `${table.name(event)} forgotten` : `${table.name(event)} ${second === null ? "is absent" : `at ${timeText(second)}`}, kept on disk`;
  });
  const rename = async (event, name) => takeIn(await change("/api/names", { event, name }));
  const undo = failing(async () => { const answer = await change("/api/undo", {}); takeIn(answer); said.textContent = answer.undone ? "Undone" : "There is nothing to undo"; });
  const accept = failing(async () => {
    const waiting = own.map((event, k) => [k, event.second]).filter(([k]) => marks[k] === undefined);
    for (const [k, second] of waiting) takeIn(await change("/api/labels", { id, event: k, second }));
    said.textContent = waiting.length ? `${waiting.length} ${waiting.length === 1 ? "event" : "events"} accepted` : "There is nothing to accept";
  });

  // ---- the other videos
  const grid = el("table", {}), body = el("tbody"), head = el("tr"), more = el("button", { onclick: () => { rows += ROWS; carry(0); } }, "Show more videos");
  grid.append(el("caption", { class: "hidden" }, "The events in all other videos"), el("thead", {}, head), body);
  const cells = new Map();
  let rows = ROWS, timer = null, asked = 0;
  const rest = state.folder.videos.filter((other) => other.id !== id);
  const keep = async (other, event, second) => { // whether it is on disk
    try {
      const answer = await change("/api/labels", { id: other, event, second });
      names = answer.names; state.folder.videos[other].marks = answer.marks[nameOf(other)] || {};
      said.textContent = `${table.name(event)} of ${nameOf(other)} corrected; it counts for the others from now on`;
    } catch (error) { problem(`The correction was not saved: ${error.message}`); return false; }
    carry(0);
    return true;
  };
  const fill = (found) => {
    const width = found.length ? found[0].events.length : 0;
    head.replaceChildren(el("th", { scope: "col" }, "Video"), ...Array.from({ length: width }, (_, k) => el("th", { scope: "col" }, table.name(k))));
    for (const { id: other, events, apart } of found) {
      let entry = cells.get(other);
      if (!entry || entry.cells.length !== width) {
        const made = events.map((_, k) => new Cell(state.folder.videos[other], k, { keep, label: () => table.name(k) }));
        const note = el("p", { class: "soft note" }, "Nothing in common with the others");
        const line = el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#/label?id=${other}` }, nameOf(other)), note), made.map((cell) => el("td", {}, cell.root)));
        if (entry) entry.line.replaceWith(line); else body.append(line);
        entry = { line, note, cells: made };
        cells.set(other, entry);
      }
      entry.note.hidden = !apart;
      events.forEach((event, k) => entry.cells[k].set(event));
    }
  };
  const carryNow = failing(async () => {
    const mine = ++asked;
    if (!state.status.generation) { others.replaceChildren(el("p", { class: "soft" }, "The marks are kept. They are carried to the other videos as soon as those are embedded.")); return; }
    const { videos: found } = await getJSON(`/api/transfer?ids=${[id, ...rest.slice(0, rows).map((other) => other.id)]}`);
    if (mine !== asked || !root.isConnected) return;
    own = found.find((entry) => entry.id === id)?.events ?? [];
    show();
    if (!found.length) { cells.clear(); body.replaceChildren(); others.replaceChildren(el("p", { class: "soft" }, rest.length ? "Nothing has been marked yet. Play, and press 1 at the first key event." : "There is no other video.")); return; }
    fill(found.filter((entry) => entry.id !== id));
    more.hidden = rows >= rest.length;
    if (grid.parentNode !== others) others.replaceChildren(grid, more);
  });
  const carry = (wait = 150) => { clearTimeout(timer); timer = setTimeout(carryNow, wait); };
  const nextOne = failing(async () => {
    const { next } = await getJSON("/api/next");
    if (next && next.covered) said.textContent = `${nameOf(next.id)} first: ${Math.round(100 * next.covered)} % of the folder is found again in it`;
    if (next && next.covered && next.id === id) return;
    if (next === null) said.textContent = Object.keys(marks).length ? "Every video is marked" : "Mark one video first";
    else go("label", { id: next.id, t: next.second?.toFixed(5) });
  });
  const readOnly = state.folder.readOnly ? el("p", { class: "soft" }, "This folder is read-only, so marks are kept in your cache folder; export them to take them along.") : null;

  wait.replaceWith(
    el("div", { class: "workbench" },
      el("div", {}, el("div", { class: "bar" }, videoSelect("Video", id, (value) => go("label", { id: value }))), el("figure", { class: "a" }, shaped(el("div", { class: "screen" }, element), [element])), el("div", { class: "deck" }, track, transport.bar)),
      el("section", { class: "panel", "aria-label": "Key events of this video" }, el("h2", {}, "Key events"), table.root,
        el("div", { class: "bar" }, el("button", { onclick: undo, title: "Undo (U)" }, "Undo"), el("button", { onclick: accept, title: "Count all that was carried to this video as marked (A)" }, "Accept all"), el("button", { onclick: nextOne, title: "The video that would teach most: before any mark the one to begin with, then the least certain (G)" }, "Next uncertain")), said, readOnly)),
    el("section", { class: "carried", "aria-label": "Carried to the others" }, el("div", { class: "split" }, el("div", {}, el("h2", {}, "Carried to the others"), el("p", { class: "soft" }, "Drag a picture sideways to correct it, or use the arrow keys; Delete says that it is absent. Corrections count at once.")),
      filesPanel(async () => takeIn(await getJSON("/api/labels")))), others));
  viewKeys(root, (key, event) => {
    const digit = eventOfKey(event), letter = key.toLowerCase();
    if (digit !== null) { if (!event.repeat) send(digit, transport.second); }
    else if (letter === "n") { const next = Array.from({ length: table.count + 1 }, (_, k) => k).find((k) => marks[k] === undefined); if (!event.repeat) send(next, transport.second); }
    else if (letter === "u") undo();
    else if (letter === "a") accept();
    else if (letter === "g") nextOne();
    else return transport.key(key, event);
    return true;
  }, KEYS);
  whileShown(root, "keydown", (event) => { // where text is written, it takes back what was written
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !takesText(event.target)) { event.preventDefault(); undo(); }
  });
  for (const news of ["embedded", "grouped"]) whileShown(root, news, () => carry(0));
  new ResizeObserver(draw).observe(track);
  takeIn(first);
  if (query.has("t")) transport.goTo(clamp(Number(query.get("t")), 0, pts.end)); else transport.go(0);
}
