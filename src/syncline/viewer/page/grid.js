// Two to four videos on one common timeline.
import { clamp, clockText, el, viewKeys } from "/page/dom.js";
import { getJSON, go, heading, openVideo, state, videoSelect } from "/page/core.js";
import { Follower } from "/page/follow.js";

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
  const [{ seconds: clock, positions, absent, coverage }, ...opened] = await Promise.all([getJSON(`/api/timeline?ids=${ids}`), ...ids.map((id) => openVideo(id, wait))]);
  if (!root.isConnected) return;
  const followers = opened.map(({ video, clock: own }) => { video.muted = true; return new Follower(video, own); });
  const step = clock.length > 1 ? clock[1] - clock[0] : 0.1, end = clock.at(-1);
  const times = ids.map(() => el("output", { class: "time" }));
  const figures = ids.map((id, i) => el("figure", { "data-id": id }, el("div", { class: "screen" }, opened[i].video, el("p", { class: "waits", hidden: true }, "waits")),
    el("figcaption", {}, el("span", { class: "name" }, state.folder.videos[id].name), el("span", { class: "soft" }, `${Math.round(100 * coverage[i])} % in common`), times[i])));
  const slider = el("input", { type: "range", min: 0, max: end.toFixed(3), step: 0.01, value: 0, "aria-label": "Position on the common timeline", oninput: () => { stop(); go_(Number(slider.value)); } });
  const play = el("button", { id: "play", class: "round primary", "aria-label": "Play", onclick: () => toggle() }, "▶");
  const speed = el("select", { "aria-label": "Speed" }, [0.25, 0.5, 1, 2].map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
  const label = el("output", { class: "time" });
  let at = 0, playing = false, last = 0;
  const where = (i, t) => { const place = clamp(t / step, 0, clock.length - 1), low = Math.floor(place), high = Math.min(low + 1, clock.length - 1); return positions[i][low] + (positions[i][high] - positions[i][low]) * (place - low); };
  const show = () => {
    const row = clamp(Math.round(at / step), 0, clock.length - 1);
    figures.forEach((figure, i) => {
      figure.classList.toggle("waiting", Boolean(absent[i][row]));
      figure.querySelector(".waits").hidden = !absent[i][row];
      times[i].textContent = clockText(where(i, at));
      const slope = Math.max(0, (where(i, at + 0.2) - where(i, at - 0.2)) / 0.4);
      if (playing) followers[i].steer(where(i, at), slope, Number(speed.value), Boolean(absent[i][row])); else followers[i].settle(where(i, at));
    });
    slider.value = at; label.textContent = `${clockText(at)} / ${clockText(end)}`;
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
  wait.replaceWith(el("div", { class: `quad n${ids.length}` }, figures), el("div", { class: "deck" }, el("div", { class: "transport" }, play, slider, label, speed)));
  viewKeys(root, (key, event) => {
    if (key === " ") toggle();
    else if (key === "ArrowRight" || key === "ArrowLeft") { stop(); go_(at + (key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 1 : step)); }
    else if (key === "Home") { stop(); go_(0); } else if (key === "End") { stop(); go_(end); }
    else return false;
    return true;
  });
  show();
}
