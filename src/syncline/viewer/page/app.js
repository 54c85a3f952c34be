// The viewer's page: which view is shown, and what the server is busy with.
import { problem, released, say } from "/page/dom.js";
import { getJSON, heading, leave, main, route, state } from "/page/core.js";
import { libraryView } from "/page/library.js";
import { compareView } from "/page/compare.js";
import { gridView } from "/page/grid.js";
import { searchView } from "/page/search.js";
import { labelView } from "/page/label.js";
import { mapView } from "/page/map.js";
import { takeDrops } from "/page/adding.js";
import { setUpTraining, showTraining } from "/page/training.js";

const views = { library: libraryView, compare: compareView, grid: gridView, search: searchView, label: labelView, map: mapView };
const needAll = new Set(["search", "map"]);
const byId = (id) => document.getElementById(id);
const timeLeft = (seconds) => seconds > 90 ? `about ${Math.round(seconds / 60)} min left` : `about ${Math.max(1, Math.round(seconds))} s left`;

const copiesToMake = () => Object.values(state.status.copies).filter((copy) => copy.state === "working" || copy.state === "waiting").length;

function showStatus() {
  const { embedding, filming, group, ranking, training } = state.status, copying = copiesToMake();
  const busy = [training, filming, embedding, ranking, group].find((job) => job && job.state === "working");
  const failed = [training, embedding, ranking, group].find((job) => job && job.state === "failed");
  let text = "";
  if (busy) text = `${busy.message}${busy === training ? "" : ` ${busy.done}/${busy.total}`}${busy.left ? `, ${timeLeft(busy.left)}` : ""}`;
  else if (copying) text = `making ${copying} ${copying === 1 ? "copy" : "copies"} that browsers play`;
  else if (failed) text = failed.message;
  say(byId("status"), text);
  byId("status").title = text;
  byId("status").classList.toggle("bad", !busy && !copying && Boolean(failed));
  byId("progress").hidden = !busy;
  if (busy) { byId("progress").max = Math.max(1, busy.total); byId("progress").value = busy.done; }
  showTraining();
}

let rendering = 0;
async function render() {
  const mine = ++rendering, place = route(), view = views[place.view] ? place.view : "library";
  document.querySelectorAll("nav a").forEach((link) => {
    if (link.getAttribute("href") === `#/${view}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  });
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · ${state.folder.name} · syncline`;
  leave(main);
  problem(""); // of the view before
  if (needAll.has(view) && !state.status.generation) {
    const { embedding } = state.status;
    main.replaceChildren(heading("One moment", embedding.state === "failed" ? `Embedding failed: ${embedding.message}`
      : "The videos are being embedded; this page opens by itself. Comparing two videos works already."));
    return;
  }
  const root = document.createElement("div");
  root.className = `view ${view}`;
  main.replaceChildren(root);
  try { await views[view](root, place.query); } catch (error) {
    if (mine !== rendering || error.message === "left") return;
    const waits = root.querySelectorAll(".wait"); // said once: in the page where there is room for it
    if (!root.querySelector("h1")) root.replaceChildren(heading("This did not work", error.message));
    else if (waits.length) waits.forEach((node) => { node.textContent = error.message; });
    else problem(error.message);
  }
}

async function look() {
  const before = state.status;
  state.status = await getJSON("/api/status");
  showStatus();
  if (before.group.state !== "ready" && state.status.group.state === "ready") document.dispatchEvent(new Event("grouped"));
  const news = before.generation !== state.status.generation, ranked = before.rankings !== state.status.rankings;
  if (!news && !ranked) return;
  state.folder = await getJSON("/api/library");
  const { view } = route();
  // no view is waited for: one that waits for the server would hold up the progress of what it waits for
  if (view === "library") document.dispatchEvent(new Event("listed"));
  else if (news && (needAll.has(view) || (view === "compare" && !document.querySelector("video")))) { await released(); render(); }
  else if (news) document.dispatchEvent(new Event("embedded"));
}

let looking = false, again = false;
async function watch() { // one chain of questions, however many ask for it
  clearTimeout(watch.timer);
  again = looking;
  if (looking) return;
  looking = true;
  try { await look(); } catch (error) { problem(error.message); }
  looking = false;
  const { embedding, filming, group, ranking, training } = state.status;
  const busy = copiesToMake() || [embedding, filming, group, ranking, training].some((job) => job && job.state === "working");
  watch.timer = setTimeout(watch, again ? 0 : busy ? 500 : 4000);
}

setUpTraining();
takeDrops();
byId("keys").addEventListener("click", () => document.dispatchEvent(new Event("keys")));
byId("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

[state.folder, state.status] = await Promise.all([getJSON("/api/library"), getJSON("/api/status")]);
showStatus();
window.addEventListener("hashchange", render);
document.addEventListener("busy", watch);
document.addEventListener("added", async () => {
  try { state.folder = await getJSON("/api/library"); } catch (error) { problem(error.message); return; }
  document.dispatchEvent(new Event("listed"));
  watch();
});
render();
watch();
