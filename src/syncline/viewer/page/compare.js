// Two videos in step.
import { done, el, failing, released, takesText, whileShown } from "/page/dom.js";
import { api, download, getJSON, go, heading, leave, openVideo, partnerOf, saveShared, state, usualMode, videoOf, videoSelect } from "/page/core.js";
import { addButtons } from "/page/adding.js";
import { PIN_KEYS, Pins } from "/page/pins.js";
import { plainLook } from "/page/screens.js";
import { angleCurves, poseSwitch, withPoses } from "/page/poses.js";
import { makeStage } from "/page/stage.js";

const look = plainLook(); // how the two are laid out stays while one goes from pair to pair
const FOLDER = ["folder", "Folder", "As all videos of the folder see these two: what A and B alone do not know, the others do"];
const MODES = [["local", "Local", "Only what matches; gaps stay gaps"], ["global", "Global", "Start to start, end to end"], ["subsequence", "Subsequence", "The shorter one somewhere inside the longer"]];

async function tileOf(a, b, window = null) {
  const part = window ? `&a0=${window[0]}&a1=${window[1]}&b0=${window[2]}&b1=${window[3]}` : "";
  const answer = await api(`/api/matrix?a=${a}&b=${b}${part}`);
  const shape = answer.headers.get("x-shape").split(",").map(Number), extent = answer.headers.get("x-extent").split(",").map(Number);
  return { cells: new Uint8Array(await answer.arrayBuffer()), shape, extent };
}

export async function compareView(root, query) {
  const count = state.folder.videos.length;
  const a = Number(query.get("a") || 0);
  if (count < 2) { root.replaceChildren(heading("Two videos in step", "There is one video only. Add another one, and the two play in step here."), el("div", { class: "bar" }, addButtons())); return; }
  if (!query.has("b") && count > 1 && state.status.generation) { // nobody chose: the one that matches best
    root.replaceChildren(heading("Two videos in step"), el("p", { class: "wait soft", role: "status" }, `Looking for the best partner of ${state.folder.videos[a].name} …`));
    const partner = await partnerOf(a);
    if (!root.isConnected) return;
    query.set("b", partner);
    history.replaceState(null, "", `#/compare?${query}`);
  }
  const b = query.has("b") ? Number(query.get("b")) : (a + 1) % count;
  const wait = el("p", { class: "wait soft", role: "status" }, state.status.generation ? "Aligning …" : "Embedding these two first …");
  const holder = el("div", {}, wait);
  const modesHere = count >= 3 ? [FOLDER, ...MODES] : MODES;
  let chosen = query.has("mode"), mode = query.get("mode") || usualMode(), stage = null;
  const modes = el("div", { class: "modes", role: "group", "aria-label": "How to align" }, modesHere.map(([name, label, title]) => el("button", { title, "aria-pressed": String(name === mode), "data-mode": name, onclick: () => switchTo(name) }, label)));
  const reopen = (change) => go("compare", { a, b, mode: chosen ? mode : undefined, t: stage ? stage.transport.second.toFixed(5) : undefined, ...change });
  const swap = () => reopen({ a: b, b: a, t: stage ? stage.follower.pts.seconds[stage.follower.frame].toFixed(5) : undefined });
  root.replaceChildren(el("div", { class: "bar top" }, videoSelect("A", a, (value) => reopen({ a: value, t: undefined })), el("button", { class: "round", "aria-label": "Swap A and B", title: "Swap A and B (S)", onclick: () => swap() }, "⇄"),
    videoSelect("B", b, (value) => reopen({ b: value })), modes), holder);
  const opened = Promise.all([openVideo(a, wait), openVideo(b, wait)]);
  opened.catch(() => {}); // its error is thrown below
  let tile = null, stale = false, building = 0;
  const askTile = () => { tile = tileOf(a, b); tile.catch(() => {}); }; // its error is thrown where it is awaited
  askTile();
  const pins = new Pins(a, b, { changed: () => rebuild() });
  const curves = angleCurves(a, b, (second) => { stage.transport.pause(); stage.transport.goTo(second); });
  const find = () => { stage.transport.pause(); go("search", { id: a, t: stage.transport.second.toFixed(5) }); };
  const build = async (unasked = false) => {
    const mine = ++building; // of two at once the later one counts, whichever answer comes last
    stale = false;
    const gone = () => !root.isConnected || mine !== building;
    const asked = Promise.all([getJSON(`/api/compare?a=${a}&b=${b}&mode=${mode}`), tile, opened, pins.load()]);
    const [data, matrix, [left, right]] = await asked.catch((error) => {
      if (gone()) throw new Error("left");
      askTile(); stale = Boolean(stage); // the next pause or mode asks anew
      throw error;
    });
    await released();
    if (gone()) return;
    if (unasked && stage?.transport.playing) { stale = true; return; } // who has begun to watch is not stopped
    const start = stage ? stage.transport.second : Number(query.get("t") || 0);
    const video = stage ? [videoOf(a), videoOf(b)] : [left.video, right.video];
    video[0].addEventListener("pause", () => { if (stale && video[0].isConnected) rebuild(); });
    const names = [a, b].map((id) => state.folder.videos[id].name);
    const keys = (key, shown, event) => {
      if (pins.key(key, event)) return true;
      if (key === "s" || key === "S") swap();
      else if (key === "f" || key === "F") find();
      else if (key === "m" || key === "M") switchTo(modesHere[(modesHere.findIndex(([name]) => name === mode) + 1) % modesHere.length][0]);
      else return false;
      return true;
    };
    const tools = [el("button", { onclick: find, title: "The moments of all other videos most like this one (F)" }, "Find this moment"), el("button", { onclick: () => go("label", { id: a }) }, "Label A"),
      el("button", { onclick: film, title: "What is seen, as an mp4 with names and times" }, "Save as mp4"), el("button", { onclick: share }, "Share as one file"),
      withPoses(el("button", { "data-pictures": "0", onclick: share, title: "The bodies alone, on black: no pictures, no sound" }, "Share without pictures"))];
    if (data.provisional || (!chosen && state.status.group.state === "working")) tools.push(el("p", { class: "soft" }, "A first look from these two videos alone; the whole folder will make it better."));
    stage = makeStage({ data, tile: matrix, names, videos: video, bothPts: [left.pts, right.pts], sounds: [left.sound, right.sound], look, tools, panels: [pins.root], pins, under: curves, keys, fetchTile: (window) => tileOf(a, b, window),
      extraKeys: [["S", "swap A and B"], ["M", "next mode"], ["F", "find this moment"], ...PIN_KEYS] });
    stage.root.querySelector(".looks").append(poseSwitch([[a, video[0]], [b, video[1]]]));
    pins.stage = stage;
    pins.draw();
    leave(holder);
    holder.replaceChildren(stage.root);
    stage.start(start);
  };
  const share = failing((event) => saveShared(event.currentTarget, () => ({ a, b, mode })));
  const film = failing(async (event) => { // exactly what is seen: layout, size, sound, and the part that is repeated
    const button = event.currentTarget, text = button.textContent, [from, to] = stage.transport.loop ?? [0, stage.transport.pts.end];
    button.disabled = true; button.textContent = "Writing the film …";
    document.dispatchEvent(new Event("busy"));
    const asked = new URLSearchParams({ a, b, mode, ...look, aspect: stage.screens.aspect.toFixed(4), from, to, sound: stage.sound.value });
    try { done(`Saved ${await download(`/api/film?${asked}`)}`); } finally { button.disabled = false; button.textContent = text; }
  });
  const rebuild = failing(build);
  const setMode = (name) => {
    mode = name;
    modes.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mode === mode)));
  };
  const switchTo = failing(async (name) => { // in place: same moment, same page
    if (name === mode || !stage) return;
    chosen = true;
    setMode(name);
    history.replaceState(null, "", `#/compare?${new URLSearchParams({ a, b, mode })}`);
    await build();
  });
  whileShown(root, "embedded", () => { // trained embeddings have come while one was looking: at once, or at the next pause
    askTile();
    stale = true;
    if (!stage.transport.playing) rebuild(true);
  });
  whileShown(root, "grouped", () => { // nobody chose how to align: what the folder says, at once or at the next pause
    if (chosen || mode === "folder") return;
    setMode("folder");
    stale = Boolean(stage);
    if (stage?.transport.playing) return;
    done("Now as the whole folder sees these two");
    rebuild(true);
  });
  whileShown(root, "keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !takesText(event.target)) { event.preventDefault(); pins.undo(); }
  });
  await build();
}
