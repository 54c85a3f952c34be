// Two to four videos on one common timeline.
import { clamp, timeText, el, failing, say, viewKeys, whileShown } from "/page/dom.js";
import { getJSON, go, heading, openVideo, shaped, state, videoSelect } from "/page/core.js";
import { FrameTimes, Follower } from "/page/follow.js";
import { poseSwitch } from "/page/poses.js";

export async function gridView(root, query) {
  const count = state.folder.videos.length;
  const ids = query.get("ids") ? query.get("ids").split(",").map(Number).slice(0, 4) : state.folder.videos.slice(0, 4).map((video) => video.id);
  const reopen = (next) => go("grid", { ids: [...new Set(next)].join(",") });
  const free = state.folder.videos.find((video) => !ids.includes(video.id));
  const choices = ids.map((id, place) => el("span", { class: "pick" }, videoSelect(`Video ${place + 1}`, id, (value) => reopen(ids.map((other, k) => k === place ? value : other))),
    ids.length > 2 ? el("button", { class: "round quiet", "aria-label": `Remove ${state.folder.videos[id].name}`, onclick: () => reopen(ids.filter((other) => other !== id)) }, "×") : null));
  const wait = el("p", { class: "wait soft", role: "status" }, count < 2 ? "A timeline needs at least two videos." : "Putting them on one timeline …");
  root.replaceChildren(heading("One timeline", "Every video at the moment that all of them share; one that has no part in it waits."),
    el("div", { class: "bar" }, choices, ids.length < 4 && free ? el("button", { onclick: () => reopen([...ids, free.id]) }, "Add a video") : null), wait);
  if (count < 2) return;
  const known = state.status.generation;
  const askTimeline = () => getJSON(`/api/timeline?ids=${ids}`);
  const [first, ...opened] = await Promise.all([askTimeline(), ...ids.map((id) => openVideo(id, wait))]);
  if (!root.isConnected) return;
  const followers = opened.map(({ video, pts: own }) => { video.muted = true; return new Follower(video, own); });
  let timeline = null, pts = null, end = 0; // as uneven as those of the video that they were taken from
  const times = ids.map(() => el("span", { class: "time" })), shares = ids.map(() => el("span", { class: "soft" }));
  const figures = ids.map((id, i) => el("figure", { "data-id": id }, el("div", { class: "screen" }, opened[i].video, el("p", { class: "waits", hidden: true }, "waits")),
    el("figcaption", {}, el("span", { class: "name" }, state.folder.videos[id].name), shares[i], times[i])));
  const slider = el("input", { type: "range", min: 0, max: 0, step: 0.01, value: 0, "aria-label": "Position on the common timeline", oninput: () => { stop(); go_(Number(slider.value)); } });
  const play = el("button", { id: "play", class: "round primary", "aria-label": "Play", onclick: () => toggle() }, "▶");
  const speed = el("select", { "aria-label": "Speed" }, [0.25, 0.5, 1, 2].map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
  const label = el("span", { class: "time" });
  let at = 0, playing = false, last = 0;
  const takeIn = (found) => {
    timeline = found; pts = new FrameTimes(found.seconds); end = found.seconds.at(-1);
    slider.max = end.toFixed(3);
    shares.forEach((share, i) => say(share, `${Math.round(100 * found.coverage[i])} % in common${found.doubtful[i] ? ", but fits badly: a guess" : ""}`));
  };
  const between = (t) => { // the instants around a moment, and how far it is from the first to the second
    const low = pts.frame(t), high = Math.min(low + 1, pts.count - 1), width = pts.seconds[high] - pts.seconds[low];
    return [low, high, width > 0 ? clamp((t - pts.seconds[low]) / width, 0, 1) : 0];
  };
  const where = (i, t) => { const [low, high, share] = between(t), row = timeline.positions[i]; return row[low] + (row[high] - row[low]) * share; };
  const show = () => {
    const [low, high, share] = between(at), nearest = share < 0.5 ? low : high;
    figures.forEach((figure, i) => {
      const absent = Boolean(timeline.absent[i][nearest]);
      figure.classList.toggle("waiting", absent);
      figure.querySelector(".waits").hidden = !absent;
      say(times[i], timeText(where(i, at)));
      const slope = Math.max(0, (where(i, at + 0.2) - where(i, at - 0.2)) / 0.4);
      if (playing) followers[i].steer(where(i, at), slope, Number(speed.value), absent); else followers[i].settle(where(i, at));
    });
    slider.value = at; say(label, `${timeText(at)} / ${timeText(end)}`);
  };
  const go_ = (t) => { at = clamp(t, 0, end); show(); };
  const stop = () => { playing = false; play.textContent = "▶"; play.setAttribute("aria-label", "Play"); };
  const toggle = () => {
    if (playing) { stop(); show(); return; }
    if (at >= end - 0.01) at = 0;
    playing = true; last = performance.now(); play.textContent = "❚❚"; play.setAttribute("aria-label", "Pause");
    requestAnimationFrame(tick);
  };
  const tick = (now) => {
    if (!playing || !slider.isConnected) return;
    at += (now - last) / 1000 * Number(speed.value); last = now;
    if (at >= end) { at = end; stop(); }
    show();
    if (playing) requestAnimationFrame(tick);
  };
  wait.replaceWith(shaped(el("div", { class: `quad n${ids.length}` }, figures), opened.map(({ video }) => video)), el("div", { class: "deck" }, el("div", { class: "transport" }, play, slider, label, speed, poseSwitch(ids.map((id, i) => [id, opened[i].video])))));
  const onward = (sign, event) => event.shiftKey ? at + sign : pts.seconds[clamp(pts.frame(at) + sign, 0, pts.count - 1)];
  viewKeys(root, (key, event) => {
    if (key === " ") toggle();
    else if (key === "ArrowRight" || key === "ArrowLeft") { stop(); go_(onward(key === "ArrowRight" ? 1 : -1, event)); }
    else if (key === "Home") { stop(); go_(0); } else if (key === "End") { stop(); go_(end); }
    else return false;
    return true;
  }, [["Space", "play or pause"], ["← →", "one sampled frame back, on"], ["Shift+← Shift+→", "one second back, on"], ["Home End", "start, end"]]);
  takeIn(first);
  show();
  const renew = failing(async () => { const found = await askTimeline(); if (root.isConnected) { takeIn(found); go_(at); } });
  for (const news of ["embedded", "grouped"]) whileShown(root, news, renew); // trained embeddings have come while one was looking,
  if (state.status.generation !== known) renew(); // or while the videos were opened
}
