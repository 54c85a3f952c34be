// Taking in more videos: files that are dropped on the page, chosen, or all of a folder. They are copied beside the marks.
import { done, el, failing, problem } from "/page/dom.js";
import { api } from "/page/core.js";

const VIDEO = /\.(mp4|m4v|mov|webm|mkv|avi|mpg|mpeg|mts|m2ts|ts|wmv|flv|ogv|3gp)$/i;

export async function addFiles(files) {
  const videos = [...files].filter((file) => file.type.startsWith("video/") || VIDEO.test(file.name)), faults = [];
  if (!videos.length) { problem("None of these files is a video"); return; }
  let taken = 0;
  for (const file of videos) {
    done(`Adding ${file.name} (${taken + faults.length + 1} of ${videos.length}) …`);
    try { await api(`/api/add?name=${encodeURIComponent(file.name)}`, file); taken += 1; } catch (error) { faults.push(error.message); }
  }
  done(taken ? `Added ${taken} ${taken === 1 ? "video" : "videos"}` : "");
  if (faults.length) problem(faults.slice(0, 3).join("; ") + (faults.length > 3 ? `; and ${faults.length - 3} more` : ""));
  if (taken) document.dispatchEvent(new Event("added"));
}

export function addButtons() {
  const chooser = (label, more) => {
    const input = el("input", { type: "file", multiple: true, hidden: true, "aria-label": label, onchange: failing(async () => { await addFiles(input.files); input.value = ""; }), ...more });
    return [input, el("button", { onclick: () => input.click() }, label)];
  };
  return [...chooser("Add files …", { accept: "video/*,.mkv,.avi,.mts" }), ...chooser("Add a folder …", { webkitdirectory: true })];
}

// files may be dropped anywhere on the page
export function takeDrops() {
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { if (holds(event)) { event.preventDefault(); document.body.classList.add("dropping"); } });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", async (event) => {
    document.body.classList.remove("dropping");
    if (!holds(event)) return;
    event.preventDefault();
    try { await addFiles(await filesOf(event.dataTransfer)); } catch (error) { problem(error.message); }
  });
}

async function filesOf(transfer) { // folders are walked through
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.some((root) => root.isDirectory)) return [...transfer.files];
  const found = [], walk = async (entry) => {
    if (entry.isFile) { found.push(await new Promise((give, fail) => entry.file(give, fail))); return; }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((give, fail) => reader.readEntries(give, fail));
      if (!some.length) return;
      for (const inner of some) await walk(inner);
    }
  };
  for (const root of roots) await walk(root);
  return found;
}
