// One script for all panels: each does what its own markup has.
const all = selector => [...element.querySelectorAll(selector)];
const one = selector => element.querySelector(selector);
const control = name => one(`[data-demo="${name}"]`);
let view = null;

// ---- buttons ----

const press = name => {
  const arg = name === "auto" ? !(view && view.auto) : null;
  return page.do(name, arg).catch(err => page.say(err.message));
};
for (const b of all("button[data-demo]")) b.addEventListener("click", () => press(b.dataset.demo));
if (control("next")) {
  for (const [key, name, does] of [
    ["ArrowRight", "next", "the next step, as soon as this one has its requests; twice: at once"],
    ["PageDown", "next", "the same, as presenters' remote controls send it"],
    ["ArrowLeft", "back", "the step before once more"],
    ["PageUp", "back", "the same, as presenters' remote controls send it"],
    [" ", "auto", "go on by itself, or stay"],
    ["0", "reset", "back to the beginning"],
  ]) page.key(key, does, () => press(name));
}

function says(v) {
  if (v.over) return "The run ends; its report is being made.";
  if (!v.playing) return "The change is being made …";
  if (v.waits) return "The next step comes as soon as this one has the requests that its claims take. Once more: at once.";
  if (v.auto) return v.next ? "It goes on by itself." : "This was the last step.";
  if (!v.ready) return "Requests are being counted …";
  return v.next ? "This step has what its claims take." : "This was the last step: Finish makes the report.";
}

function ways(v) {
  const rows = [];
  const row = (title, lines) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = title;
    dd.append(...lines.map(line => {
      const code = document.createElement("code");
      code.textContent = line;
      return code;
    }));
    rows.push(dt, dd);
  };
  for (const [title, way] of [["Next", v.next], ["Back", v.back], ["Reset", v.reset]])
    if (way && way.lines && way.lines.length) row(title + ": " + way.name, way.lines);
  if (rows.length) row("In a shell", [v.shell]);
  one(".demo-ways").replaceChildren(...rows);
}

// ---- sliders ----

const shown = { rate: n => n, weigh: n => n + " %", errorRate: n => n + " %", latency: n => n + " ms" };
const number = name => control(name) ? Number(control(name).value) : 0;
const faults = () => ({ errorRate: number("errorRate") / 100, latency: number("latency") + "ms" });
const told = name => name === "weigh" || name === "rate" ? [name, number(name)] : ["faults", faults()];
// nothing says why there is nothing to type.
const nothing = { rate: "There is no kubectl for it: the load is the lab's." };
let held = false, asking = false;

function label(input) { input.closest("label").querySelector("output").textContent = shown[input.dataset.demo](input.value); }

// type shows what to type for where a slider is by now; one question at a time.
async function type(name) {
  if (asking) return;
  asking = true;
  let asked;
  do {
    asked = JSON.stringify(told(name));
    const [what, arg] = told(name);
    const lines = await page.do("typed-" + what, arg).catch(() => []);
    const said = (lines || []).join("\n") || nothing[name] || "";
    one(".demo-lines").textContent = said;
    one(".demo-lines").hidden = !said;
  } while (asked !== JSON.stringify(told(name)));
  asking = false;
}

for (const input of all("input[type=range]")) {
  label(input);
  input.addEventListener("input", () => { held = true; label(input); type(input.dataset.demo); });
  input.addEventListener("change", () => {
    held = false;
    page.do(...told(input.dataset.demo)).catch(err => page.say(err.message)).finally(() => view && sliders(view));
  });
}

function milliseconds(text) {
  const parts = /^(?:([\d.]+)s)?(?:([\d.]+)ms)?$/.exec(text || "") || [];
  return Number(parts[1] || 0) * 1000 + Number(parts[2] || 0);
}

function sliders(v) {
  if (held) return;
  if (control("rate") && v.most) control("rate").max = v.most;
  const values = { rate: v.rate || null, weigh: v.weight, errorRate: (v.faults.errorRate || 0) * 100, latency: milliseconds(v.faults.latency) };
  for (const input of all("input[type=range]")) {
    const value = values[input.dataset.demo];
    if (value !== null && value !== undefined) input.value = value;
    input.disabled = v.over || !v.playing;
    label(input);
  }
}

page.data(v => {
  view = v;
  if (control("next")) {
    control("next").disabled = !v.next;
    control("back").disabled = !v.back;
    control("reset").disabled = !v.reset;
    control("finish").disabled = v.over || !v.playing;
    control("auto").disabled = v.over;
    control("auto").setAttribute("aria-pressed", v.auto);
    control("auto").textContent = v.auto ? "Stay here" : "Go on by itself";
    one(".demo-says").textContent = says(v);
    ways(v);
  }
  all(".demo-steps li").forEach((li, i) => {
    const step = v.steps[i];
    if (!step) return;
    li.textContent = step.name + (step.mark ? " (" + step.mark + ")" : "");
    if (step.now) li.setAttribute("aria-current", "step");
    else li.removeAttribute("aria-current");
  });
  sliders(v);
});
