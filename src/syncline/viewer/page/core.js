// Talking with the server, and where in the page one is.
import { done, el, problem } from "/page/dom.js";
import { FrameTimes } from "/page/follow.js";

const token = document.querySelector('meta[name="syncline-token"]').content;
export const main = document.getElementById("main");
export const state = { folder: null, status: null };

export async function api(path, body) {
  const type = body instanceof Blob ? "application/octet-stream" : "application/json"; // a file goes as it is
  const options = body === undefined ? {} : { method: "POST", body: body instanceof Blob ? body : JSON.stringify(body), headers: { "content-type": type, "x-syncline-token": token } };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server does not answer. Is syncline view still running?"); }
  if (!answer.ok) {
    let text = `${answer.status} ${answer.statusText}`;
    try { text = (await answer.json()).error || text; } catch { /* not JSON: the status says it */ }
    throw new Error(text);
  }
  return answer;
}

export const getJSON = async (path, body) => (await api(path, body)).json();

export const route = () => {
  const [path, query] = location.hash.replace(/^#\//, "").split("?");
  return { view: path || "library", query: new URLSearchParams(query || "") };
};

export const go = (view, query = {}) => {
  const known = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  location.hash = `#/${view}?${new URLSearchParams(known)}`;
};

export const nameOf = (id) => state.folder.videos[id]?.name ?? `video ${id}`;
export const pictureOf = (id, second) => `/api/picture/${id}?t=${Math.max(0, second).toFixed(5)}`; // fewer digits name the frame before

export function videoSelect(label, chosen, change) {
  const select = el("select", { "aria-label": label, onchange: () => change(Number(select.value)) },
    state.folder.videos.map((video) => el("option", { value: video.id, selected: video.id === chosen }, video.name)));
  return el("label", { class: "choice" }, el("span", {}, label), select);
}

const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// the video element and the times of the frames of one video; waits for the copy of a file that browsers do not play
export async function openVideo(id, waiting) {
  const pts = api(`/api/pts/${id}`).then((answer) => answer.arrayBuffer()).then((buffer) => new FrameTimes(new Float64Array(buffer)));
  let sound = false;
  for (;;) {
    const about = await getJSON(`/api/video/${id}`);
    sound = about.sound;
    if (about.playable) break;
    if (about.copy?.state === "failed") throw new Error(`${nameOf(id)} cannot be shown: ${about.copy.why}`);
    const share = about.copy?.share ? ` ${Math.round(100 * about.copy.share)} %` : "";
    if (waiting?.isConnected === false) throw new Error("left");
    if (waiting) waiting.textContent = `Browsers do not play ${nameOf(id)}; a copy that they play is being made …${share}`;
    await later(400);
  }
  return { video: videoOf(id), pts: await pts, sound };
}

// the video element alone, of a video that has been opened
export function videoOf(id) {
  const video = el("video", { src: `/video/${id}`, preload: "auto", playsinline: true });
  video.addEventListener("error", () => { if (video.isConnected && video.error) problem(`${nameOf(id)} cannot be played: ${video.error.message || "the browser gives no reason"}`); });
  return video;
}

// lets an element know the shape of the tallest of its videos, so that no picture is squeezed or boxed in
export function shaped(node, videos) {
  const tell = () => {
    const tallest = Math.max(...videos.map((video) => video.videoWidth ? video.videoHeight / video.videoWidth : 0));
    if (tallest) node.style.setProperty("--shape", tallest);
  };
  for (const video of videos) video.addEventListener("loadedmetadata", tell);
  tell();
  return node;
}

// saves what the server makes and gives the name of the file; where that fails, the reason is an error like any other
export async function download(path) {
  const answer = await api(path);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))[1];
  const link = el("a", { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  return name;
}

// the video that matches best; before all are embedded, the next one
export const partnerOf = async (a) => state.status.generation ? (await getJSON(`/api/partner?a=${a}`)).id : (a + 1) % state.folder.videos.length;
export const usualMode = () => state.status.group.state === "ready" ? "folder" : "local";

// saves two videos in step as one page; pair: says which and how, {a, b, mode}
export async function saveShared(button, pair) {
  const text = button.textContent;
  button.disabled = true; button.textContent = "Writing the file …";
  try {
    const asked = new URLSearchParams({ ...await pair(), ...(button.dataset.pictures ? { pictures: 0 } : {}) });
    done(`Saved ${await download(`/api/share?${asked}`)}`);
  } finally { button.disabled = false; button.textContent = text; }
}

// a video that has left the page gives its connection and memory back
export function leave(root) {
  for (const video of root.querySelectorAll("video")) { video.pause(); video.removeAttribute("src"); video.load(); }
}

export const heading = (title, text) => el("div", { class: "heading" }, el("h1", {}, title), text ? el("p", { class: "soft" }, text) : null);
