document.body.dataset.replay = "1";
const at = id => document.getElementById("replay-" + id);
let status = null, chapters = "";
const clock = ms => Math.floor(ms / 60000) + ":" + (Math.floor(ms / 100) % 600 / 10).toFixed(1).padStart(4, "0");
const pause = () => page.do("replay-pause", {});
const jump = arg => page.do("replay-jump", arg);
const speed = s => page.do("replay-speed", { speed: s });
const told = promise => promise.catch(err => page.say(err.message, true));
// here is the phase that is shown, as an index of the chapters.
const here = () => status ? status.chapters.findLastIndex(c => c.atMs <= status.atMs + 50) : -1;

// step goes to the next phase, or to the beginning of this one, and from there to the one before.
function step(by) {
  if (!status || !status.chapters.length) return Promise.resolve();
  let i = here();
  if (by > 0) i++;
  else if (i >= 0 && status.atMs - status.chapters[i].atMs < 1500) i--;
  if (i >= status.chapters.length) return Promise.resolve();
  return jump({ phase: status.chapters[Math.max(i, 0)].number });
}

for (const [name, act] of [["pause", pause], ["back", () => step(-1)], ["next", () => step(1)]])
  at(name).addEventListener("click", () => told(act()));
at("phase").addEventListener("change", () => told(jump({ phase: Number(at("phase").value) })));
at("speed").addEventListener("change", () => told(speed(Number(at("speed").value))));
page.key(" ", "pause, and go on", () => told(pause()));
page.key("ArrowLeft", "the phase before", () => told(step(-1)));
page.key("ArrowRight", "the next phase", () => told(step(1)));
page.key("+", "faster", () => told(speed(Math.min(status.speed * 2, 100))));
page.key("-", "slower", () => told(speed(Math.max(status.speed / 2, 0.125))));

page.data(next => {
  status = next;
  const names = JSON.stringify(next.chapters);
  if (names !== chapters) {
    chapters = names;
    at("phase").replaceChildren(...next.chapters.map(c => new Option(c.number + " " + c.name, c.number)));
  }
  const i = here();
  if (document.activeElement !== at("phase") && i >= 0) at("phase").selectedIndex = i;
  at("pause").textContent = next.over ? "Again" : next.paused ? "Go on" : "Pause";
  at("at").textContent = (next.seeking ? "seeking " : next.paused ? "paused " : next.over ? "ended " : "") + clock(next.atMs) + " / " + clock(next.lengthMs);
  at("bar").max = next.lengthMs || 1;
  at("bar").value = next.atMs;
  const rates = [...at("speed").options].map(o => Number(o.value));
  if (!rates.includes(next.speed)) at("speed").add(new Option(next.speed, next.speed));
  if (document.activeElement !== at("speed")) at("speed").value = String(next.speed);
});
