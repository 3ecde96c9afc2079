"use strict";
(() => {
const { trace, vocabulary, words: said, looking } = JSON.parse(document.getElementById("data").textContent);
const events = trace.events, pageBytes = trace.machine.page_bytes || 4096;
const words = Object.fromEntries(vocabulary.map(v => [v.name, v]));
for (const e of events) { // what the page leaves out since it follows from the rest
  e.stage = words[e.name].stage;
  e.duration_ns ??= 0;
  e.self_ns ??= e.duration_ns;
  e.file ??= 0;
}
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let language = (navigator.language || "en").startsWith("zh") ? "zh" : "en";
let at = 0, playing = 0, axis = "time";

const ui = { en: {}, zh: {} }; // from the table that has all of the page's words
for (const key in said) for (const l in ui) ui[l][key] = said[key][l];
const t = () => ui[language];
const comma = () => language === "zh" ? "，" : ", ";
const sayOr = (kind, name) => t()[kind + name] || name;

// --- numbers ---
const digits = v => v < 9.995 ? v.toFixed(2) : v < 99.95 ? v.toFixed(1) : v.toFixed(0);
const duration = ns => ns < 1000 ? ns + " ns" : ns < 999500 ? digits(ns / 1e3) + " µs" : ns < 999.5e6 ? digits(ns / 1e6) + " ms" : digits(ns / 1e9) + " s";
const grouped = n => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const size = n => { let u = -1; while (n >= 1024 && u < 5) { n /= 1024; u++; } return u < 0 ? n + " B" : n.toFixed(1).replace(/\.0$/, "") + " " + "KMGTPE"[u] + "iB"; };
const hex = n => n ? "0x" + n.toString(16) : "";

// --- what is known of every page after each event ---
const faults = new Set(["fault", "write-protect", "copy-on-write", "swap-in"]);
const role = f => (trace.files[f] || {}).role;
const rangeOf = e => {
  const first = Math.floor(e.offset / pageBytes);
  return [first, first + Math.max(1, Math.ceil((e.length_bytes || (e.pages || 1) * pageBytes) / pageBytes))];
};
const plans = trace.files.map(() => ({ low: Infinity, high: -1 }));
for (const e of events) {
  if (e.offset < 0 || !plans[e.file] || role(e.file) === "swap" || ["map", "unmap", "sync", "place", "advise", "device-read", "device-write", "add", "readahead", "evict", "lookup", "writeback"].includes(e.name)) continue;
  const [a, b] = rangeOf(e);
  plans[e.file].low = Math.min(plans[e.file].low, a);
  plans[e.file].high = Math.max(plans[e.file].high, b);
}
const mostCells = 256;
for (const p of plans) {
  if (p.high < 0) { p.low = 0; p.high = 1; }
  if (p.high - p.low < 64) { p.low = Math.max(0, p.high - 64 < p.low ? p.low - (p.low % 8) : p.low); p.high = p.low + 64; }
  p.per = Math.max(1, Math.ceil((p.high - p.low) / mostCells));
  p.cells = Math.ceil((p.high - p.low) / p.per);
}
const inWindow = (f, a, b) => { const p = plans[f]; return [Math.max(a, p.low) - p.low, Math.min(b, p.high) - p.low]; };
const CACHED = 1, FILLING = 2, DIRTY = 4, MAPPED = 8, WRITABLE = 16, PRIVATE = 32, SWAPPED = 64;
const blank = () => ({ file: 0, region: null, pages: plans.map(p => new Uint8Array(p.high - p.low)), frames: new Map(), slots: new Map(), snapshot: 0, pending: [] });
const clone = s => ({ ...s, pages: s.pages.map(p => p.slice()), frames: new Map(s.frames), slots: new Map(s.slots), pending: s.pending.slice() });
const change = (s, f, a, b, on, off) => {
  if (!s.pages[f]) return;
  const [x, y] = inWindow(f, a, b), p = s.pages[f];
  for (let i = x; i < y; i++) p[i] = (p[i] & ~off) | on;
};
const installs = events.some(e => e.name === "install");
const regionAt = e => trace.regions.find(r => r.file === e.file && r.start_ns <= e.start_ns && (r.end_ns >= e.start_ns || !r.end_ns)) || null;
const letters = { m: MAPPED, a: PRIVATE, s: SWAPPED, c: CACHED, d: DIRTY, w: CACHED };
function settle(s, e) { // what was seen of all pages at a moment corrects what events told
  while (s.snapshot < trace.snapshots.length && trace.snapshots[s.snapshot].at_ns <= e.start_ns) {
    const shot = trace.snapshots[s.snapshot++], p = s.pages[shot.file];
    if (!p) continue;
    const writable = p.map(v => v & WRITABLE);
    p.fill(0);
    for (const run of shot.runs) {
      let bits = 0;
      for (const l of run.state) bits |= letters[l] || 0;
      const [x, y] = inWindow(shot.file, run.page, run.page + run.pages);
      for (let i = x; i < y; i++) p[i] = bits | (bits & MAPPED ? writable[i] : 0);
    }
  }
}
function apply(s, e) {
  settle(s, e);
  s.pending = s.pending.filter(r => r.end > e.start_ns || (change(s, r.f, r.a, r.b, CACHED, FILLING), false)); // requests that are done by now
  if (role(e.file) === "swap") return;
  const f = e.file, [a, b] = e.offset >= 0 ? rangeOf(e) : [0, 0];
  const region = s.region;
  switch (e.name) {
    case "map": s.file = f; s.region = { ...(regionAt(e) || {}), address: e.address, private: (regionAt(e) || {}).private, file: f }; if (!trace.command) change(s, f, 0, Infinity, 0, MAPPED | WRITABLE | PRIVATE | SWAPPED); s.frames.clear(); break;
    case "reserve": s.file = f; s.region = { address: e.address, file: f }; break;
    case "unmap": change(s, f, 0, Infinity, 0, MAPPED | WRITABLE | PRIVATE | SWAPPED); if (region && region.file === f) s.region = null; break;
    case "add": change(s, f, a, b, FILLING, 0); break;
    case "device-read": change(s, f, a, b, FILLING, 0); s.pending.push({ end: e.start_ns + e.duration_ns, f, a, b }); break;
    case "install": { // a fault's work becomes visible when its translation is there
      const [x, y] = inWindow(f, a, b), p = s.pages[f];
      for (let i = x; i < y; i++) p[i] = p[i] & SWAPPED ? p[i] & ~SWAPPED | MAPPED | PRIVATE : p[i] & PRIVATE ? p[i] | MAPPED : p[i] & ~FILLING | MAPPED | CACHED;
      break;
    }
    case "fault": change(s, f, a, b, installs ? (e.write ? WRITABLE : 0) : MAPPED | CACHED | (e.write ? WRITABLE : 0), installs ? 0 : FILLING); break;
    case "write-protect": change(s, f, a, b, MAPPED | WRITABLE, 0); break;
    case "copy-on-write": change(s, f, a, b, WRITABLE | PRIVATE | (installs ? 0 : MAPPED), 0); break;
    case "swap-in": if (!installs) change(s, f, a, b, MAPPED | PRIVATE, SWAPPED); s.slots.delete(a); break;
    case "swap-out": change(s, f, a, b, SWAPPED, MAPPED | PRIVATE | WRITABLE); for (let i = a; i < b && i < a + 64; i++) { s.frames.delete(i); if (e.slot) s.slots.set(i, e.slot); } break;
    case "dirty": change(s, f, a, b, DIRTY | CACHED, 0); break;
    case "writeback": break;
    case "re-protect": change(s, f, a, b, 0, WRITABLE | DIRTY); break;
    case "evict": { // a private copy of the page stays
      const [x, y] = inWindow(f, a, b), p = s.pages[f];
      for (let i = x; i < y; i++) p[i] &= p[i] & PRIVATE ? ~(CACHED | FILLING) : ~(CACHED | FILLING | MAPPED | DIRTY);
      break;
    }
  }
  if (e.frame && faults.has(e.name)) s.frames.set(a, e.frame);
}
const every = 200, saved = [blank()];
let state = blank(), applied = 0; // state is that after the first `applied` events
function stateAfter(n) {
  if (n < applied) {
    const i = Math.min(Math.floor(n / every), saved.length - 1);
    state = clone(saved[i]); applied = i * every;
  }
  while (applied < n) {
    apply(state, events[applied++]);
    if (applied % every === 0 && !saved[applied / every]) saved[applied / every] = clone(state);
  }
  return state;
}

// --- drawing ---
const el = (parent, name, attributes, text) => {
  const n = document.createElementNS(SVG, name);
  for (const k in attributes) n.setAttribute(k, attributes[k]);
  if (text !== undefined) n.textContent = text;
  parent.appendChild(n);
  return n;
};
const narrow = node => node.clientWidth < 640;
const lit = {
  1: new Set(["map", "place", "advise", "reserve", "unmap"]),
  2: new Set(["access", "first-byte", "install", "fault", "write-protect", "copy-on-write", "re-protect"]),
  3: new Set(["fault", "lookup", "readahead", "add", "device-read", "wait"]),
};
function glow(e) { // which arrows an event lights
  if (!e) return {};
  const swap = role(e.file) === "swap";
  return {
    1: lit[1].has(e.name), 2: lit[2].has(e.name), 3: lit[3].has(e.name) && !swap,
    out: e.name === "swap-out" || e.name === "reclaim" || (swap && e.name === "device-write"),
    in: e.name === "swap-in" || (swap && e.name === "device-read"),
    back: ["sync", "writeback"].includes(e.name) || (e.name === "device-write" && !swap), evict: e.name === "evict" || e.name === "dirty",
  };
}
function arrow(g, points, number, on, dashed) {
  const [x2, y2] = points[points.length - 1], [x1, y1] = points[points.length - 2];
  const a = Math.atan2(y2 - y1, x2 - x1), l = 8;
  const cls = on ? " on" : "";
  el(g, "path", { class: "arrow" + cls + (dashed ? " dashed" : ""), d: "M" + points.map(p => p.join(",")).join("L") });
  el(g, "path", { class: "head" + cls, d: `M${x2},${y2}L${x2 - l * Math.cos(a - .45)},${y2 - l * Math.sin(a - .45)}L${x2 - l * Math.cos(a + .45)},${y2 - l * Math.sin(a + .45)}Z` });
  if (number) {
    const m = Math.floor((points.length - 2) / 2), x = (points[m][0] + points[m + 1][0]) / 2, y = (points[m][1] + points[m + 1][1]) / 2;
    el(g, "circle", { class: "number" + cls, cx: x, cy: y, r: 10 });
    el(g, "text", { class: "digit" + cls, x, y: y + 4 }, number);
  }
}
const cellClass = {
  space: v => v & SWAPPED ? "swapped" : !(v & MAPPED) ? "" : v & PRIVATE ? "private" : v & DIRTY ? "dirty" : "mapped",
  memory: v => v & PRIVATE && !(v & SWAPPED) ? "private" : v & DIRTY ? "dirty" : v & FILLING ? "filling" : v & CACHED ? "cached" : "",
};
const rank = ["", "cached", "filling", "mapped", "swapped", "private", "dirty"];
function grid(g, box, f, s, kind, e) {
  const p = plans[f], columns = p.cells <= 64 ? 8 : 16, rows = Math.ceil(p.cells / columns);
  const w = box.w / columns, h = Math.min(box.h / rows, w * 1.4);
  const [ea, eb] = e && (kind === "memory" || !cacheOnly.has(e.name)) && e.offset >= 0 && e.file === f && e.name !== "map" && e.name !== "unmap" && e.name !== "sync" ? inWindow(f, ...rangeOf(e)) : [1, 0];
  for (let c = 0; c < p.cells; c++) {
    let best = "", now = false;
    for (let i = c * p.per; i < Math.min((c + 1) * p.per, p.high - p.low); i++) {
      const k = cellClass[kind](s.pages[f][i]);
      if (rank.indexOf(k) > rank.indexOf(best)) best = k;
      if (i >= ea && i < eb) now = true;
    }
    el(g, "rect", { class: "cell " + best + (now ? " now" : ""), x: box.x + (c % columns) * w + 1, y: box.y + Math.floor(c / columns) * h + 1, width: w - 2, height: h - 2, rx: 1.5 });
  }
}
function tableRows(g, box, f, s, e) {
  const p = plans[f], rows = Math.floor(box.h / 24);
  const own = e && e.offset >= 0 && e.file === f && !["map", "unmap", "sync"].includes(e.name) ? Math.floor(e.offset / pageBytes) : -1;
  let focus = own >= p.low && own < p.high ? own : focusPage;
  focus = Math.min(Math.max(focus, p.low), p.high - 1);
  focusPage = focus;
  const first = Math.max(p.low, Math.min(focus - Math.floor(rows / 3), p.high - rows));
  for (let r = 0; r < rows && first + r < p.high; r++) {
    const n = first + r, v = s.pages[f][n - p.low], y = box.y + r * 24;
    el(g, "rect", { class: "entry" + (n === own ? " now" : ""), x: box.x, y: y + 1, width: box.w, height: 22, rx: 3 });
    const frame = s.frames.get(n);
    const text = v & SWAPPED ? t().slot + (s.slots.has(n) ? " " + s.slots.get(n) : "") : v & MAPPED ? (frame ? hex(frame) : t().frame) : "– " + (box.w < 180 ? "" : t().absent);
    el(g, "text", { class: "mono", x: box.x + 6, y: y + 16 }, grouped(n));
    el(g, "text", { class: "mono", x: box.x + (box.w < 180 ? 46 : 62), y: y + 16 }, text);
    if (v & MAPPED && box.w >= 180) el(g, "text", { class: "mono", x: box.x + box.w - 6, y: y + 16, "text-anchor": "end" }, v & WRITABLE ? "rw" : "r-");
    else if (v & MAPPED) el(g, "text", { class: "mono", x: box.x + box.w - 5, y: y + 16, "text-anchor": "end" }, v & WRITABLE ? "w" : "r");
  }
}
let focusPage = 0;
const cacheOnly = new Set(["add", "device-read", "device-write", "readahead", "evict", "lookup", "read-call", "writeback"]); // about the cache, not about translations
const boxes = small => small ? {
  w: 360, h: 590, space: { x: 0, y: 46, w: 150, h: 200 }, table: { x: 190, y: 46, w: 152, h: 200 },
  memory: { x: 0, y: 330, w: 160, h: 200 }, file: { x: 250, y: 330, w: 110, h: 78 }, swap: { x: 250, y: 452, w: 110, h: 78 },
} : {
  w: 926, h: 356, space: { x: 0, y: 64, w: 200, h: 264 }, table: { x: 262, y: 64, w: 220, h: 264 },
  memory: { x: 544, y: 64, w: 200, h: 264 }, file: { x: 806, y: 64, w: 120, h: 110 }, swap: { x: 806, y: 218, w: 120, h: 110 },
};
function drawMap() {
  const svg = $("map"), small = narrow(svg), b = boxes(small), e = events[at], s = stateAfter(Math.min(at + 1, events.length)), on = glow(e);
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${b.w} ${b.h}`);
  const g = el(svg, "g", { class: e ? "s" + e.stage : "" });
  let f = e && role(e.file) !== "swap" && plans[e.file] ? e.file : s.file;
  if (!plans[f]) f = 0;
  const p = plans[f];
  const titled = (box, title, sub, lights) => {
    el(g, "text", { x: box.x, y: box.y - (sub ? 22 : 8), class: "strong" }, title);
    if (sub) el(g, "text", { class: "small", x: box.x, y: box.y - 7 }, sub);
    el(g, "rect", { class: "box" + (lights ? " on" : ""), x: box.x - 5, y: box.y - 4, width: box.w + 10, height: box.h + 8, rx: 5 });
  };
  const region = s.region && s.region.file === f ? s.region : trace.command ? {} : null; // a program has many at a time
  titled(b.space, t().space, region ? hex(region.address) || " " : t().nothing, on[1]);
  titled(b.table, t().table, "", on[2]);
  titled(b.memory, t().memory, "", on[3] || on.evict);
  titled(b.file, role(f) === "copy" ? t().copy : role(f) === "memory" ? t().anonymous : t().file, "", on.back);
  titled(b.swap, t().swap, "", on.in || on.out);
  if (region) grid(g, b.space, f, s, "space", e);
  if (region) tableRows(g, b.table, f, s, e);
  grid(g, b.memory, f, s, "memory", e);
  disk(g, b, f, s, e);
  counts(g, b, f, s, small);
  const y = b.space.y, right = box => box.x + box.w + 5;
  if (small) {
    arrow(g, [[right(b.space), y + 90], [b.table.x - 5, y + 90]], "2", on[2]);
    arrow(g, [[b.table.x + 20, y + 204], [b.table.x + 20, 290], [110, 290], [110, b.memory.y - 26]], "", on[2]);
    arrow(g, [[b.file.x - 5, b.file.y + 28], [right(b.memory), b.file.y + 28]], "3", on[3]);
    arrow(g, [[right(b.memory), b.file.y + 60], [b.file.x - 5, b.file.y + 60]], "4", on.back);
    arrow(g, on.in ? [[b.swap.x - 5, b.swap.y + 40], [right(b.memory), b.swap.y + 40]] : [[right(b.memory), b.swap.y + 40], [b.swap.x - 5, b.swap.y + 40]], "4", on.in || on.out);
    arrow(g, [[140, y - 4], [140, 10], [356, 10], [356, b.file.y - 26]], "1", on[1], true);
  } else {
    arrow(g, [[right(b.space), y + 110], [b.table.x - 5, y + 110]], "2", on[2]);
    arrow(g, [[right(b.table), y + 110], [b.memory.x - 5, y + 110]], "2", on[2]);
    arrow(g, [[b.file.x - 5, y + 30], [right(b.memory), y + 30]], "3", on[3]);
    arrow(g, [[right(b.memory), y + 80], [b.file.x - 5, y + 80]], "4", on.back);
    arrow(g, on.in ? [[b.swap.x - 5, b.swap.y + 55], [right(b.memory), b.swap.y + 55]] : [[right(b.memory), b.swap.y + 55], [b.swap.x - 5, b.swap.y + 55]], "4", on.in || on.out);
    arrow(g, [[180, y - 6], [180, 14], [900, 14], [900, b.file.y - 26]], "1", on[1], true);
  }
  $("scale").textContent = `${t().from.replace("{a}", grouped(p.low)).replace("{b}", grouped(p.high - 1))}${comma()}${p.per > 1 ? t().cells.replace("{n}", grouped(p.per)) : t().cell}`;
}
function disk(g, b, f, s, e) { // the whole file as a bar, with the range that the event concerns
  const file = trace.files[f] || { size_bytes: 1 }, box = b.file, whole = Math.max(file.size_bytes, plans[f].high * pageBytes, 1);
  const x = v => box.x + 8 + (box.w - 16) * Math.min(1, v / whole);
  el(g, "text", { class: "small", x: box.x + 8, y: box.y + 16 }, size(file.size_bytes));
  el(g, "rect", { class: "cell", x: box.x + 8, y: box.y + box.h - 30, width: box.w - 16, height: 18, rx: 2 });
  if (e && e.offset >= 0 && e.file === f) {
    const w = Math.max(3, x(e.offset + (e.length_bytes || pageBytes)) - x(e.offset));
    el(g, "rect", { class: "cell now filling", x: Math.min(x(e.offset), box.x + box.w - 8 - w), y: box.y + box.h - 30, width: w, height: 18, rx: 2 });
  }
  let n = 0;
  for (const v of s.pages[f]) if (v & SWAPPED) n++;
  const swap = trace.settings && trace.settings.swap_bytes ? trace.settings.swap_bytes : (plans[f].high - plans[f].low) * pageBytes;
  el(g, "text", { class: "small", x: b.swap.x + 8, y: b.swap.y + 16 }, `${grouped(n)} ${n === 1 ? t().page : t().pages}`);
  el(g, "rect", { class: "cell", x: b.swap.x + 8, y: b.swap.y + b.swap.h - 30, width: b.swap.w - 16, height: 18, rx: 2 });
  if (n) el(g, "rect", { class: "cell swapped", x: b.swap.x + 8, y: b.swap.y + b.swap.h - 30, width: Math.max(2, (b.swap.w - 16) * Math.min(1, n * pageBytes / swap)), height: 18, rx: 2 });
}
function counts(g, b, f, s, small) {
  let mapped = 0, cached = 0, dirty = 0, priv = 0;
  for (const v of s.pages[f]) { if (v & MAPPED) mapped++; if (v & (CACHED | FILLING)) cached++; if (v & DIRTY) dirty++; if (v & PRIVATE && !(v & SWAPPED)) priv++; }
  const below = (box, text) => el(g, "text", { class: "small", x: box.x, y: box.y + box.h + 22 }, text);
  below(b.space, `${grouped(mapped)} ${t().mapped}`);
  const found = [`${grouped(cached)} ${t().cached}`];
  if (dirty) found.push(`${grouped(dirty)} ${t().dirty}`);
  if (priv) found.push(`${grouped(priv)} ${t().priv}`);
  below(b.memory, found.join(comma()));
}
function drawTwo() {
  const svg = $("two"), small = narrow(svg), e = events[at];
  svg.replaceChildren();
  const name = e ? e.name : "", reading = name === "device-read" || name === "add" || name === "readahead", installing = ["install", "fault", "first-byte", "access"].includes(name), calling = name === "read-call";
  svg.setAttribute("viewBox", small ? "0 0 360 250" : "0 0 1000 120");
  const half = (x, y, label, map) => {
    const g = el(svg, "g", { class: "s3" });
    const w = small ? 84 : 92, gap = small ? 50 : 92, h = 44;
    el(g, "text", { x, y: y + 14, class: "strong" }, label);
    const box = (i, text, on) => {
      el(g, "rect", { class: "box" + (on ? " on" : ""), x: x + i * (w + gap), y: y + 26, width: w, height: h, rx: 5 });
      el(g, "text", { x: x + i * (w + gap) + w / 2, y: y + 52, "text-anchor": "middle" }, text);
    };
    box(0, t().disk, reading); box(1, t().cache, reading || (map && installing)); box(2, map ? t().program : t().buffer, map ? installing : calling);
    const mid = y + 48;
    arrow(g, [[x + w, mid], [x + w + gap, mid]], "", reading);
    el(g, "text", { class: "small", x: x + w + gap / 2, y: y + 92, "text-anchor": "middle" }, small ? "①" : t().copy1);
    arrow(g, [[x + 2 * w + gap, mid], [x + 2 * w + 2 * gap, mid]], "", map ? installing : calling, map);
    el(g, "text", { class: "small", x: x + 2 * w + gap * 1.5, y: y + 92, "text-anchor": "middle" }, map ? (small ? "=" : t().same) : small ? "②" : t().copy2);
  };
  half(small ? 4 : 10, 0, "read()", false);
  half(small ? 4 : 532, small ? 125 : 0, t().mapping, true);
}

// --- the timeline ---
const lane = 30, canvas = $("lanes");
let end = Math.max(1, trace.summary.wall_ns + trace.summary.recording_ns); // the steps, and looking between them
for (const e of events) end = Math.max(end, e.start_ns + e.duration_ns);
const order = new Map(events.map((e, i) => [e.id, i]));
const depth = events.map(() => 0);
events.forEach((e, i) => { if (e.within && order.has(e.within)) depth[i] = depth[order.get(e.within)] + 1; });
const inner = new Set(events.map(e => e.within)); // events that have others within them
const gaps = []; // between the steps
if (looking) {
  let from = 0;
  for (const e of events) {
    if (e.within || !["map", "advise", "access", "sync", "unmap"].includes(e.name)) continue;
    if (e.start_ns > from) gaps.push([from, e.start_ns]);
    from = Math.max(from, e.start_ns + e.duration_ns);
  }
  if (from < end) gaps.push([from, end]);
}
const place = (i, width) => {
  const e = events[i];
  if (axis === "step") return [i / events.length * width, Math.max(2, width / events.length - 1)];
  return [e.start_ns / end * width, Math.max(2, e.duration_ns / end * width)];
};
function drawLanes() {
  canvas.dataset.end = duration(end);
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = lane * 4 + 22;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const c = canvas.getContext("2d"), css = getComputedStyle(document.documentElement), color = n => css.getPropertyValue(n).trim();
  c.scale(ratio, ratio);
  c.clearRect(0, 0, width, height);
  for (let n = 0; n < 4; n++) { c.fillStyle = color("--raise"); c.fillRect(0, n * lane + 3, width, lane - 6); }
  if (axis === "time") drawGaps(c, width - 3, color);
  for (let i = 0; i < events.length; i++) {
    const e = events[i], [x, w] = place(i, width - 3), inset = Math.min(depth[i], 3) * 3;
    c.globalAlpha = (i <= at ? 1 : .45) * (e.self_ns < e.duration_ns / 2 && depth[i] < 2 && inner.has(e.id) ? .3 : 1); // faint where others within it did the work
    c.fillStyle = color("--s" + e.stage);
    if (e.stage >= 1 && e.stage <= 4) c.fillRect(x, (e.stage - 1) * lane + 5 + inset, w, lane - 10 - 2 * inset);
  }
  c.globalAlpha = 1;
  if (events[at]) {
    const [x, w] = place(at, width - 3), e = events[at];
    c.strokeStyle = color("--now"); c.lineWidth = 2;
    c.strokeRect(x - 1, (e.stage - 1) * lane + 3, w + 2, lane - 6);
    c.beginPath(); c.moveTo(x, 0); c.lineTo(x, lane * 4); c.stroke();
  }
  c.fillStyle = color("--soft"); c.font = "12px system-ui, sans-serif";
  for (let k = 0; k <= 4; k++) {
    c.textAlign = k === 0 ? "left" : k === 4 ? "right" : "center";
    c.fillText(axis === "time" ? duration(Math.round(end * k / 4)) : String(Math.round((events.length - 1) * k / 4) + 1), width * k / 4, lane * 4 + 16);
  }
}
function drawGaps(c, width, color) {
  c.save();
  c.beginPath();
  for (const [a, b] of gaps) c.rect(a / end * width, 3, (b - a) / end * width, lane * 4 - 6);
  c.clip();
  c.fillStyle = color("--paper"); c.fillRect(0, 0, width, lane * 4);
  c.strokeStyle = color("--edge"); c.lineWidth = 1;
  c.beginPath();
  for (let x = -lane * 4; x < width; x += 6) { c.moveTo(x, lane * 4); c.lineTo(x + lane * 4, 0); }
  c.stroke();
  c.restore();
}
canvas.addEventListener("click", click => {
  const box = canvas.getBoundingClientRect(), x = click.clientX - box.left, stage = Math.floor((click.clientY - box.top) / lane) + 1;
  let best = at, far = Infinity;
  events.forEach((e, i) => {
    const [a, w] = place(i, box.width - 3), d = (x < a ? a - x : x > a + w ? x - a - w : 0) + (e.stage === stage ? 0 : 1e4) + w / 1e3;
    if (d < far) { far = d; best = i; }
  });
  go(best);
});

// --- the words ---
function drawWords() {
  const e = events[at], now = $("now");
  now.className = "now" + (e ? " s" + e.stage : "");
  if (!e) { $("title").textContent = t().none; return; }
  const v = words[e.name] || { title: { en: e.name, zh: e.name }, did: { en: "", zh: "" }, explain: { en: "", zh: "" } };
  const stage = document.querySelector(`.lane-names .s${e.stage} span`);
  $("badge").textContent = `${e.stage}  ${stage ? stage.textContent : ""}`;
  $("title").textContent = v.title[language] + (e.kind ? language === "zh" ? `（${sayOr("", e.kind)}）` : ` (${sayOr("", e.kind)})` : "");
  $("did").textContent = v.did[language];
  $("explain").textContent = v.explain[language];
  const list = [];
  const file = trace.files[e.file];
  list.push(`+${duration(e.start_ns)}`);
  if (e.duration_ns) list.push(`${t().took} ${duration(e.duration_ns)}`);
  if (e.self_ns && e.self_ns !== e.duration_ns) list.push(`${t().own} ${duration(e.self_ns)}`);
  if (e.name === "access") list.push(e.write ? t().store : t().load);
  if (e.offset >= 0) list.push(`${t().offset} ${grouped(e.offset)}`);
  if (e.length_bytes > 1) list.push(size(e.length_bytes));
  if (e.pages) list.push(`${grouped(e.pages)} ${e.pages === 1 ? t().page : t().pages}`);
  if (e.folios) list.push(`${grouped(e.folios)} ${e.folios === 1 ? t().folio : t().folios}`);
  if (e.address) list.push(hex(e.address));
  if (e.frame) list.push(`${t().frame} ${hex(e.frame)}`);
  if (e.slot) list.push(`${t().slot} ${e.slot}`);
  if (e.where) list.push(e.name === "advise" ? "MADV_" + e.where.toUpperCase().replaceAll("-", "_") : `${t().where} ${e.where}`);
  if (file && (file.role !== "file" || trace.command)) list.push(file.role === "copy" ? t().copy : file.role === "swap" ? t().swap : sayOr("", file.path));
  if (e.phase) list.push(`${t().phase} “${sayOr("phase ", e.phase)}”`);
  if (e.seen) list.push(`${t().seen} ${sayOr("seen ", e.seen)}`);
  $("details").replaceChildren(...list.map(text => { const li = document.createElement("li"); li.textContent = text; return li; }));
}

// --- moving ---
const slider = $("slider");
slider.max = Math.max(0, events.length - 1);
function draw() {
  slider.value = at;
  $("count").textContent = events.length ? `${grouped(at + 1)} / ${grouped(events.length)}` : "0";
  slider.setAttribute("aria-valuetext", $("count").textContent);
  drawWords(); drawMap(); drawLanes(); drawTwo();
}
function go(i) { at = Math.min(Math.max(0, i), Math.max(0, events.length - 1)); draw(); }
function label(to) { $("play").textContent = to; $("play").setAttribute("aria-label", to); }
function pause() { clearTimeout(playing); playing = 0; label(t().play); }
function tick() {
  if (at >= events.length - 1) return pause();
  go(at + 1);
  playing = setTimeout(tick, Number($("speed").value));
}
function play() {
  if (playing) return pause();
  if (at >= events.length - 1) go(0);
  label(t().pause);
  playing = setTimeout(tick, Number($("speed").value));
}
function speak(to) {
  language = to;
  document.documentElement.lang = to;
  for (const node of document.querySelectorAll("[data-en]")) node.textContent = node.dataset[to];
  for (const node of document.querySelectorAll("[data-aria-en]")) node.setAttribute("aria-label", node.dataset[to === "zh" ? "ariaZh" : "ariaEn"]);
  for (const b of document.querySelectorAll("[data-language]")) b.setAttribute("aria-pressed", String(b.dataset.language === to));
  label(playing ? t().pause : t().play);
  draw();
}
for (const b of document.querySelectorAll("[data-language]")) b.addEventListener("click", () => speak(b.dataset.language));
for (const r of document.querySelectorAll("input[name=axis]")) r.addEventListener("change", () => { axis = r.value; drawLanes(); });
$("first").addEventListener("click", () => { pause(); go(0); });
$("back").addEventListener("click", () => { pause(); go(at - 1); });
$("forth").addEventListener("click", () => { pause(); go(at + 1); });
$("last").addEventListener("click", () => { pause(); go(events.length - 1); });
$("play").addEventListener("click", play);
slider.addEventListener("input", () => { pause(); go(Number(slider.value)); });
// show brings the figure into the window, where that has room for it.
function show() {
  if ($("map").getBoundingClientRect().bottom > innerHeight) document.querySelector(".controls").scrollIntoView();
}
document.addEventListener("keydown", k => {
  const tag = k.target.tagName;
  if (k.ctrlKey || k.metaKey || k.altKey || tag === "SELECT" || (tag === "INPUT" && k.target.type === "radio")) return;
  const step = k.shiftKey ? 10 : 1;
  switch (k.key) {
    case "ArrowRight": pause(); go(at + step); break;
    case "ArrowLeft": pause(); go(at - step); break;
    case "Home": pause(); go(0); break;
    case "End": pause(); go(events.length - 1); break;
    case " ": if (tag === "BUTTON" || tag === "SUMMARY" || tag === "A") return; play(); break;
    case "1": case "2": case "3": case "4": {
      pause();
      const next = events.findIndex((e, i) => i > at && e.stage === Number(k.key)), any = events.findIndex(e => e.stage === Number(k.key));
      if (next >= 0) go(next); else if (any >= 0) go(any);
      break;
    }
    case "l": case "L": speak(language === "en" ? "zh" : "en"); break;
    default: return;
  }
  k.preventDefault();
  show();
});
$("download").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(trace)], { type: "application/json" }));
  link.download = "filemap-trace.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
const linked = () => { const n = parseInt(location.hash.slice(1), 10); if (n > 0) { pause(); go(n - 1); } }; // page.html#17
addEventListener("hashchange", linked);
addEventListener("resize", draw);
new ResizeObserver(drawLanes).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawLanes);
speak(language);
linked();
})();
