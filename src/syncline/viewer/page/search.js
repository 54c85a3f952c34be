// Find this moment: a frame of one video, and the same moment in all others.
import { clamp, timeText, el, failing, released, viewKeys, whileShown } from "/page/dom.js";
import { getJSON, go, heading, leave, nameOf, openVideo, pictureOf, shaped, state, videoSelect } from "/page/core.js";
import { Seeker } from "/page/follow.js";
import { PLAYER_KEYS, Transport } from "/page/transport.js";

export async function searchView(root, query) {
  const id = Number(query.get("id") || 0), wait = el("p", { class: "wait soft", role: "status" }, "Opening …");
  const own = el("input", { type: "checkbox", onchange: () => { if (hits.childElementCount) find(); } });
  const each = el("select", { "aria-label": "Hits of one video", onchange: () => { if (hits.childElementCount) find(); } },
    [[1, "one a video"], [3, "up to 3 a video"], [0, "any number a video"]].map(([value, text]) => el("option", { value }, text)));
  const better = el("button", { hidden: true, onclick: () => find() }, "Find again, by all videos"); // offered: what one is about to click stays
  const search = el("button", { class: "primary", onclick: () => find() }, "Find this moment");
  const hits = el("ul", { class: "hits", "aria-label": "The same moment" }), beside = el("div", { class: "beside" }), said = el("p", { class: "soft", role: "status" });
  root.replaceChildren(heading("Find a moment", "Pause on any frame, and see where it happens in the other videos."), wait);
  const { video, pts } = await openVideo(id, wait);
  if (!root.isConnected) return;
  const transport = new Transport(video, pts, { name: nameOf(id) });
  const time = transport.text;
  let asked = 0, opening = 0;
  const find = failing(async () => {
    transport.pause();
    const second = transport.second, mine = ++asked; // the last question counts, whichever answer comes last
    history.replaceState(null, "", `#/search?${new URLSearchParams({ id, t: second.toFixed(5) })}`);
    const answer = await getJSON(`/api/search?id=${id}&t=${second.toFixed(5)}&k=12&each=${each.value}${own.checked ? "&own=1" : ""}`);
    await released();
    if (mine !== asked || !root.isConnected) return;
    const folder = answer.by === "folder", moments = `${answer.hits.length} ${answer.hits.length === 1 ? "moment" : "moments"}`;
    said.textContent = `${moments} ${folder ? "that the folder takes for the same as" : "whose pictures are most like"} ${nameOf(id)} at ${timeText(second)}. ${scale(folder)}.${unlike(answer.hits, nameOf(id))}${alone(own.checked)}`;
    better.hidden = folder || state.status.group.state !== "ready";
    hits.replaceChildren(...answer.hits.map((hit) => el("li", {}, el("button", { class: "hit", "data-hit": `${hit.id} ${hit.second}`, "aria-label": `Play ${nameOf(hit.id)} at ${timeText(hit.second)} beside the query`, onclick: () => play(hit, second) },
      el("img", { src: pictureOf(hit.id, hit.second), alt: "", loading: "lazy", width: 160, height: 120 }), el("span", { class: "name" }, nameOf(hit.id)),
      el("span", { class: "soft" }, timeText(hit.second)), el("span", { class: `score${hit.matches === false ? " unsure" : ""}`, title: `${scale(folder)}; the two pictures: ${hit.similarity.toFixed(2)} (-1 to 1)` }, `${hit.score.toFixed(2)}${hit.matches === false ? "?" : ""}`)))));
    if (answer.hits.length) await play(answer.hits[0], second, false);
  });
  const play = failing(async (hit, second, moving = true) => { // the hit beside the query, both from their moments
    hits.querySelectorAll("[aria-current]").forEach((node) => node.removeAttribute("aria-current"));
    hits.querySelector(`[data-hit="${hit.id} ${hit.second}"]`)?.setAttribute("aria-current", "true");
    const note = el("p", { class: "soft" }, "Opening …");
    const mine = ++opening;
    leave(beside);
    beside.replaceChildren(note);
    const other = await openVideo(hit.id, note);
    if (mine !== opening || !root.isConnected) return;
    other.video.muted = true;
    const seeker = new Seeker(other.video), from = other.pts.frame(hit.second);
    const again = () => { transport.goTo(second); seeker.to(other.pts.middle(from)); transport.toggle(); other.video.play().catch(() => {}); };
    video.onpause = () => { if (video.paused) other.video.pause(); }; // it may come late, when both play again
    beside.replaceChildren(el("figure", { class: "b" }, shaped(el("div", { class: "screen" }, other.video), [other.video]), el("figcaption", {}, el("span", { class: "name" }, nameOf(hit.id)), el("span", { class: "time" }, timeText(hit.second)))),
      el("div", { class: "acts" }, el("button", { onclick: () => { transport.pause(); again(); } }, "Play both again"), el("button", { onclick: () => go("compare", { a: id, b: hit.id, t: second.toFixed(5) }) }, "Compare in step")));
    transport.pause();
    if (moving) again(); else seeker.to(other.pts.middle(from));
  });
  wait.replaceWith(el("div", { class: "bar" }, videoSelect("Video", id, (value) => go("search", { id: value })), search, each, el("label", { class: "check" }, own, "also in this video")),
    el("div", { class: "pair" }, el("div", {}, el("figure", { class: "a" }, shaped(el("div", { class: "screen" }, video), [video]), el("figcaption", {}, el("span", { class: "name" }, nameOf(id)))), el("div", { class: "deck" }, transport.bar)), beside), el("div", { class: "bar" }, said, better), hits);
  time.id = "query-time";
  whileShown(root, "grouped", () => { better.hidden = !hits.childElementCount; });
  viewKeys(root, (key, event) => {
    if (key === "f" || key === "F") { find(); return true; }
    return transport.key(key, event);
  }, [["F", "find this moment"], ...PLAYER_KEYS]);
  if (query.has("t")) { transport.goTo(clamp(Number(query.get("t")), 0, pts.end)); await find(); }
}

const scale = (folder) => folder ? "The numbers say how sure that is, from 0 to 1" : "The numbers are similarities, 1 is the same picture; what all videos agree on is not known yet";
const unlike = (hits, name) => {
  const unsure = hits.filter((hit) => hit.matches === false).length;
  if (!unsure) return "";
  return unsure === hits.length ? ` None of these videos shows anything in common with ${name} by itself.` : ` ? By itself this video shows nothing in common with ${name}.`;
};
const alone = (own) => !own && state.folder.videos.length === 1 ? " There is one video only: tick “also in this video”." : "";
