// Training on the folder from the page: what it will take, how far it is, stopping it, and which embeddings are shown.
import { timeText, done, el, failing, openDialog } from "/page/dom.js";
import { api, getJSON, state } from "/page/core.js";

const byId = (id) => document.getElementById(id);
const told = () => document.dispatchEvent(new Event("busy"));

function ask() {
  const { training } = state.status, videos = state.folder.videos.filter((video) => !video.problem);
  const seconds = videos.reduce((sum, video) => sum + video.duration, 0);
  const minutes = el("input", { type: "number", class: "name", min: 1, max: 1440, step: 1, value: training.minutes, "aria-label": "Minutes" });
  const planned = el("p", { class: "estimate", role: "status" }, "Measuring how long it takes …");
  let plan = null;
  const tellPlan = () => {
    if (!plan) return;
    const limit = 60 * Number(minutes.value), fitting = Math.max(1, Math.min(plan.steps, Math.floor(0.95 * (limit - Math.min(plan.feature_seconds, 0.7 * limit)) / plan.step_seconds)));
    const reading = plan.feature_seconds > 1 ? `${spoken(plan.feature_seconds)} to read the videos (${Math.max(1, Math.round(plan.bytes / 1e6))} MB of disk) and ` : "";
    planned.textContent = `All of it takes about ${spoken(plan.seconds)}${reading ? `: ${reading}${spoken(plan.steps * plan.step_seconds)}` : ""} for ${plan.steps} steps. ` +
      (plan.seconds <= limit ? "It ends by itself." : `In ${minutes.value} minutes it gets to about step ${fitting}.`);
  };
  minutes.addEventListener("input", tellPlan);
  getJSON("/api/estimate").then((found) => { plan = found.seconds === null ? null : found; if (plan) tellPlan(); else planned.remove(); }, (error) => { planned.textContent = error.message; });
  const start = failing(async () => {
    await api("/api/train", { minutes: Number(minutes.value) });
    close();
    done("Training has begun");
    told();
  });
  const close = openDialog(training.begun ? "Go on with training" : "Train on this folder",
    el("p", {}, `Learns from ${videos.length} ${videos.length === 1 ? "video" : "videos"} (${timeText(seconds)} in all) to tell the moments of this activity apart. No labels are needed.`),
    videos.length < 10 ? el("p", { class: "why" }, "With fewer than ten videos the frozen features are usually as good.") : null,
    training.begun ? el("p", {}, "A run was interrupted here; it continues where it stopped, or begins anew where videos have come or gone since.") : null,
    planned, el("label", { class: "choice" }, "It takes at most", minutes, "minutes"),
    el("p", { class: "soft" }, "The pages keep working. It can be stopped at any time and continued later; the features that are shown now stay one click away."),
    el("div", { class: "tools" }, el("button", { class: "primary", onclick: start }, training.begun ? "Go on" : "Start training")));
}

const spoken = (seconds) => seconds < 100 ? `${Math.max(1, Math.round(seconds))} s` : seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

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
