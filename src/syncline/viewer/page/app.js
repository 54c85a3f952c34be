// The viewer's page: router, shared helpers, and the plain views. Comparing and labelling are in views.js.
import { compareView, labelView } from "/page/views.js";

export const token = document.querySelector('meta[name="syncline-token"]').content;
export const main = document.getElementById("main");
export const state = { library: null, status: null };

export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function seconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const minutes = Math.floor(value / 60);
  return `${minutes}:${(value - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

export function problem(text) {
  const box = document.getElementById("problem");
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(problem.timer);
  problem.timer = setTimeout(() => (box.hidden = true), 8000);
}

export async function api(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body),
    headers: { "content-type": "application/json", "x-syncline-token": token },
  };
  const answer = await fetch(path, options);
  if (!answer.ok) {
    let text = `${answer.status} ${answer.statusText}`;
    try { text = (await answer.json()).error || text; } catch { /* not JSON: the status says it */ }
    throw new Error(text);
  }
  return answer;
}

export const getJSON = async (path, body) => (await api(path, body)).json();

export function videoSelect(label, chosen, change) {
  const select = el("select", { "aria-label": label, onchange: () => change(Number(select.value)) },
    ...state.library.videos.map((video) => el("option", { value: video.id, selected: video.id === chosen }, video.name)));
  return el("label", {}, `${label} `, select);
}

export function player(id, attributes = {}) {
  const video = el("video", { src: `/video/${id}`, preload: "auto", playsinline: true, muted: true, ...attributes });
  video.muted = "muted" in attributes ? attributes.muted : true;
  video.addEventListener("error", async () => {
    if (!state.library.videos[id].playable && video.isConnected) {
      await api(`/api/proxy/${id}`, {});
      setTimeout(() => { if (video.isConnected) { video.src = `/video/${id}?again=${Date.now()}`; video.load(); } }, 1500);
    }
  });
  return video;
}

export const route = () => {
  const [path, query] = location.hash.replace(/^#\//, "").split("?");
  return { view: path || "library", query: new URLSearchParams(query || "") };
};

export const go = (view, query = {}) => { location.hash = `#/${view}?${new URLSearchParams(query)}`; };

async function needsEmbeddings(then) {
  if (state.status.state === "ready") return then();
  main.replaceChildren(el("p", { class: "soft" }, state.status.state === "failed"
    ? `Embedding failed: ${state.status.message}` : "The videos are being embedded. This page opens when they are ready."));
  return undefined;
}

// ---- library

function libraryView({ query }) {
  const filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", value: query.get("q") || "" });
  const sort = el("select", { "aria-label": "Sort by" },
    ...["name", "duration", "typical first", "odd first"].map((name) => el("option", {}, name)));
  const rank = el("button", { onclick: async () => { await api("/api/rank", {}); refresh(); } }, "Find the odd ones");
  const list = el("ul", { class: "cards" });
  const draw = () => {
    const order = {
      "name": (a, b) => a.name.localeCompare(b.name), "duration": (a, b) => a.duration - b.duration,
      "typical first": (a, b) => (a.oddness ?? 1e9) - (b.oddness ?? 1e9), "odd first": (a, b) => (b.oddness ?? -1) - (a.oddness ?? -1),
    }[sort.value];
    const shown = state.library.videos.filter((video) => video.name.toLowerCase().includes(filter.value.toLowerCase())).sort(order);
    list.replaceChildren(...shown.map((video) => el("li", { class: "card" },
      el("img", { src: `/api/strip/${video.id}`, loading: "lazy", alt: `Eight moments of ${video.name}` }),
      el("div", { class: "text" },
        el("h3", {}, video.name),
        el("p", { class: "soft" }, `${seconds(video.duration)} · ${video.rate.toFixed(1)} fps`
          + (video.phases ? ` · ${video.phases} phases` : "") + (video.oddness !== null ? ` · oddness ${video.oddness.toFixed(2)}` : "")
          + (Object.keys(video.marks).length ? ` · ${Object.keys(video.marks).length} marks` : "") + (video.playable ? "" : " · plays through a proxy")),
        el("div", { class: "bar" },
          el("button", { onclick: () => go("compare", { a: video.id }), "aria-label": `Compare ${video.name}` }, "Compare"),
          el("button", { onclick: () => go("label", { id: video.id }), "aria-label": `Label ${video.name}` }, "Label"),
          el("button", { onclick: () => go("search", { id: video.id }), "aria-label": `Search from ${video.name}` }, "Search"))))));
    count.textContent = `${shown.length} of ${state.library.videos.length} videos`;
  };
  const count = el("span", { class: "soft", role: "status" });
  const refresh = async () => {
    await poll();
    if (state.status.state === "working") { setTimeout(refresh, 500); return; }
    await loadLibrary(); sort.value = "odd first"; if (route().view === "library") draw();
  };
  filter.addEventListener("input", draw);
  sort.addEventListener("change", draw);
  main.replaceChildren(el("h1", {}, state.library.name || "Library"), el("div", { class: "bar" }, filter, sort, rank, count), list);
  draw();
}

// ---- grid

async function gridView({ query }) {
  const ids = (query.get("ids") || state.library.videos.slice(0, 4).map((video) => video.id).join(",")).split(",").map(Number);
  const choose = ids.map((id, place) => videoSelect(`Video ${place + 1}`, id, (value) => { const next = [...ids]; next[place] = value; go("grid", { ids: next }); }));
  main.replaceChildren(el("h1", {}, "On one timeline"), el("div", { class: "bar" }, ...choose), el("p", { class: "soft" }, "Aligning …"));
  const { seconds: clock, positions } = await getJSON(`/api/timeline?ids=${ids}`);
  const videos = ids.map((id) => player(id));
  const slider = el("input", { type: "range", min: 0, max: clock.length - 1, value: 0, "aria-label": "Position on the timeline" });
  const play = el("button", { "aria-label": "Play" }, "Play");
  const label = el("span", { class: "soft" });
  let at = 0, playing = false, last = 0;
  const show = () => {
    const place = Math.min(clock.length - 1, Math.max(0, at));
    const low = Math.floor(place), share = place - low, high = Math.min(low + 1, clock.length - 1);
    videos.forEach((video, i) => {
      const target = positions[i][low] * (1 - share) + positions[i][high] * share;
      if (Math.abs(video.currentTime - target) > 0.04 && !video.seeking) video.currentTime = target + 1e-3;
    });
    slider.value = Math.round(place);
    label.textContent = seconds(clock[low]);
  };
  const tick = (now) => {
    if (!playing || !slider.isConnected) return;
    at += (now - last) / 1000 / ((clock[1] - clock[0]) || 1); last = now;
    if (at >= clock.length - 1) { at = clock.length - 1; playing = false; play.textContent = "Play"; }
    show(); requestAnimationFrame(tick);
  };
  play.addEventListener("click", () => {
    playing = !playing; play.textContent = playing ? "Pause" : "Play";
    if (playing) { if (at >= clock.length - 1) at = 0; last = performance.now(); requestAnimationFrame(tick); }
  });
  slider.addEventListener("input", () => { at = Number(slider.value); show(); });
  main.replaceChildren(el("h1", {}, "On one timeline"), el("div", { class: "bar" }, ...choose),
    el("div", { class: "pair" }, ...videos.map((video, i) => el("figure", {}, video, el("figcaption", {}, state.library.videos[ids[i]].name)))),
    el("div", { class: "bar" }, play, slider, label));
  show();
}

// ---- search

async function searchView({ query }) {
  const id = Number(query.get("id") || 0);
  const video = player(id, { controls: true });
  const hits = el("ul", { class: "cards" });
  const find = async () => {
    const answer = await getJSON(`/api/search?id=${id}&t=${video.currentTime.toFixed(3)}`);
    hits.replaceChildren(...answer.hits.map((hit) => el("li", { class: "card hit" },
      el("img", { src: `/api/picture/${hit.id}?t=${hit.second.toFixed(3)}`, alt: `${state.library.videos[hit.id].name} at ${seconds(hit.second)}` }),
      el("div", { class: "text" }, el("h3", {}, state.library.videos[hit.id].name),
        el("p", { class: "soft" }, `${seconds(hit.second)} · similarity ${hit.score.toFixed(2)}`),
        el("button", { onclick: () => go("compare", { a: id, b: hit.id, t: video.currentTime.toFixed(3) }), "aria-label": `Play ${state.library.videos[hit.id].name} beside the query` }, "Play beside")))));
  };
  const start = Number(query.get("t") || 0);
  video.addEventListener("loadedmetadata", () => { if (start) video.currentTime = start; }, { once: true });
  main.replaceChildren(el("h1", {}, "Find this moment"),
    el("div", { class: "bar" }, videoSelect("Video", id, (value) => go("search", { id: value })),
      el("button", { onclick: () => { video.pause(); find().catch((error) => problem(error.message)); } }, "Find this moment")),
    el("figure", {}, video), hits);
}

// ---- map

async function mapView() {
  main.replaceChildren(el("h1", {}, "All frames"), el("p", { class: "soft" }, "Loading …"));
  const map = await getJSON("/api/map");
  const colour = el("select", { "aria-label": "Colour by" }, ...["progress", "video", "phase"].map((name) => el("option", {}, name)));
  const canvas = el("canvas", { width: 900, height: 600, role: "img", "aria-label": "Every frame of every video in two dimensions; hover or use the arrow keys to see one", tabindex: 0 });
  const shown = el("figure", {}, el("img", { alt: "", width: 320, hidden: true }), el("figcaption", {}, "Hover over a point; click to open the moment."));
  const hue = (i) => colour.value === "progress" ? 260 - 220 * map.progress[i]
    : colour.value === "video" ? (map.video[i] * 137.5) % 360 : map.phase[i] < 0 ? 0 : (map.phase[i] * 61) % 360;
  const px = (i) => 20 + (map.x[i] + 1) / 2 * 860, py = (i) => 20 + (1 - map.y[i]) / 2 * 560;
  let current = 0;
  const draw = () => {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, 900, 600);
    for (let i = 0; i < map.x.length; i++) { pen.fillStyle = `hsl(${hue(i)} 70% 50% / .6)`; pen.fillRect(px(i) - 1.5, py(i) - 1.5, 3, 3); }
    pen.strokeStyle = getComputedStyle(document.body).color; pen.strokeRect(px(current) - 5, py(current) - 5, 10, 10);
  };
  let waiting = null;
  const pick = (i) => {
    current = i; draw();
    const [image, caption] = shown.children;
    caption.textContent = `${state.library.videos[map.video[i]].name} at ${seconds(map.second[i])}`;
    clearTimeout(waiting);
    waiting = setTimeout(() => { image.src = `/api/picture/${map.video[i]}?t=${map.second[i]}`; image.alt = caption.textContent; image.hidden = false; }, 60);
  };
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * 900, y = (event.clientY - box.top) / box.height * 600;
    let best = 0, least = Infinity;
    for (let i = 0; i < map.x.length; i++) { const d = (px(i) - x) ** 2 + (py(i) - y) ** 2; if (d < least) { least = d; best = i; } }
    return best;
  };
  const open = () => go("search", { id: map.video[current], t: map.second[current] });
  canvas.addEventListener("pointermove", (event) => pick(nearest(event)));
  canvas.addEventListener("click", (event) => { pick(nearest(event)); open(); });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") pick(Math.min(map.x.length - 1, current + 1));
    else if (event.key === "ArrowLeft") pick(Math.max(0, current - 1));
    else if (event.key === "Enter") open();
  });
  colour.addEventListener("change", draw);
  main.replaceChildren(el("h1", {}, "All frames"), el("div", { class: "bar" }, el("label", {}, "Colour by ", colour)),
    el("div", { class: "two" }, canvas, shown));
  draw();
}

// ---- router and status

async function loadLibrary() { state.library = await getJSON("/api/library"); }

async function poll() {
  state.status = await getJSON("/api/status");
  const { state: now, done, total, message, canTrain } = state.status;
  document.getElementById("status").textContent = now === "working" ? `${message} ${done}/${total}` : now === "failed" ? message : "";
  const train = document.getElementById("train");
  train.hidden = !canTrain || now !== "ready";
}

async function render() {
  const place = route();
  document.querySelectorAll("nav a").forEach((link) => {
    if (link.getAttribute("href") === `#/${place.view}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  });
  const views = {
    library: () => libraryView(place), compare: () => needsEmbeddings(() => compareView(place)), grid: () => needsEmbeddings(() => gridView(place)),
    search: () => needsEmbeddings(() => searchView(place)), label: () => labelView(place), map: () => needsEmbeddings(() => mapView(place)),
  };
  try { await (views[place.view] || views.library)(); } catch (error) { problem(error.message); }
}

document.getElementById("train").addEventListener("click", async () => {
  try { await api("/api/train", {}); watch(); } catch (error) { problem(error.message); }
});

async function watch() {
  const before = state.status?.state;
  await poll();
  if (state.status.state === "working" || state.status.state === "idle") setTimeout(watch, 500);
  else if (before !== "ready") { if (route().view !== "library") render(); }
}

await poll();
await loadLibrary();
window.addEventListener("hashchange", render);
await render();
watch();
