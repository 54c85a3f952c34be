// Training on the folder from the page: what it will take, how far it is, stopping it, and which embeddings are shown.
import { clockText, done, el, failing, openDialog } from "/page/dom.js";
import { api, state } from "/page/core.js";

const byId = (id) => document.getElementById(id);
const told = () => document.dispatchEvent(new Event("busy"));

function ask() {
  const { training } = state.status, videos = state.folder.videos.filter((video) => !video.problem);
  const seconds = videos.reduce((sum, video) => sum + video.duration, 0);
  const minutes = el("input", { type: "number", class: "name", min: 1, max: 1440, step: 1, value: training.minutes, "aria-label": "Minutes" });
  const start = failing(async () => {
    await api("/api/train", { minutes: Number(minutes.value) });
    close();
    done(training.begun ? "Training goes on" : "Training has begun");
    told();
  });
  const close = openDialog(training.begun ? "Go on with training" : "Train on this folder",
    el("p", {}, `Learns from ${videos.length} ${videos.length === 1 ? "video" : "videos"} (${clockText(seconds)} in all) to tell the moments of this activity apart. No labels are needed.`),
    videos.length < 10 ? el("p", { class: "why" }, "With fewer than ten videos the frozen features are usually as good.") : null,
    training.begun ? el("p", {}, "A run was interrupted here; it goes on where it stopped.") : null,
    el("label", { class: "choice" }, "It takes at most", minutes, "minutes"),
    el("p", { class: "soft" }, "The pages go on working. It can be stopped at any time and goes on later; the features that are shown now stay one click away."),
    el("div", { class: "tools" }, el("button", { class: "primary", onclick: start }, training.begun ? "Go on" : "Start training")));
}

export function setUpTraining() {
  byId("train").addEventListener("click", ask);
  byId("stop").addEventListener("click", failing(async () => { await api("/api/stop", {}); done("Training stops after this step"); told(); }));
  byId("source").addEventListener("change", failing(async () => { await api("/api/source", { name: byId("source").value }); told(); }));
}

export function showTraining() {
  const { embedding, training, source, sources } = state.status, busy = training?.state === "working";
  byId("train").hidden = !training || busy || embedding.state !== "ready" || sources.length > 1;
  byId("train").textContent = training?.begun ? "Go on with training" : "Train on this folder";
  byId("stop").hidden = !busy;
  const select = byId("source"), wanted = sources.join("\n");
  if (select.dataset.sources !== wanted) {
    select.replaceChildren(...sources.map((name) => el("option", { value: name }, name[0].toUpperCase() + name.slice(1))));
    select.dataset.sources = wanted;
  }
  select.hidden = !source;
  select.disabled = sources.length < 2 || embedding.state === "working";
  if (document.activeElement !== select) select.value = source || sources[0];
}
