// All videos of the folder: strips, lengths, phases, what is broken; filter, sort, choose.
import { timeText, el, failing, keepChildren, released, viewKeys, whileShown } from "/page/dom.js";
import { addButtons } from "/page/adding.js";
import { api, go, heading, partnerOf, saveShared, state, usualMode } from "/page/core.js";

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
  if (video.stranger) return el("p", { class: "why bad" }, "Matches none of the others well: another activity, or seen otherwise");
  if (video.typical) return el("p", { class: "why good" }, "The most typical one");
  if (!video.why) return null;
  if (!video.why.length) return video.unsure ? el("p", { class: "why" }, "Hardly matches the typical one; nothing else is unusual") : el("p", { class: "why good" }, "Nothing unusual");
  const words = video.why.slice(0, 2).map(([kind, start, end]) => el("span", { class: `kind ${kind}` }, `${kind.replace("_", " ")} ${timeText(start)}–${timeText(end)}${kind === "missing" ? " of the typical one" : ""}`));
  return el("p", { class: "why" }, words, video.why.length > 2 ? ` ${video.why.length - 2} more` : "", video.unsure ? " · hardly matches the typical one, so less sure" : "");
}

export function libraryView(root) {
  let { videos } = state.folder; // what is known of them changes while one looks
  const filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", value: kept.filter, oninput: () => { kept.filter = filter.value; draw(); } });
  const sort = el("select", { "aria-label": "Sort by", onchange: () => { kept.order = sort.value; draw(); } });
  const offerOrders = () => {
    const ranked = videos.some((video) => video.oddness !== undefined);
    if (ranked && kept.order === "Name" && !kept.seen) { kept.order = "Odd first"; kept.seen = true; }
    const names = Object.keys(ORDERS).filter((name) => ranked || !/Typical|Odd/.test(name));
    if (sort.options.length !== names.length) sort.replaceChildren(...names.map((name) => el("option", {}, name)));
    if (!names.includes(kept.order)) kept.order = "Name";
    sort.value = kept.order;
  };
  const rank = el("button", { onclick: failing(async () => {
    await api("/api/rank", {});
    document.dispatchEvent(new Event("busy"));
  }) }, "Find the odd ones");
  const chosen = el("span"), two = el("button", { class: "primary", onclick: () => go("compare", { a: kept.chosen[0], b: kept.chosen[1] }) }, "Compare the two"), some = el("button", { onclick: () => go("grid", { ids: kept.chosen }) }, "On one timeline");
  const together = el("div", { class: "together", hidden: true }, chosen, two, some, el("button", { class: "quiet", onclick: () => { kept.chosen = []; draw(); } }, "Clear"));
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
    chosen.textContent = `${ids.length} chosen`;
    two.disabled = ids.length !== 2;
    some.disabled = ids.length < 2 || ids.length > 4;
  };
  const cards = new Map(); // by number: a card stays while what it says changes
  const card = (video) => {
    if (!cards.has(video.id)) cards.set(video.id, newCard(video));
    const known = cards.get(video.id);
    known.share.hidden = videos.length < 2;
    known.box.checked = kept.chosen.includes(video.id);
    known.tell(video);
    return known.root;
  };
  const newCard = (video) => {
    const box = el("input", { type: "checkbox", "aria-label": `Choose ${video.name}`, onchange: () => choose(video.id, box.checked) });
    const open = el("a", { class: "strip", href: `#/compare?a=${video.id}`, "aria-label": `Compare ${video.name} with another` }, el("img", { src: `/api/strip/${video.id}`, loading: "lazy", decoding: "async", alt: "", width: 720, height: 90 }));
    const share = el("button", { class: "quiet", "aria-label": `Share: ${video.name}`, title: "Saves it and the video that matches it best, in step, as one page that plays anywhere",
      onclick: failing((event) => saveShared(event.currentTarget, async () => ({ a: video.id, b: await partnerOf(video.id), mode: usualMode() }))) }, "Share");
    const bar = el("div", { class: "phases", "aria-hidden": "true" }), facts = el("p", { class: "soft" }), told = el("div", { class: "told" });
    const root = el("li", { class: "card" }, open, bar,
      el("div", { class: "text" }, el("label", {}, box, el("h2", {}, video.name)), video.split ? el("span", { class: "chip" }, video.split) : null, facts, told,
        el("div", { class: "acts" }, [["Compare", "compare", { a: video.id }], ["Label", "label", { id: video.id }], ["Search", "search", { id: video.id }]].map(([name, view, query]) =>
          el("button", { class: "quiet", "aria-label": `${name}: ${video.name}`, onclick: () => go(view, query) }, name)), share)));
    let said = "";
    const tell = (now) => {
      const text = JSON.stringify(now);
      if (text === said) return;
      said = text;
      const marks = Object.keys(now.marks).length, starts = now.starts.length ? [...now.starts, 1] : [];
      facts.textContent = [timeText(now.duration), `${now.rate.toFixed(now.rate % 1 ? 1 : 0)} fps`, now.phases ? `${now.phases} phases` : null, marks ? `${marks} ${marks === 1 ? "mark" : "marks"}` : null].filter(Boolean).join(" · ");
      bar.replaceChildren(...starts.map((end, k) => { const part = el("i"); part.style.flexGrow = end - (starts[k - 1] ?? 0); part.style.background = `hsl(${(k * 47 + 200) % 360} 55% 55%)`; return part; }));
      root.classList.toggle("broken", Boolean(now.problem));
      const odd = `Oddness ${now.oddness?.toFixed(2)} of 1`;
      told.replaceChildren(...[now.problem ? el("p", { class: "why bad" }, now.problem) : why(now),
        now.oddness !== undefined ? el("meter", { min: 0, max: 1, low: 0.25, high: 0.5, optimum: 0, value: Math.min(1, now.oddness), title: odd, "aria-label": odd }) : null].filter(Boolean));
    };
    return { root, box, share, tell };
  };
  const nearEnd = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting) && drawn < shown.length) more(); }, { rootMargin: "800px" });
  const show = (many) => {
    kept.drawn = drawn = Math.min(shown.length, many);
    keepChildren(list, shown.slice(0, drawn).map(card));
    end.hidden = drawn >= shown.length;
    nearEnd.unobserve(end); nearEnd.observe(end); // tells anew where the end now lies
    count.textContent = `${shown.length} of ${videos.length} ${videos.length === 1 ? "video" : "videos"}`;
    none.hidden = shown.length > 0;
  };
  const more = () => show(drawn + AT_A_TIME);
  const draw = (many = AT_A_TIME) => {
    shown = videos.filter((video) => video.name.toLowerCase().includes(kept.filter.toLowerCase())).sort(ORDERS[kept.order]);
    show(many); showChosen();
  };
  const trouble = el("details", { class: "trouble" });
  const renew = () => { // work in the background has ended, or files were added: the page keeps its length and what is typed
    videos = state.folder.videos;
    const { broken } = state.folder;
    trouble.hidden = !broken.length;
    if (trouble.dataset.count !== String(broken.length)) {
      trouble.replaceChildren(el("summary", {}, `${broken.length} ${broken.length === 1 ? "file" : "files"} cannot be used`),
        el("ul", {}, broken.map((file) => el("li", {}, el("strong", {}, file.name), ` ${file.why}`))));
      trouble.dataset.count = broken.length;
    }
    offerOrders();
    rank.disabled = videos.length < 3;
    rank.title = rank.disabled ? "Who is odd is told from three videos on" : "What each does differently, from odd to typical";
    draw(Math.max(AT_A_TIME, kept.drawn));
  };
  root.replaceChildren(heading(state.folder.name || "Library"), el("div", { class: "bar" }, filter, sort, rank, addButtons(), count), together, trouble, none, list, end);
  viewKeys(root, (key) => { if (key !== "/") return false; filter.focus(); return true; }, [["/", "filter by name"]]);
  whileShown(root, "listed", async () => { await released(); if (root.isConnected) renew(); });
  renew();
}
