// All videos of the folder: strips, lengths, phases, what is broken; filter, sort, choose.
import { clockText, el, failing, viewKeys } from "/page/dom.js";
import { addButtons } from "/page/adding.js";
import { api, go, heading, state } from "/page/core.js";

const AT_A_TIME = 48;
const odd = (video) => video.typical ? -1 : video.oddness; // others may be no odder than the most typical one
const ORDERS = {
  "Name": (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  "Shortest first": (a, b) => a.duration - b.duration,
  "Longest first": (a, b) => b.duration - a.duration,
  "Typical first": (a, b) => (odd(a) ?? Infinity) - (odd(b) ?? Infinity),
  "Odd first": (a, b) => (odd(b) ?? -2) - (odd(a) ?? -2),
};
const kept = { order: "Name", filter: "", chosen: [], drawn: 0 };

function why(video) {
  if (video.stranger) return el("p", { class: "why bad" }, "Another activity: nothing in common with the group");
  if (video.typical) return el("p", { class: "why good" }, "The most typical one");
  if (!video.why) return null;
  if (!video.why.length) return el("p", { class: "why good" }, "Nothing unusual");
  const words = video.why.slice(0, 2).map(([kind, start, end]) => el("span", { class: `kind ${kind}` }, `${kind.replace("_", " ")} ${clockText(start)}–${clockText(end)}`));
  return el("p", { class: "why" }, words, video.why.length > 2 ? ` ${video.why.length - 2} more` : "");
}

export function libraryView(root) {
  const { videos, broken } = state.folder;
  const filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", value: kept.filter, oninput: () => { kept.filter = filter.value; draw(); } });
  const ranked = videos.some((video) => video.oddness !== undefined);
  if (ranked && kept.order === "Name" && !kept.seen) { kept.order = "Odd first"; kept.seen = true; }
  const sort = el("select", { "aria-label": "Sort by", onchange: () => { kept.order = sort.value; draw(); } },
    Object.keys(ORDERS).filter((name) => ranked || !/Typical|Odd/.test(name)).map((name) => el("option", { selected: name === kept.order }, name)));
  const rank = el("button", { onclick: failing(async () => {
    await api("/api/rank", {});
    document.dispatchEvent(new Event("busy"));
  }) }, "Find the odd ones");
  const together = el("div", { class: "together", hidden: true });
  const count = el("span", { class: "soft", role: "status" });
  const list = el("ul", { class: "cards", "aria-label": "Videos" });
  const end = el("div", { class: "end" });
  const none = el("p", { class: "soft", hidden: true }, "No name holds these letters. ", el("button", { class: "link", onclick: () => { filter.value = kept.filter = ""; draw(); } }, "Show all"));
  let shown = [], drawn = 0;

  const choose = (id, on) => {
    kept.chosen = kept.chosen.filter((other) => other !== id);
    if (on) kept.chosen.push(id);
    showChosen();
  };
  const showChosen = () => {
    const ids = kept.chosen;
    together.hidden = !ids.length;
    together.replaceChildren(el("span", {}, `${ids.length} chosen`),
      el("button", { class: "primary", disabled: ids.length !== 2, onclick: () => go("compare", { a: ids[0], b: ids[1] }) }, "Compare the two"),
      el("button", { disabled: ids.length < 2 || ids.length > 4, onclick: () => go("grid", { ids }) }, "On one timeline"),
      el("button", { class: "quiet", onclick: () => { kept.chosen = []; draw(); } }, "Clear"));
  };
  const card = (video) => {
    const box = el("input", { type: "checkbox", "aria-label": `Choose ${video.name}`, checked: kept.chosen.includes(video.id), onchange: () => choose(video.id, box.checked) });
    const open = el("a", { class: "strip", href: `#/compare?a=${video.id}`, "aria-label": `Compare ${video.name} with another` }, el("img", { src: `/api/strip/${video.id}`, loading: "lazy", decoding: "async", alt: "", width: 720, height: 90 }));
    const bar = el("div", { class: "phases", "aria-hidden": "true" });
    [...video.starts, 1].forEach((end, k) => { const part = el("i"); part.style.flexGrow = end - (video.starts[k - 1] ?? 0); part.style.background = `hsl(${(k * 47 + 200) % 360} 55% 55%)`; if (video.starts.length) bar.append(part); });
    const marks = Object.keys(video.marks).length;
    const facts = [clockText(video.duration), `${video.rate.toFixed(video.rate % 1 ? 1 : 0)} fps`, video.phases ? `${video.phases} phases` : null, marks ? `${marks} ${marks === 1 ? "mark" : "marks"}` : null];
    return el("li", { class: `card${video.problem ? " broken" : ""}` }, open, bar,
      el("div", { class: "text" }, el("label", {}, box, el("h2", {}, video.name)), video.split ? el("span", { class: "chip" }, video.split) : null,
        el("p", { class: "soft" }, facts.filter(Boolean).join(" · ")), video.problem ? el("p", { class: "why bad" }, video.problem) : why(video),
        video.oddness !== undefined ? el("meter", { min: 0, max: 1, low: 0.25, high: 0.5, optimum: 0, value: Math.min(1, video.oddness), title: `Oddness ${video.oddness.toFixed(2)} of 1`, "aria-label": `Oddness ${video.oddness.toFixed(2)} of 1` }) : null,
        el("div", { class: "acts" }, [["Compare", "compare", { a: video.id }], ["Label", "label", { id: video.id }], ["Search", "search", { id: video.id }]].map(([name, view, query]) =>
          el("button", { class: "quiet", "aria-label": `${name}: ${video.name}`, onclick: () => go(view, query) }, name)))));
  };
  const nearEnd = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting) && drawn < shown.length) more(); }, { rootMargin: "800px" });
  const more = () => {
    list.append(...shown.slice(drawn, drawn + AT_A_TIME).map(card));
    kept.drawn = drawn = Math.min(shown.length, drawn + AT_A_TIME);
    end.hidden = drawn >= shown.length;
    nearEnd.unobserve(end); nearEnd.observe(end); // tells anew where the end now lies
    count.textContent = `${shown.length} of ${videos.length} ${videos.length === 1 ? "video" : "videos"}`;
    none.hidden = shown.length > 0;
  };
  const draw = () => {
    shown = videos.filter((video) => video.name.toLowerCase().includes(kept.filter.toLowerCase())).sort(ORDERS[kept.order]);
    list.replaceChildren(); drawn = 0; more(); showChosen();
  };
  const trouble = broken.length ? [el("details", { class: "trouble" }, el("summary", {}, `${broken.length} ${broken.length === 1 ? "file" : "files"} cannot be used`),
    el("ul", {}, broken.map((file) => el("li", {}, el("strong", {}, file.name), ` ${file.why}`))))] : [];
  root.replaceChildren(heading(state.folder.name || "Library"), el("div", { class: "bar" }, filter, sort, rank, addButtons(), count), together, ...trouble, none, list, end);
  viewKeys(root, (key) => { if (key !== "/") return false; filter.focus(); return true; }, [["/", "filter by name"]]);
  const before = kept.drawn; // a page that is drawn again, as when work in the background has ended, keeps its length
  draw();
  while (drawn < Math.min(before, shown.length)) more();
}
