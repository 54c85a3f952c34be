// Comparing two videos in step, and labelling one.
import { api, el, getJSON, go, main, player, problem, route, seconds, state, videoSelect } from "/page/app.js";

const HALF_FRAME = 1e-3; // past the frame's own time, so that the browser shows this frame and not the one before

// ---- the path: from a second of A to a second of B

export function makeFollower(times, segments) {
  const inside = (t) => segments.find(([start, end]) => t >= start - 1e-6 && t <= end + 1e-6);
  const find = (t) => { // last row at or before t
    let low = 0, high = times.length - 1;
    if (!times.length || t < times[0][0]) return -1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (times[middle][0] <= t) low = middle; else high = middle - 1; }
    return low;
  };
  return {
    waits: (t) => !inside(t),
    at(t) {
      const row = find(t);
      if (row < 0) return times.length ? times[0][1] : 0;
      if (row === times.length - 1 || !inside(t)) return times[row][1];
      const [t0, b0] = times[row], [t1, b1] = times[row + 1];
      return t1 > t0 ? b0 + (b1 - b0) * Math.min(1, (t - t0) / (t1 - t0)) : b1;
    },
    slope(t) { const width = 0.25; return Math.max(0, (this.at(t + width) - this.at(t - width)) / (2 * width)); },
  };
}

function wireFollowing(a, b, follower, caption) {
  const steer = (now, frame) => {
    if (!a.isConnected) return;
    const t = frame ? frame.mediaTime : a.currentTime;
    const target = follower.at(t), error = target - b.currentTime;
    const waits = follower.waits(t);
    caption.waits(waits);
    if (!a.paused && !a.ended) {
      if (Math.abs(error) > 0.6) b.currentTime = target + HALF_FRAME;
      const rate = a.playbackRate * follower.slope(t) + 1.5 * error;
      if (waits && Math.abs(error) < 0.05) { if (!b.paused) b.pause(); }
      else if (rate < 0.07) { if (!b.paused) b.pause(); }
      else { b.playbackRate = Math.min(8, rate); if (b.paused) b.play().catch(() => {}); }
    }
    a.requestVideoFrameCallback(steer);
  };
  const exact = () => { b.pause(); const t = a.currentTime; caption.waits(follower.waits(t)); b.currentTime = follower.at(t) + HALF_FRAME; };
  a.requestVideoFrameCallback(steer);
  a.addEventListener("pause", exact);
  a.addEventListener("seeked", () => { if (a.paused) exact(); });
  a.addEventListener("ended", exact);
  return exact;
}

// ---- compare

export async function compareView({ query }) {
  const count = state.library.videos.length;
  const a = Number(query.get("a") || 0), b = Number(query.get("b") ?? (a + 1) % count);
  const mode = query.get("mode") || "local";
  const reopen = (change) => go("compare", { a, b, mode, ...change });
  const choices = el("div", { class: "bar" }, videoSelect("A", a, (value) => reopen({ a: value })), videoSelect("B", b, (value) => reopen({ b: value })),
    ...["local", "global", "subsequence"].map((name) => el("button", { "aria-pressed": String(name === mode), onclick: () => reopen({ mode: name }) }, name)));
  main.replaceChildren(el("h1", {}, "Two videos in step"), choices, el("p", { class: "soft" }, "Aligning …"));
  const [found, matrixAnswer] = await Promise.all([getJSON(`/api/compare?a=${a}&b=${b}&mode=${mode}`), api(`/api/matrix?a=${a}&b=${b}`)]);
  const shape = matrixAnswer.headers.get("x-shape").split(",").map(Number), extent = matrixAnswer.headers.get("x-extent").split(",").map(Number);
  const cells = new Uint8Array(await matrixAnswer.arrayBuffer());
  if (route().view !== "compare") return;
  const left = player(a, { "aria-label": `A: ${state.library.videos[a].name}`, muted: false }), right = player(b, { "aria-label": `B: ${state.library.videos[b].name}` });
  left.id = "a"; right.id = "b";
  const follower = makeFollower(found.times, found.segments);
  const waiting = el("span", { class: "waits", hidden: true }, "B waits: A shows what B lacks");
  const figureB = el("figure", {}, right, waiting, el("figcaption", {}, el("span", {}, state.library.videos[b].name), el("span", { id: "tb" })));
  const caption = { waits(value) { if (waiting.hidden === value) { waiting.hidden = !value; figureB.classList.toggle("waiting", value); } } };
  const exact = wireFollowing(left, right, follower, caption);

  const play = el("button", { id: "play", onclick: () => toggle() }, "Play");
  const slider = el("input", { type: "range", min: 0, max: 1000, value: 0, step: 1, "aria-label": "Position in A" });
  const speed = el("select", { "aria-label": "Speed", onchange: () => { left.playbackRate = Number(speed.value); } },
    ...[0.25, 0.5, 1, 1.5, 2].map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
  const loop = el("button", { "aria-pressed": "false", onclick: () => setLoop() }, "Loop segment");
  const share = el("a", { href: `/api/share?a=${a}&b=${b}&mode=${mode}`, download: "comparison.html", role: "button" }, "Export as one file");
  const verdict = found.matches ? el("p", { class: "good" }, `These two match (score ${found.matchScore}).`)
    : el("p", { class: "warn" }, found.times.length ? `These two hardly match (score ${found.matchScore}): do not trust the path.` : "Nothing in these two matches in this mode; try global.");
  const matrix = el("canvas", { class: "matrix", width: shape[1] || 1, height: shape[0] || 1, tabindex: 0, role: "slider",
    "aria-label": "Similarity of every frame of A (down) and B (across) with the path; arrow keys move in A",
    "aria-valuemin": 0, "aria-valuemax": extent[1].toFixed(2), "aria-valuenow": 0 });
  const tempo = el("canvas", { width: 600, height: 140, role: "img", "aria-label": "Tempo: seconds of B in one second of A" });
  const gaps = found.gaps.map(([video, start, end]) => `${video.toUpperCase()} ${seconds(start)}–${seconds(end)}`).join(" · ");

  let looping = null;
  const setLoop = () => {
    looping = looping ? null : found.segments.find(([start, end]) => left.currentTime >= start && left.currentTime <= end) || found.segments[0] || null;
    loop.setAttribute("aria-pressed", String(Boolean(looping)));
  };
  const toggle = () => { if (left.paused) left.play().catch((error) => problem(error.message)); else left.pause(); };
  const step = (frames) => { left.pause(); left.currentTime = Math.max(0, Math.min(left.duration, left.currentTime + frames / state.library.videos[a].rate)); };
  left.addEventListener("play", () => (play.textContent = "Pause"));
  left.addEventListener("pause", () => { play.textContent = "Play"; });
  slider.addEventListener("input", () => { left.pause(); left.currentTime = slider.value / 1000 * left.duration; });

  const picture = new ImageData(Math.max(1, shape[1]), Math.max(1, shape[0]));
  for (let i = 0; i < cells.length; i++) picture.data.set([cells[i], 40 + cells[i] * 0.6, 120 + cells[i] * 0.3, 255], 4 * i);
  const base = new OffscreenCanvas(picture.width, picture.height); base.getContext("2d").putImageData(picture, 0, 0);
  const row = (t) => (t - extent[0]) / Math.max(1e-6, extent[1] - extent[0]) * matrix.height, column = (t) => (t - extent[2]) / Math.max(1e-6, extent[3] - extent[2]) * matrix.width;
  matrix.width = 640; matrix.height = Math.max(160, Math.min(640, Math.round(640 * shape[0] / Math.max(1, shape[1]))));
  const draw = () => {
    const pen = matrix.getContext("2d"), t = left.currentTime;
    pen.imageSmoothingEnabled = false; pen.drawImage(base, 0, 0, matrix.width, matrix.height);
    pen.lineWidth = 3; pen.strokeStyle = "#fff";
    for (const [start, end] of found.segments) {
      pen.beginPath();
      found.times.filter(([x]) => x >= start - 1e-6 && x <= end + 1e-6).forEach(([x, y], k) => (k ? pen.lineTo(column(y), row(x)) : pen.moveTo(column(y), row(x))));
      pen.stroke();
    }
    pen.fillStyle = "#ffb454";
    found.events[0].forEach(([, x]) => pen.fillRect(0, row(x) - 1, 10, 3));
    found.events[1].forEach(([, y]) => pen.fillRect(column(y) - 1, 0, 3, 10));
    pen.strokeStyle = "#ff7a00"; pen.lineWidth = 1.5; pen.beginPath();
    pen.moveTo(0, row(t)); pen.lineTo(matrix.width, row(t)); pen.moveTo(column(right.currentTime), 0); pen.lineTo(column(right.currentTime), matrix.height); pen.stroke();
    matrix.setAttribute("aria-valuenow", t.toFixed(2));
  };
  const drawTempo = () => {
    const pen = tempo.getContext("2d"), x = (t) => t / extent[1] * 600, y = (slope) => 130 - Math.min(3, slope) / 3 * 120;
    pen.clearRect(0, 0, 600, 140); pen.strokeStyle = "#888"; pen.setLineDash([4, 4]);
    pen.beginPath(); pen.moveTo(0, y(1)); pen.lineTo(600, y(1)); pen.stroke(); pen.setLineDash([]);
    pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--accent") || "#1d5fd0";
    for (const [t, slope] of found.tempo) pen.fillRect(x(t), y(slope) - 1, 3, 3);
    pen.fillStyle = "#ff7a00"; pen.fillRect(x(left.currentTime), 0, 1.5, 140);
  };
  const seekTo = (event) => { const box = matrix.getBoundingClientRect(); left.pause(); left.currentTime = extent[0] + (event.clientY - box.top) / box.height * (extent[1] - extent[0]); };
  matrix.addEventListener("pointerdown", (event) => { matrix.setPointerCapture(event.pointerId); seekTo(event); });
  matrix.addEventListener("pointermove", (event) => { if (event.buttons) seekTo(event); });
  const keys = (event) => {
    if (route().view !== "compare" || !left.isConnected) { document.removeEventListener("keydown", keys); return; }
    if (["INPUT", "SELECT", "BUTTON", "A"].includes(event.target.tagName) && event.key === " ") return;
    if (event.target.tagName === "INPUT" || event.target.tagName === "SELECT") return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    else if (event.key === "ArrowRight" || event.key === "ArrowDown") { event.preventDefault(); step(1); }
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") { event.preventDefault(); step(-1); }
    else if (event.key === "s") reopen({ a: b, b: a });
    else if (event.key === "l") setLoop();
  };
  document.addEventListener("keydown", keys);
  const tick = () => {
    if (!left.isConnected) return;
    if (looping && left.currentTime > looping[1]) left.currentTime = looping[0];
    if (document.activeElement !== slider) slider.value = 1000 * left.currentTime / (left.duration || 1);
    ta.textContent = seconds(left.currentTime); figureB.querySelector("#tb").textContent = seconds(right.currentTime);
    draw(); drawTempo(); requestAnimationFrame(tick);
  };
  const ta = el("span", { id: "ta" });
  main.replaceChildren(el("h1", {}, "Two videos in step"), choices, verdict,
    el("div", { class: "pair" }, el("figure", {}, left, el("figcaption", {}, el("span", {}, state.library.videos[a].name), ta)), figureB),
    el("div", { class: "bar" }, play, el("button", { onclick: () => step(-1), "aria-label": "One frame back" }, "◀"), el("button", { onclick: () => step(1), "aria-label": "One frame on" }, "▶"),
      slider, el("label", {}, "Speed ", speed), loop, el("button", { onclick: () => reopen({ a: b, b: a }) }, "Swap"),
      el("button", { onclick: () => go("search", { id: a, t: left.currentTime.toFixed(3) }) }, "Find this moment"), share),
    el("div", { class: "two" }, matrix, el("div", {}, el("h2", {}, "Tempo of B against A"), tempo,
      el("p", { class: "soft" }, gaps ? `Without counterpart: ${gaps}` : "No gaps."),
      el("p", { class: "soft" }, "Space plays, arrows step by a frame, s swaps, l loops the segment."))));
  const start = Number(query.get("t") || 0);
  left.addEventListener("loadeddata", () => { left.currentTime = start; exact(); }, { once: true });
  tick();
}

// ---- label once

export async function labelView({ query }) {
  const id = Number(query.get("id") || 0), name = state.library.videos[id].name;
  const video = player(id, { controls: true, "aria-label": name });
  video.id = "labelled";
  const marks = el("ul", { class: "marks" }), others = el("div", { class: "scroll" });
  const nameOf = (k) => state.library.events[k] || `event ${k + 1}`;
  let current = {};
  const send = async (event, second, clear = false) => { draw((await getJSON("/api/labels", { id, event, second, clear })).marks); carry(); };
  const draw = (all) => {
    current = all[name] || {};
    marks.replaceChildren(...Object.entries(current).map(([k, second]) => el("li", { class: "bar" },
      el("button", { onclick: () => { if (second !== null) video.currentTime = second + HALF_FRAME; } }, `${nameOf(Number(k))}: ${second === null ? "absent" : seconds(second)}`),
      el("button", { onclick: () => send(Number(k), video.currentTime), "aria-label": `Move ${nameOf(Number(k))} to the present moment` }, "Move here"),
      el("button", { onclick: () => send(Number(k), null, true), "aria-label": `Remove ${nameOf(Number(k))}` }, "✕"))));
  };
  let carrying = null;
  const carry = () => { clearTimeout(carrying); carrying = setTimeout(() => transfer().catch((error) => problem(error.message)), 250); };
  const transfer = async () => {
    if (state.status.state !== "ready") { others.textContent = "The marks are kept. They will be carried to the other videos when the embeddings are ready."; return; }
    const { videos } = await getJSON("/api/transfer");
    if (!videos.length) { others.replaceChildren(el("p", { class: "soft" }, "Mark the first event: play, and press a digit.")); return; }
    const count = Math.max(...videos.map((one) => one.events.length));
    others.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Video"), ...Array.from({ length: count }, (_, k) => el("th", { scope: "col" }, nameOf(k))))),
      el("tbody", {}, ...videos.map((one) => el("tr", {}, el("th", { scope: "row" }, el("button", { onclick: () => go("label", { id: one.id }) }, state.library.videos[one.id].name)),
        ...one.events.map((second, k) => el("td", {}, second === null ? el("span", { class: "soft" }, "absent") : dragHandle(one.id, k, second), el("span", { class: "soft" }, ` ${Math.round(100 * one.confidence[k])} %`)))))) ));
  };
  // a carried event can be dragged sideways (or moved with the arrow keys) and is then a correction that is kept
  const dragHandle = (other, event, second) => {
    let from = null, value = second;
    const frame = 1 / state.library.videos[other].rate;
    const keep = async () => { await api("/api/labels", { id: other, event, second: Math.max(0, value) }); carry(); };
    const handle = el("button", { title: "Drag sideways, or use the arrow keys and Enter, to correct",
      "aria-label": `${nameOf(event)} of ${state.library.videos[other].name} at ${seconds(second)}; arrow keys move it, Enter keeps it` }, seconds(second));
    const show = () => { handle.textContent = seconds(value); };
    handle.addEventListener("pointerdown", (down) => { from = down.clientX; handle.setPointerCapture(down.pointerId); });
    handle.addEventListener("pointermove", (move) => { if (from !== null) { value = Math.max(0, second + (move.clientX - from) * frame / 2); show(); } });
    handle.addEventListener("pointerup", () => { const moved = from !== null && Math.abs(value - second) > 1e-6; from = null; if (moved) keep().catch((error) => problem(error.message)); });
    handle.addEventListener("keydown", (key) => {
      if (key.key === "ArrowRight" || key.key === "ArrowLeft") { key.preventDefault(); key.stopPropagation(); value = Math.max(0, value + (key.key === "ArrowRight" ? frame : -frame)); show(); }
      else if (key.key === "Enter") { key.preventDefault(); keep().catch((error) => problem(error.message)); }
    });
    return handle;
  };
  const undo = async () => { const answer = await getJSON("/api/undo", {}); draw(answer.marks); carry(); };
  const keys = (event) => {
    if (!video.isConnected) { document.removeEventListener("keydown", keys); return; }
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const fail = (error) => problem(error.message);
    if (/^[1-9]$/.test(event.key)) send(Number(event.key) - 1, Number(video.currentTime.toFixed(4))).catch(fail);
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); undo().catch(fail); }
    else if (event.key === " " && event.target.tagName !== "BUTTON" && event.target !== video) { event.preventDefault(); if (video.paused) video.play(); else video.pause(); }
    else if (event.key === "," || event.key === ".") { video.pause(); video.currentTime += (event.key === "." ? 1 : -1) / state.library.videos[id].rate; }
  };
  document.addEventListener("keydown", keys);
  const count = Math.max(state.library.events.length, 6);
  main.replaceChildren(el("h1", {}, "Label once"),
    el("div", { class: "bar" }, videoSelect("Video", id, (value) => go("label", { id: value })),
      ...Array.from({ length: Math.min(9, count) }, (_, k) => el("button", { onclick: () => send(k, Number(video.currentTime.toFixed(4))).catch((error) => problem(error.message)) }, `${k + 1}: ${nameOf(k)}`)),
      el("button", { onclick: () => undo().catch((error) => problem(error.message)) }, "Undo")),
    el("figure", {}, video), marks,
    el("p", { class: "soft" }, "Keys: 1–9 mark an event at the present moment, comma and full stop step by a frame, Ctrl+Z undoes. Every mark is on disk before it shows here."),
    el("div", { class: "bar" }, el("span", {}, "Export:"), ...["csv", "json", "eaf", "boris", "labelstudio"].map((form) => el("a", { href: `/api/export?form=${form}`, download: true }, form))),
    el("h2", {}, "Carried to the others"), others);
  draw((await getJSON("/api/labels")).marks);
  carry();
}
