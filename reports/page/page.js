"use strict";
// The page is drawn by the server; this keeps its figures fresh, draws the river, and gives panels what they need.
const canarylab = (() => {
  const id = name => document.getElementById(name);
  const root = new URL(".", location.href).href;
  const number = n => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  const marksOf = { pass: "✓", inconclusive: "?", invalid: "!", fail: "✗" };

  // ---- what panels are given ----

  const faceHearers = [], blockHearers = new Map(), blocks = new Map(), keys = new Map(), panels = [];
  let face = null, spoken = 0;

  // say tells those who look and those who listen.
  function say(text, bad) {
    const notice = id("notice");
    notice.textContent = text;
    notice.dataset.bad = Boolean(bad);
    notice.hidden = !text;
    spoken = performance.now();
  }

  async function run(name, arg) {
    let answer, body;
    try {
      answer = await fetch(root + "do/" + name, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(arg === undefined ? null : arg),
      });
      body = await answer.json();
    } catch {
      throw new Error("The program that serves this page did not answer.");
    }
    if (!answer.ok) throw new Error(body.error || "That failed.");
    return body.result;
  }

  // press does what a button stands for, with the button off meanwhile.
  async function press(button, act) {
    if (button.disabled) return;
    const focused = document.activeElement === button;
    button.disabled = true;
    try {
      await act();
    } catch (err) {
      say(err.message, true);
    }
    button.disabled = false;
    if (focused) button.focus();
  }

  function button(label, act) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = label;
    b.addEventListener("click", () => press(b, act));
    return b;
  }

  function key(name, does, act) {
    keys.set(name, { does, act });
    const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd");
    kbd.textContent = name === " " ? "space" : name;
    dt.append(kbd);
    dd.textContent = does;
    id("keys").append(dt, dd);
  }

  addEventListener("keydown", event => {
    const bound = keys.get(event.key);
    if (!bound || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    // Space and Enter belong to the button that has the focus.
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button, a, summary")) return;
    event.preventDefault();
    bound.act();
  });

  function panel(name, mount) { panels.push([name, mount]); }

  function mountPanels() {
    for (const [name, mount] of panels) {
      mount(id("panel-" + name), {
        do: run, say, button, key,
        face(hear) { faceHearers.push(hear); if (face) hear(face); },
        data(hear) {
          blockHearers.set(name, (blockHearers.get(name) || []).concat(hear));
          if (blocks.has(name)) hear(blocks.get(name));
        },
      });
    }
    for (const b of document.querySelectorAll("button[data-do]")) {
      const act = () => press(b, () => run(b.dataset.do, b.dataset.arg ? JSON.parse(b.dataset.arg) : null));
      b.addEventListener("click", act);
      if (b.dataset.key) key(b.dataset.key, b.textContent.trim(), act);
    }
  }

  // ---- figures ----

  const fields = [...document.querySelectorAll("[data-face]")], numbers = [...document.querySelectorAll("[data-number]")];
  const set = (e, text) => { if (e.textContent !== text) e.textContent = text; };

  function rows(table, all, cells) {
    const body = id(table).tBodies[0], right = [...id(table).tHead.rows[0].cells].map(c => c.classList.contains("r"));
    while (body.rows.length > all.length) body.deleteRow(-1);
    all.forEach((row, i) => {
      const tr = body.rows[i] || body.insertRow();
      cells(row).forEach((text, j) => {
        const td = tr.cells[j] || tr.insertCell();
        td.classList.toggle("r", right[j]);
        set(td, text);
      });
      tr.classList.toggle("now", Boolean(row.now));
      tr.classList.toggle("ahead", row.begun === false);
    });
    id(table).hidden = all.length === 0;
  }

  function show(next) {
    const before = face;
    face = next;
    for (const e of fields) set(e, String(face[e.dataset.face] ?? ""));
    for (const e of numbers) set(e, number(face[e.dataset.number]));
    document.querySelector("[data-count=phases]").textContent = face.phases.length;
    id("state").dataset.state = face.state;
    id("change").dataset.settled = face.settled;
    id("failing").dataset.on = face.failing;
    id("burned").dataset.on = face.burned > 0;
    id("held").dataset.all = face.heldAll;
    pips();
    rows("phases", face.phases, p => [p.number + " " + p.name, p.did, number(p.transition), number(p.judged), p.failed,
      p.outcome ? (marksOf[p.outcome] || "!") + " " + p.outcome : p.now ? "▶ now" : ""]);
    rows("shares", face.shares, s => [s.cohort || "all", s.subject, s.asked, s.seen, s.interval,
      number(s.count) + " of " + number(s.of)]);
    rows("failures", face.failures, f => [f.kind, f.meaning, number(f.count)]);
    const troubles = id("troubles");
    if (troubles.children.length !== face.troubles.length || [...troubles.children].some((li, i) => li.textContent !== face.troubles[i]))
      troubles.replaceChildren(...face.troubles.map(t => {
        const li = document.createElement("li");
        li.textContent = t;
        return li;
      }));
    const outcome = id("outcome");
    outcome.hidden = !face.outcome;
    outcome.dataset.outcome = face.outcome || "";
    id("outcome-mark").textContent = marksOf[face.outcome] || "!";
    document.body.dataset.state = face.state;
    document.body.dataset.few = most() < 60;
    document.title = (face.outcome ? face.outcome + " · " : "") + face.scenario + (document.body.dataset.replay ? " · REPLAY" : "") + " · canarylab";
    if (before && before.number !== face.number && face.phase) listen("Phase " + face.number + ": " + face.phase);
    if (face.outcome && !(before && before.outcome)) listen("The run has ended: " + face.outcome + ". " + face.outcomeText);
    for (const hear of faceHearers) hear(face);
  }

  // listen is for those who listen only.
  function listen(text) { id("spoken").textContent = text; }

  // pips are the proxies: full for one that holds the change.
  function pips() {
    const m = /^(\d+) of (\d+)$/.exec(face.held), all = m ? Number(m[2]) : 0;
    set(id("pips"), all && all <= 12 ? "◆".repeat(Number(m[1])) + "◇".repeat(Math.max(all - m[1], 0)) : "");
  }

  // ---- the river ----

  const canvas = id("river"), pen = canvas.getContext("2d", { alpha: false });
  const strip = document.createElement("canvas"), brush = strip.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)"), dark = matchMedia("(prefers-color-scheme: dark)");
  const ahead = 200; // pixels of the strip that are clear beyond now
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const rowOf = { phase: 0, decided: 2, synced: 3, settled: 3, trouble: 3 }; // of texts above the river
  const ease = 0.1; // how much of a clock's error is taken at a time
  let clock = null, stepMs = 100, origin = 0, sorts = [], lanes = [], known = new Map(), moments = new Map();
  let writes = 0, marked = { from: 0, n: 0 }, drawn = marked, size = null, cleared = 0, sprites = new Map(), colors = {};

  const now = () => clock ? clock.now + (performance.now() - clock.at) * clock.rate : 0;

  function setClock(v) {
    const guess = now(), off = v.now - guess;
    const jump = !clock || v.full || clock.rate !== v.rate || Math.abs(off) > 500 * Math.max(v.rate, 1);
    clock = { now: jump ? v.now : guess + off * ease, at: performance.now(), rate: v.rate };
  }

  // A lane is a version's, or that of all failures. It comes with its kinds of marks.
  function laneOf(sort) {
    const name = sort.failed ? "" : sort.version;
    let lane = lanes.find(l => l.name === name && l.failed === Boolean(sort.failed));
    if (lane) return lane;
    lane = { name, failed: Boolean(sort.failed), k: 1, marks: [], next: 0, bins: new Map(), rate: 0 };
    lanes.push(lane);
    lanes.sort((a, b) => a.failed - b.failed || a.name.localeCompare(b.name, "en", { numeric: true }));
    size = null; // lanes are laid out anew
    return lane;
  }

  function forget() {
    sorts = []; lanes = []; known = new Map(); moments = new Map(); size = null; writes = 0; marked = { from: 0, n: 0 };
  }

  // take counts what is new in the river's bins, and makes marks of it.
  function take(v) {
    stepMs = v.stepMs; origin = v.origin;
    if (v.sorts) sorts = v.sorts.map((s, i) => sorts[i] || { ...s, acc: 0, last: 0 });
    for (const s of sorts) s.lane = laneOf(s);
    if (sorts.length && !lanes.some(l => l.failed)) laneOf({ failed: true });
    if (!size) layout();
    const cells = (v.cells || []).slice().sort((a, b) => a[0] - b[0]), fresh = [];
    if (v.full && cells.length) marked.from = origin + cells[0][0] * stepMs;
    for (const [bin, i, n] of cells) {
      const at = bin * 32 + i, had = known.get(at) || 0;
      if (n <= had || !sorts[i]) continue;
      known.set(at, n);
      fresh.push([bin, sorts[i], n - had]);
      const bins = sorts[i].lane.bins;
      bins.set(bin, (bins.get(bin) || 0) + n - had);
    }
    for (const lane of lanes) pace(lane, v.full);
    for (const [bin, sort, n] of fresh) emit(bin, sort, n);
    for (const m of v.marks || []) {
      const old = moments.get(m.id);
      // Writes take turns with two rows, so that one that follows soon hides no name.
      m.row = old ? old.row : m.kind === "write" ? 1 + writes++ % 2 : rowOf[m.kind];
      moments.set(m.id, m);
    }
    prune();
  }

  // pace chooses how many requests a mark of the lane stands for: as few as have room.
  function pace(lane, anew) {
    const newest = Math.max(0, ...lane.bins.keys()), second = Math.round(1000 / stepMs);
    let most = 0;
    for (let end = newest; end > newest - (anew ? size.seconds : 2) * second; end -= second) {
      let n = 0;
      for (let b = end; b > end - second; b--) n += lane.bins.get(b) || 0;
      most = Math.max(most, n);
    }
    lane.rate = most;
    let i = steps.indexOf(lane.k);
    while (i < steps.length - 1 && most / steps[i] > size.room(lane)) i++;
    while (i > 0 && most / steps[i - 1] < 0.7 * size.room(lane)) i--;
    lane.k = steps[i];
  }

  // emit makes marks of n requests of a bin. What is too few for a mark waits for more, and rest gives it one of its own.
  function emit(bin, sort, n) {
    const k = sort.lane.k, at = bin * stepMs;
    sort.acc += n;
    const m = Math.floor(sort.acc / k);
    for (let j = 0; j < m; j++) mark(sort, at + (j + 0.5) / m * stepMs, k);
    sort.acc -= m * k;
    sort.last = at + stepMs / 2;
    sort.since = performance.now();
  }

  function rest() {
    for (const sort of sorts) {
      if (sort.acc > 0 && performance.now() - sort.since > 500) {
        mark(sort, sort.last, sort.acc);
        sort.acc = 0;
      }
    }
  }

  function mark(sort, t, n) {
    const m = { t, n, sort, row: sort.lane.next++ };
    marked.n += n;
    sort.lane.marks.push(m);
    if (size && cleared) paint(m);
  }

  // prune drops what has left the page.
  function prune() {
    const first = now() - 31000, bin = first / stepMs;
    for (const lane of lanes) {
      let i = 0;
      while (i < lane.marks.length && lane.marks[i].t < first) i++;
      if (i) lane.marks.splice(0, i);
      for (const b of lane.bins.keys()) if (b < bin) lane.bins.delete(b);
    }
    for (const at of known.keys()) if (at / 32 < bin - 300) known.delete(at);
    for (const [at, m] of moments) if (m.at < first && moments.size > 12) moments.delete(at);
  }

  // ---- drawing ----

  const shapes = ["circle", "square", "triangle", "diamond", "hexagon"];

  function layout() {
    const box = canvas.getBoundingClientRect(), ratio = Math.min(devicePixelRatio || 1, 2);
    const width = Math.max(box.width, 200), height = Math.max(box.height, 160), small = width < 700;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const seconds = Math.min(16, Math.max(6, width / 120)), line = small ? 17 : 24;
    const head = 4 * line + 6, foot = small ? 16 : 20;
    const tall = (height - head - foot) / Math.max(lanes.length, 2);
    const r = Math.max(6, Math.min(14, tall / 9));
    const px = width / seconds / 1000; // a millisecond's
    size = {
      width, height, ratio, small, seconds, px, head, foot, tall, r, line,
      pitch: lane => 2 * r + (lane.failed ? r + 3 : 3),
      rows: lane => Math.max(1, Math.floor((tall - 8) / size.pitch(lane))),
      room: lane => size.rows(lane) * px * 1000 / (2 * r + 4),
      top: lane => head + lanes.indexOf(lane) * tall,
    };
    lanes.forEach((lane, i) => lane.shape = lane.failed ? "cross" : shapes[i % shapes.length]);
    strip.width = Math.round((width + ahead + 100) * ratio);
    strip.height = canvas.height;
    const style = getComputedStyle(document.documentElement);
    for (const name of ["bg", "card", "ink", "soft", "line", "lane", "fail", "failink", "good", "warn", "write", "v0", "v1", "v2", "v3", "v4", "vink"])
      colors[name] = style.getPropertyValue("--" + name).trim();
    sprites = new Map();
    cleared = 0;
  }

  const font = (px, weight) => (weight || 600) + " " + px + "px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";

  function outline(c, shape, x, y, r) {
    c.beginPath();
    const ring = (n, turn, k) => {
      for (let i = 0; i < n; i++) {
        const a = turn + i * 2 * Math.PI / n;
        c[i ? "lineTo" : "moveTo"](x + k * r * Math.cos(a), y + k * r * Math.sin(a));
      }
    };
    if (shape === "circle") c.arc(x, y, r, 0, 7);
    else if (shape === "square") c.rect(x - r * .88, y - r * .88, r * 1.76, r * 1.76);
    else if (shape === "triangle") ring(3, -Math.PI / 2, 1.25);
    else if (shape === "diamond") ring(4, -Math.PI / 2, 1.15);
    else if (shape === "hexagon") ring(6, 0, 1.05);
    else ring(8, Math.PI / 8, 1.08);
    c.closePath();
  }

  // A sprite is a mark that was drawn once: its shape, the number in it, and for a failure the status below.
  function sprite(sort, n) {
    const lane = sort.lane, name = [lane.shape, lane.failed ? sort.text : lanes.indexOf(lane), n].join("/");
    let s = sprites.get(name);
    if (s) return s;
    const { r, ratio } = size, wide = Math.max(2 * r + 8, lane.failed ? 3.4 * r : 0), high = 2 * r + 8 + (lane.failed ? r : 0);
    s = document.createElement("canvas");
    s.width = Math.ceil(wide * ratio);
    s.height = Math.ceil(high * ratio);
    const c = s.getContext("2d"), x = wide / 2, y = r + 4;
    c.scale(ratio, ratio);
    c.textAlign = "center";
    c.textBaseline = "middle";
    outline(c, lane.shape, x, y, r);
    if (lane.failed) {
      c.fillStyle = colors.card;
      c.fill();
      c.strokeStyle = colors.fail;
      c.lineWidth = 2.5;
      c.stroke();
    } else {
      c.fillStyle = colors["v" + lanes.indexOf(lane) % 5];
      c.fill();
    }
    if (n > 1) {
      const text = n < 1000 ? String(n) : n / 1000 + "k";
      c.fillStyle = lane.failed ? colors.fail : colors.vink;
      c.font = font(Math.min(r * 1.25, 2.6 * r / text.length), 750);
      c.fillText(text, x, y + (lane.shape === "triangle" ? r * .25 : 0) + .5);
    } else if (lane.failed) {
      const d = r * .48;
      c.beginPath();
      c.moveTo(x - d, y - d); c.lineTo(x + d, y + d);
      c.moveTo(x + d, y - d); c.lineTo(x - d, y + d);
      c.lineWidth = 3;
      c.stroke();
    }
    if (lane.failed) {
      c.fillStyle = colors.fail;
      c.font = font(Math.max(8, r * .95), 650);
      c.fillText(sort.text === "no answer" ? "none" : sort.text, x, y + r * 1.65 + 1, wide);
    }
    s.wide = wide;
    s.mid = y;
    if (sprites.size > 400) sprites.clear();
    sprites.set(name, s);
    return s;
  }

  // paint puts a mark into the strip: a ring of pixels of which the page shows the newest.
  function paint(m) {
    const x = m.t * size.px, right = now() * size.px;
    if (x < right - size.width - 20 || x > right + ahead - 20) return;
    const lane = m.sort.lane, n = size.rows(lane), s = sprite(m.sort, m.n), pitch = size.pitch(lane);
    const row = n % 3 ? m.row * 3 % n : m.row % n;
    const y = size.top(lane) + (size.tall - n * pitch) / 2 + row * pitch + size.r + 2 - s.mid;
    const wide = strip.width / size.ratio, at = ((x - s.wide / 2) % wide + wide) % wide;
    for (const left of at + s.wide > wide ? [at, at - wide] : [at])
      brush.drawImage(s, Math.round(left * size.ratio), Math.round(y * size.ratio));
  }

  // clear makes room in the strip for what comes until x.
  function clear(to) {
    const wide = strip.width / size.ratio;
    let from = Math.max(cleared, to - wide);
    while (from < to) {
      const at = (from % wide + wide) % wide, n = Math.min(to - from, wide - at);
      brush.clearRect(Math.floor(at * size.ratio), 0, Math.ceil(n * size.ratio) + 1, strip.height);
      from += n;
    }
    cleared = to;
  }

  function draw() {
    if (!size) layout();
    const { width, height, ratio, px } = size, right = now() * px;
    // After a jump, or a time in which nothing was drawn, the strip is of another time.
    if (!cleared || right + ahead < cleared - 1 || right + ahead > cleared + ahead / 2) {
      brush.clearRect(0, 0, strip.width, strip.height);
      cleared = right + ahead;
      for (const lane of lanes) for (const m of lane.marks) paint(m);
    }
    clear(right + ahead);
    rest();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = colors.card;
    pen.fillRect(0, 0, width, height);
    banks();
    seconds(right);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    const wide = strip.width, from = Math.round(((right - width) % (wide / ratio) + wide / ratio) % (wide / ratio) * ratio) % wide;
    const first = Math.min(canvas.width, wide - from);
    pen.drawImage(strip, from, 0, first, strip.height, 0, 0, first, canvas.height);
    if (first < canvas.width) pen.drawImage(strip, 0, 0, canvas.width - first, strip.height, first, 0, canvas.width - first, canvas.height);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    across(right);
    names();
    drawn = { ...marked };
  }

  // banks are the lanes' grounds.
  function banks() {
    lanes.forEach((lane, i) => {
      if (i % 2 && !lane.failed) return;
      pen.fillStyle = lane.failed ? colors.failink : colors.lane;
      pen.fillRect(0, size.top(lane), size.width, size.tall);
    });
  }

  // names are the lanes' names, with what a mark stands for.
  function names() {
    const { small } = size, big = small ? 15 : 22, little = small ? 11 : 14;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (const lane of lanes) {
      const y = size.top(lane) + (small ? 11 : 17), name = lane.failed ? "✕ failed" : lane.name;
      const note = lane.k > 1 ? "1 mark = " + number(lane.k) : "1 mark = 1 request";
      pen.font = font(big, 750);
      const w = pen.measureText(name).width;
      pen.font = font(little, 550);
      const all = w + pen.measureText(note).width + (lane.failed ? 26 : 26 + big);
      pen.fillStyle = colors.card;
      pen.globalAlpha = .86;
      pen.fillRect(4, y - big * .75, all, big * 1.5);
      pen.globalAlpha = 1;
      let x = 12;
      if (!lane.failed) {
        outline(pen, lane.shape, x + big / 2 - 2, y, big * .38);
        pen.fillStyle = colors["v" + lanes.indexOf(lane) % 5];
        pen.fill();
        x += big;
      }
      pen.fillStyle = lane.failed ? colors.fail : colors.ink;
      pen.font = font(big, 750);
      pen.fillText(name, x, y);
      pen.fillStyle = colors.soft;
      pen.font = font(little, 550);
      pen.fillText(note, x + w + 8, y + 1);
    }
  }

  // seconds are the time's marks at the foot.
  function seconds(right) {
    const { width, height, px, foot, small } = size, every = small ? 2000 : 1000;
    pen.fillStyle = colors.soft;
    pen.strokeStyle = colors.line;
    pen.lineWidth = 1;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = font(small ? 11 : 13, 500);
    const last = right / px;
    for (let t = Math.floor(last / every) * every; t > last - width / px; t -= every) {
      const x = Math.round(width - (last - t) * px) + .5;
      pen.beginPath();
      pen.moveTo(x, size.head);
      pen.lineTo(x, height - foot);
      pen.stroke();
      if (t >= 0 && x > 20 && x < width - 20) pen.fillText(t / 1000 + " s", x, height - foot / 2);
    }
  }

  // across draws the moments of changes as lines across the river, each with its text above.
  function across(right) {
    const { width, height, px, foot, line, small } = size, limits = [0, 1, 2, 3].map(() => width - 4);
    const all = [...moments.values()].sort((a, b) => b.at - a.at);
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (const m of all) {
      const x = width - (right - m.at * px), row = m.row, y = line * row + line / 2 + 3;
      if (x < -width && m.kind !== "phase") continue;
      const color = m.kind === "trouble" ? colors.fail : m.kind === "write" ? colors.write : m.kind === "phase" ? colors.ink : colors.soft;
      if (x >= 0 && x <= width) {
        pen.strokeStyle = color;
        pen.lineWidth = m.kind === "write" ? 4 : m.kind === "phase" || m.kind === "trouble" ? 2 : 1.5;
        pen.setLineDash(m.kind === "synced" ? [2, 5] : m.kind === "settled" ? [8, 5] : []);
        pen.beginPath();
        pen.moveTo(x, m.kind === "phase" ? 0 : y);
        pen.lineTo(x, height - foot);
        pen.stroke();
        pen.setLineDash([]);
      }
      pen.font = font(small ? 12 : 17, m.kind === "phase" || m.kind === "write" ? 700 : 550);
      if (m.kind === "synced") {
        pen.fillStyle = color;
        pen.textAlign = "center";
        if (x >= 0 && x <= width) pen.fillText("◆", x, y);
        pen.textAlign = "left";
        continue;
      }
      const sign = { write: "✎ ", decided: "⚑ ", trouble: "⚠ ", phase: "▸ " }[m.kind];
      const text = m.kind === "settled" ? "✓ settled" : sign + m.text;
      // A text that has just come in stays on the page, and a phase's name does as long as the phase is seen.
      const w = pen.measureText(text).width, left = Math.max(m.kind === "phase" ? 4 : -w, Math.min(x + 7, width - w - 12));
      const room = limits[row] - left;
      if (x > width || room < 24 || left <= -w) continue;
      const shown = w <= room ? text : cut(text, room);
      if (m.kind === "phase" || m.kind === "write") {
        pen.fillStyle = m.kind === "write" ? colors.write : colors.lane;
        pen.fillRect(left - 4, y - line / 2 + 2, Math.min(w, room) + 8, line - 4);
        pen.fillStyle = m.kind === "write" ? colors.card : colors.ink;
      } else pen.fillStyle = color;
      pen.fillText(shown, left, y);
      limits[row] = Math.min(limits[row], left - 8);
      if (m.kind === "phase" && x < 0) limits[row] = 0;
    }
  }

  // cut shortens a text to a width.
  function cut(text, room) {
    let n = text.length;
    while (n > 1 && pen.measureText(text.slice(0, n) + "…").width > room) n = Math.floor(n * .9);
    return n > 1 ? text.slice(0, n) + "…" : "";
  }

  // ---- frames ----

  let frames = 0, counted = 0;

  // most is how many frames a second are drawn at most: where processors are few, they are for the load that is sent.
  const few = navigator.hardwareConcurrency <= 2;
  const most = () => few && face && face.state === "running" && !document.body.dataset.replay ? 20 : 60;

  // next asks for the next frame. A browser that is asked for each of 60 has work with each, also where none is drawn.
  function next() {
    const wait = still.matches ? 500 : most() < 60 ? 1000 / most() : 0;
    if (wait) setTimeout(() => requestAnimationFrame(frame), wait - 12);
    else requestAnimationFrame(frame);
  }

  function frame(t) {
    next();
    draw();
    canarylab.seen(drawn);
    frames++;
    if (t - counted < 2000) return;
    const fps = Math.round(frames * 1000 / (t - counted));
    // The first count, and one after the page was hidden, are none.
    const valid = counted > 0 && t - counted < 4000;
    frames = 0;
    counted = t;
    if (!valid) return;
    canarylab.fps = fps;
    set(id("fps"), still.matches ? "Drawn twice a second, as you asked for less motion." :
      most() < 60 ? "So that the load has the processors, this page draws " + fps + " frames a second, not 60." :
      fps < 57 ? "This browser draws " + fps + " frames a second, not 60." : "");
    describe();
  }

  // describe says what is drawn to those who can't see it.
  let described = 0;
  function describe() {
    if (performance.now() - described < 5000) return;
    described = performance.now();
    canvas.setAttribute("aria-label", lanes.map(l => (l.failed ? "failed" : l.name) + ": " + l.rate + " requests in a second").join(", "));
  }

  // ---- the feed ----

  let source = null, heard = 0;

  function connect() {
    source = new EventSource(root + "feed");
    source.onmessage = event => {
      heard = performance.now();
      const v = JSON.parse(event.data);
      if (id("notice").dataset.lost) { say(""); delete id("notice").dataset.lost; }
      if (v.full) forget();
      setClock(v);
      take(v);
      if (v.full) cleared = 0;
      if (v.face) show(v.face);
      for (const [name, value] of Object.entries(v.data || {})) {
        blocks.set(name, value);
        for (const hear of blockHearers.get(name) || []) hear(value);
      }
    };
    source.onerror = () => {
      lost("The program that serves this page does not answer. What is shown is the last that came from it.");
      // Once the server said no, the browser does not ask again by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
  }

  function lost(text) {
    if (clock) clock = { now: now(), at: performance.now(), rate: 0 };
    say(text, true);
    id("notice").dataset.lost = "1";
  }

  function watch() {
    const silent = performance.now() - heard;
    if (heard && silent > 4000 && !id("notice").dataset.lost && !document.hidden) lost("Nothing has come for " + Math.round(silent / 1000) + " seconds.");
    if (!id("notice").hidden && !id("notice").dataset.lost && performance.now() - spoken > 8000) say("");
  }

  function theme() {
    const next = { "": dark.matches ? "light" : "dark", light: "dark", dark: "light" }[document.documentElement.dataset.theme || ""];
    document.documentElement.dataset.theme = next;
    size = null;
  }

  function start() {
    mountPanels();
    key("?", "this list", () => id("help").open ? id("help").close() : id("help").showModal());
    key("t", "light or dark", theme);
    dark.addEventListener("change", () => { size = null; });
    new ResizeObserver(() => { size = null; }).observe(canvas);
    // The first screen has the river in it, whatever stands above.
    const main = document.querySelector("main");
    const above = new ResizeObserver(() => document.documentElement.style.setProperty("--top", main.offsetTop + "px"));
    for (const e of document.querySelectorAll("header.top, #bars, #notice")) above.observe(e);
    document.addEventListener("visibilitychange", () => { counted = 0; frames = 0; });
    connect();
    setInterval(watch, 1000);
    next();
  }

  // What is drawn can be asked for, by tests: so many requests that were sent from a moment on, in ms since 1970.
  return { panel, start, say, fps: 0, seen() {}, drawn: () => drawn, lanes: () => lanes, marks: () => lanes.map(l => [l.failed ? "failed" : l.name, l.marks.reduce((sum, m) => sum + m.n, 0)]) };
})();
